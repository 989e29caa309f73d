/* SPDX-License-Identifier: GPL-2.0 */
/*
 * allocator_ranges.h: which memory an allocator has, by its own table of pages: what is resident of
 * it is then known to the page, not guessed from its counters.  Private to the readers of
 * allocators, and explain.
 */
#ifndef INSPECT_ALLOCATOR_RANGES_H
#define INSPECT_ALLOCATOR_RANGES_H

#include <stddef.h>
#include <stdint.h>

struct memory;
struct pagemap;

/* In any order.  Zeroed at first. */
struct allocator_ranges {
	struct allocator_range {
		uint64_t start, end;
	} * all;
	size_t n, room;
};

/* Joined to the last one where it touches it.  0, -ENOMEM, -E2BIG. */
int allocator_ranges_add(struct allocator_ranges *r, uint64_t start, uint64_t end);
void allocator_ranges_free(struct allocator_ranges *r);

/*
 * A table of two levels, as jemalloc and tcmalloc have it: `roots` pointers to leaves of
 * ALLOCATOR_LEAF words, one for each page.  A word leads to what describes the run of pages that
 * its page is in; the first and the last page of a run have one, and those between have one or 0.
 */
#define ALLOCATOR_LEAF (1u << 18)
struct allocator_table {
	uint64_t at; /* of the first level */
	uint32_t roots;
	unsigned int page_shift;
	uint64_t pointer;	/* which bits of a word are the address */
	unsigned int run;	/* where behind it the run's start and length stand, two words */
	unsigned int run_shift; /* of both: to bytes */
};

/* Add what the table has.  Only pages of it that are resident are read.  0, -E2BIG (more than it is
 * worth to follow), -ENOMEM, -ESRCH, -EPERM. */
int allocator_ranges_read(const struct memory *m, struct pagemap *pages,
			  const struct allocator_table *t, struct allocator_ranges *out);

#endif
