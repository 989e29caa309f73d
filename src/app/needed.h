/* SPDX-License-Identifier: GPL-2.0 */
/*
 * needed.h: the files of code that a program will map at its start, as the dynamic loader finds
 * them: by DT_NEEDED, $ORIGIN and the loader's cache.  A guess: what it misses, or has too much,
 * costs time and nothing else.
 */
#ifndef APP_NEEDED_H
#define APP_NEEDED_H

#include <stddef.h>

#define NEEDED_MAX 128

struct needed {
	size_t n;
	char *path[NEEDED_MAX]; /* as realpath(3) gives it; the program first, or its interpreter */
};

/* Nothing where the program is no ELF file and no script. */
void needed_find(struct needed *n, const char *program);
void needed_free(struct needed *n);

#endif
