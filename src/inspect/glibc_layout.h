/* SPDX-License-Identifier: GPL-2.0 */
/*
 * glibc_layout.h: where the fields of glibc's malloc are, by version; 64-bit, little endian.
 * From malloc/malloc.c and malloc/arena.c of each release (struct malloc_state, malloc_par,
 * heap_info, tcache_perthread_struct); 2.36 was measured, see tests/unit/test_glibc.c.
 */
#ifndef INSPECT_GLIBC_LAYOUT_H
#define INSPECT_GLIBC_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#define GLIBC_BINS     254 /* pointers: 127 bins of two */
#define GLIBC_FASTBINS 10

struct glibc_layout {
	unsigned int from, to; /* 2.from to 2.to */

	/* struct malloc_state */
	uint16_t fastbins; /* 0: this version has none */
	uint16_t top, bins, next, attached, system, max_system;
	uint16_t state_size; /* bytes up to the end of max_system */

	/* struct malloc_par */
	uint16_t n_mmaps, mmapped, max_mmapped, sbrk_base;

	/* heap_info: the arena of a heap that was mapped lies behind it */
	uint16_t heap_header;

	/* tcache_perthread_struct */
	uint16_t tcache_bins, tcache_count_bytes, tcache_entries, tcache_size;
	bool tcache_left; /* it counts what still fits, not what is there; bins from 64 on are of
			     mixed sizes */
	bool mangled;	  /* fastbins' and tcache's links are XORed with their address >> 12 */
};

/* The layout of glibc 2.minor, or NULL where it is not known. */
const struct glibc_layout *glibc_layout(unsigned int minor);

/* sizeof(struct malloc_par) is under this in every version. */
#define GLIBC_PAR_MAX 0x100

/* heap_info is at a multiple of this: HEAP_MAX_SIZE. */
#define GLIBC_HEAP_MAX (64ull << 20)

#endif
