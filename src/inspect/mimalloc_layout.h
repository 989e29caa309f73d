/* SPDX-License-Identifier: GPL-2.0 */
/* mimalloc_layout.h: mimalloc 2.0.9's structures, include/mimalloc-types.h, as built for release
 * (MI_SECURE, MI_DEBUG and MI_PADDING 0) on 64 bits.  Private to mimalloc*.c. */
#ifndef INSPECT_MIMALLOC_LAYOUT_H
#define INSPECT_MIMALLOC_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#define MI_SEGMENT_SIZE (32ull << 20) /* MI_SEGMENT_SIZE, and what they are aligned to */
#define MI_SLICE_SIZE	65536ull      /* MI_SEGMENT_SLICE_SIZE */
#define MI_SLICES	512	      /* MI_SLICES_PER_SEGMENT */
#define MI_HUGE_BLOCK	0x80000000u   /* MI_HUGE_BLOCK_SIZE: the page's size is the block's */

/* struct mi_page_s: a slice; where slice_count is not 0 the first of a page or of a free span. */
struct mi_page {
	uint32_t slice_count;
	uint32_t slice_offset; /* bytes back to the first slice's */
	uint8_t bits;
	uint16_t capacity, reserved; /* blocks; committed, and in all */
	uint8_t flags, zero;
	uint64_t free;
	uint32_t used;	     /* blocks, with those on local_free's list taken off already */
	uint32_t block_size; /* xblock_size; 0: a free span */
	uint64_t local_free;
	uint64_t thread_free; /* xthread_free: a list, with a state in its two low bits */
	uint64_t heap;	      /* xheap: the owner, 0 once that has ended */
	uint64_t next, prev, padding;
};
_Static_assert(sizeof(struct mi_page) == 80, "mi_page_t");

/* struct mi_segment_s */
struct mi_segment {
	uint64_t memid;
	uint8_t pinned, large, committed;
	uint64_t alignment, align_offset;
	uint64_t allow_decommit, decommit_expire;
	uint64_t decommit_mask[8], commit_mask[8]; /* a bit each slice */
	uint64_t abandoned_next, next;
	uint64_t abandoned, abandoned_visits;
	uint64_t used;	 /* pages */
	uint64_t cookie; /* its address ^ _mi_heap_main.cookie */
	uint64_t segment_slices, info_slices;
	uint32_t kind; /* 0: normal, 1: huge */
	uint64_t slice_entries;
	uint64_t thread_id;
	struct mi_page slices[MI_SLICES];
};
_Static_assert(offsetof(struct mi_segment, cookie) == 216, "mi_segment_t.cookie");
_Static_assert(offsetof(struct mi_segment, slices) == 264, "mi_segment_t.slices");

/* struct mi_heap_s: tld, pages_free_direct[129], pages[MI_BIN_FULL + 1], ... */
#define MI_BINS 75
struct mi_heap {
	uint64_t tld;
	uint64_t direct[129];
	struct {
		uint64_t first, last, block_size;
	} bins[MI_BINS];
	uint64_t delayed_free; /* thread_delayed_free */
	uint64_t thread_id;
	uint64_t arena_id;
	uint64_t cookie;
};
_Static_assert(offsetof(struct mi_heap, cookie) == 0xb30, "mi_heap_t.cookie");

/* src/init.c, MI_PAGE_QUEUES_EMPTY: in words 1, then 1 to 8, then four to each doubling, up to
 * 524288; then MI_MEDIUM_OBJ_WSIZE_MAX (16384) + 1 and + 2 (huge, full).  Here in bytes. */
uint64_t mi_bin_size(unsigned int bin);

#endif
