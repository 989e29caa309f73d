/* SPDX-License-Identifier: GPL-2.0 */
/*
 * crossings.h: blocks for which the heap had to grow.  glibc moves the program's break on when a
 * block does not fit below it (malloc/malloc.c: sysmalloc), by 132 KiB or so: who asked for that
 * block is known from the system call, without a probe on malloc.  A block as large as one in a
 * hundred of the way from one crossing to the next is the one that crosses in one of a hundred
 * cases: so each that is still there stands for as many bytes of its callsite's as the heap grew
 * by.  The heaps of other arenas grow by pages: of those a few are told of (heapwatch/heap.h), and
 * each stands for what one was drawn of.  Pure.
 */
#ifndef MODEL_CROSSINGS_H
#define MODEL_CROSSINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hw_heap_grow;

struct crossing {
	uint64_t point;	 /* an address within the block's chunk */
	uint64_t start;	 /* the chunk begins here, or before that; 0: not known */
	uint64_t end;	 /* of the heap then */
	uint64_t bytes;	 /* that it stands for */
	uint32_t serial; /* another for each of one address space */
	uint32_t site;	 /* of the system call; once it is settled, of the block: 0 has none */
	bool settled;
	bool main; /* of the heap that the break ends */
};

/* What top_pad is where nobody changed it (malloc/malloc.c: DEFAULT_TOP_PAD). */
#define CROSSING_TOP_PAD (128u << 10)

struct crossings {
	struct crossings_heap *heaps; /* by address */
	size_t nheaps, room;
	size_t n;
	uint32_t last;
	uint32_t changes; /* grows with each that comes or goes */
};

/* Of one that is gone. */
typedef void (*crossings_gone_fn)(void *arg, const struct crossing *c);

void crossings_free(struct crossings *c);
/* c is empty.  0 or -ENOMEM. */
int crossings_copy(struct crossings *c, const struct crossings *from);
/* The break moved on, from behind the last point.  0 or -ENOMEM. */
int crossings_brk(struct crossings *c, uint64_t from, uint64_t to, uint32_t site);
/* Another heap did, which was told of (heapwatch/heap.h). */
int crossings_grow(struct crossings *c, const struct hw_heap_grow *e, uint32_t site);
/* The break moved back. */
void crossings_shrink(struct crossings *c, uint64_t to, crossings_gone_fn gone, void *arg);
/* What was in that range is lost: unmapped, mapped over, or emptied. */
void crossings_lose(struct crossings *c, uint64_t from, uint64_t to, crossings_gone_fn gone,
		    void *arg);
/* fn gets each, by point; it may change site and settled. 0, or what fn returned. */
int crossings_each(struct crossings *c, int (*fn)(void *arg, struct crossing *c), void *arg);

/*
 * Can it be a chunk from start to end?  A heap grows by whole pages, to as little behind the block
 * as it may be (malloc/malloc.c: sysmalloc), so that where the block ended is known to a page; of
 * heaps that grow by mprotect so is where it began.  What lies there else came when the block had
 * gone.  top_pad: bytes, struct malloc_par's.
 */
bool crossing_fits(const struct crossing *c, uint64_t start, uint64_t end, uint64_t top_pad);
/* The crossing that it is, or NULL; all: by point. */
const struct crossing *crossing_of(const struct crossing *all, size_t n, uint64_t start,
				   uint64_t end, uint64_t top_pad);

#endif
