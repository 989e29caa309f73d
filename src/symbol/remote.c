// SPDX-License-Identifier: GPL-2.0
#include "symbol/remote.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"

#define SECOND 1000000000ull

/* libdebuginfod's own default is 90 s for the first byte, and none for the whole. */
#define FIRST_BYTE "5"
#define WHOLE	   "20"
#define ALL_NS	   (30 * SECOND)

void remote_init(struct remote *r)
{
	const char *urls = getenv("DEBUGINFOD_URLS");

	r->asked = urls && *urls;
	r->left_ns = ALL_NS;
	if (!r->asked)
		return;
	setenv("DEBUGINFOD_TIMEOUT", FIRST_BYTE, 0);
	setenv("DEBUGINFOD_MAXTIME", WHOLE, 0);
}

int remote_find(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base,
		const char *file, const char *link, GElf_Word crc, char **out)
{
	struct remote *r = *userdata;
	uint64_t start = clock_now_ns(), took;
	int fd = dwfl_standard_find_debuginfo(mod, userdata, name, base, file, link, crc, out);

	if (!r || !r->asked)
		return fd;
	took = clock_now_ns() - start;
	if (took < r->left_ns) {
		r->left_ns -= took;
		return fd;
	}
	log_warn("the debuginfod servers of DEBUGINFOD_URLS are slow: they are asked no more");
	r->asked = false;
	unsetenv("DEBUGINFOD_URLS");
	return fd;
}
