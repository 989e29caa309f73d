/* SPDX-License-Identifier: GPL-2.0 */
/*
 * crossings.h: blocks for which the heap had to grow.  glibc moves the program's break on when a
 * block does not fit below it (malloc/malloc.c: sysmalloc), by 132 KiB or so: who asked for that
 * block is known from the system call, without a probe on malloc.  A block as large as one in a
 * hundred of the way from one crossing to the next is the one that crosses in one of a hundred
 * cases: so each that is still there stands for as many bytes of its callsite's as the heap grew
 * by.  Pure.
 */
#ifndef MODEL_CROSSINGS_H
#define MODEL_CROSSINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crossing {
	uint64_t point;	 /* an address within the block's chunk */
	uint64_t bytes;	 /* that the heap grew by: to the next */
	uint64_t end;	 /* of the heap then */
	uint32_t serial; /* another for each of one address space */
	uint32_t site;	 /* of the system call; once it is settled, of the block: 0 has none */
	bool settled;
};

/* What top_pad is where nobody changed it (malloc/malloc.c: DEFAULT_TOP_PAD). */
#define CROSSING_TOP_PAD (128u << 10)

struct crossings {
	struct crossing *all; /* by point, and by serial */
	size_t n, room;
	uint32_t last;
};

void crossings_free(struct crossings *c);
/* c is empty.  0 or -ENOMEM. */
int crossings_copy(struct crossings *c, const struct crossings *from);
/* The break moved on, from behind the last point.  0 or -ENOMEM. */
int crossings_grow(struct crossings *c, uint64_t from, uint64_t to, uint32_t site);
/* It moved back: how many are gone with that, which are those behind the first n. */
size_t crossings_shrink(struct crossings *c, uint64_t to);

/* The crossing of the chunk from start to end, or NULL; all: by point. */
const struct crossing *crossing_of(const struct crossing *all, size_t n, uint64_t start,
				   uint64_t end);

/*
 * Can it be a chunk that ends here?  The heap grows by whole pages, to as little behind the block
 * as it may be (malloc/malloc.c: sysmalloc), so that where the block ended is known to a page: what
 * lies there else, and does not end so, came when the block had gone.  top_pad: bytes, struct
 * malloc_par's.
 */
bool crossing_fits(const struct crossing *c, uint64_t end, uint64_t top_pad);

#endif
