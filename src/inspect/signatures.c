// SPDX-License-Identifier: GPL-2.0
#include "inspect/signatures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/memory.h"
#include "model/modules.h"
#include "model/signature.h"

#define SIZE_BITS 7ull

/* Of a chunk are read: its header, and what the block begins with. */
#define HEADER	2u
#define WORDS	(HEADER + SIGNATURE_CONTENT)
#define AT_ONCE 128u

_Static_assert(WORDS % 2 == 0 && SIGNATURE_CONTENT >= SIGNATURE_WORDS,
	       "whole pieces, all that count");
_Static_assert(AT_ONCE <= MEMORY_HEADS, "no more than can be read at once");

int signatures_files(const struct modules *m, struct signature_range **files, size_t *n)
{
	*n = 0;
	*files = malloc((modules__count(m) + 1) * sizeof(**files));
	if (!*files)
		return -ENOMEM;
	for (size_t i = 0; i < modules__count(m); i++) {
		const struct module *x = modules__at(m, i);

		if (x->inode)
			(*files)[(*n)++] = (struct signature_range){x->start, x->end};
	}
	return 0;
}

static int read_some(const struct memory *mem, const struct signature_range *files, size_t nfiles,
		     struct signatures_chunk *c, size_t n)
{
	uint64_t addrs[AT_ONCE] = {0}, words[AT_ONCE][WORDS];
	int err;

	for (size_t i = 0; i < n; i++)
		addrs[i] = c[i].addr - HEADER * sizeof(uint64_t);
	err = memory_pieces(mem, addrs, n, sizeof(*words), words);
	for (size_t i = 0; !err && i < n; i++) {
		const uint64_t *block = words[i] + HEADER;

		c[i].size = words[i][1] & ~SIZE_BITS;
		memcpy(c[i].words, block, sizeof(c[i].words));
		c[i].begins = signature_take(files, nfiles, block, c[i].size);
	}
	return err;
}

int signatures_read(const struct memory *mem, const struct signature_range *files, size_t nfiles,
		    struct signatures_chunk *chunks, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i += AT_ONCE)
		err = read_some(mem, files, nfiles, chunks + i, n - i < AT_ONCE ? n - i : AT_ONCE);
	return err;
}
