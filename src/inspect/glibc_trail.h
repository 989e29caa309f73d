/* SPDX-License-Identifier: GPL-2.0 */
/*
 * glibc_trail.h: the chunks of one heap in the order of their addresses, as a walk found them, to
 * be gone over again without reading the heap again: a byte for a chunk of less than 512 bytes, two
 * for less than 64 KiB, and four for a signature.  Pure; private to glibc_*.c.
 */
#ifndef INSPECT_GLIBC_TRAIL_H
#define INSPECT_GLIBC_TRAIL_H

#include "inspect/glibc.h"

struct glibc_trail {
	unsigned char *v;
	size_t n, room;
};

/* The next chunk, which begins where the last one ended: kind is GLIBC_IN_USE, GLIBC_BINNED or
 * GLIBC_TOP; the first may have a signature.  0 or -ENOMEM. */
int glibc_trail_add(struct glibc_trail *t, const struct glibc_chunk *c);

/* Each chunk, the first of them at addr. */
void glibc_trail_each(const struct glibc_trail *t, uint64_t addr,
		      void (*fn)(void *arg, struct glibc_chunk *c), void *arg);

void glibc_trail_free(struct glibc_trail *t);

#endif
