/* SPDX-License-Identifier: GPL-2.0 */
/*
 * remote.h: debug information from debuginfod servers, which libdw asks where DEBUGINFOD_URLS is
 * set.  A server that is slow or silent must not hold us up: each question and all of them together
 * have a limit; when that is used up, nobody is asked any more.
 */
#ifndef SYMBOL_REMOTE_H
#define SYMBOL_REMOTE_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>

struct remote {
	bool asked;	  /* DEBUGINFOD_URLS is set */
	uint64_t left_ns; /* of the time for all questions */
};

/* Once, before there are threads that read the environment: sets what limits libdebuginfod's own
 * questions (DEBUGINFOD_TIMEOUT, DEBUGINFOD_MAXTIME, seconds) where the user has not. */
void remote_init(struct remote *r);

/* A Dwfl_Callbacks.find_debuginfo: the standard one, with the time counted.  *userdata: a struct
 * remote, or NULL. */
int remote_find(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base,
		const char *file, const char *link, GElf_Word crc, char **out);

#endif
