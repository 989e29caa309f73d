/* SPDX-License-Identifier: GPL-2.0 */
/* arena.h: memory that is given back all at once. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena__new(void);
void arena__free(struct arena *a);

/* n * size bytes of 0, aligned for any type; a legal pointer also for none.  NULL: no memory. */
void *arena__alloc(struct arena *a, size_t n, size_t size);
/* A copy of a string. */
char *arena__string(struct arena *a, const char *s);

#endif
