/* SPDX-License-Identifier: GPL-2.0 */
/* libraries.h: which files of this system a command that is yet to start may find its allocator in.
 */
#ifndef APP_LIBRARIES_H
#define APP_LIBRARIES_H

#include <stddef.h>

#include "probe/launch.h"

struct libraries {
	size_t n;
	char *path[LAUNCH_MAX_FILES]; /* as realpath(3) gives it */
};

/*
 * The command's own file (it may have malloc linked in), what LD_PRELOAD names, and those of the
 * dynamic loader's cache whose names are allocators': the C library, jemalloc, tcmalloc, mimalloc.
 * An allocator elsewhere is found once it is mapped.
 */
void libraries_find(struct libraries *l, const char *command);
void libraries_free(struct libraries *l);

/* The file of a command, looked for in PATH, as realpath(3) gives it; NULL where there is none. The
 * caller's. */
char *libraries_program(const char *command);

#endif
