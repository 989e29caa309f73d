/* SPDX-License-Identifier: GPL-2.0 */
/* jemalloc_layout.h: jemalloc 5.3.0's structures, as built on x86-64 with 4 KiB pages; see
 * jemalloc.h.  Private to jemalloc*.c. */
#ifndef INSPECT_JEMALLOC_LAYOUT_H
#define INSPECT_JEMALLOC_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "inspect/jemalloc.h"

#define JE_PAGE 4096ull

/*
 * jemalloc 5.3.0, include/jemalloc/internal/arena_structs.h, struct arena_s; measured in Debian's
 * libjemalloc.so.2 and libjemalloc.a, where they are the same.
 */
#define JE_ARENAS_MOST 4095    /* MALLOCX_ARENA_LIMIT: of je_arenas[] */
#define JE_INTERNAL    0x38    /* stats.internal */
#define JE_LARGE       0x3d0   /* stats.lstats[] */
#define JE_ACTIVE      0x29a0  /* pa_shard.nactive, pages */
#define JE_DIRTY       0x5000  /* pa_shard.pac.ecache_dirty.eset.npages */
#define JE_MUZZY       0x9bf0  /* ... ecache_muzzy ... */
#define JE_PAC_STATS   0x11cc0 /* pa_shard.pac.stats, a pointer */
#define JE_PAC_MAPPED  0x38    /* pac_stats_t.pac_mapped */
#define JE_TAIL	       0x13448 /* pa_shard.base, and all that is behind it */

#define JE_BINS	  36 /* SC_NBINS */
#define JE_LARGES (JEMALLOC_CLASSES - JE_BINS)

/* arena_stats_large_s */
struct je_large {
	uint64_t given, taken; /* nmalloc, ndalloc */
	uint64_t requests, fills, flushes, now;
};
_Static_assert(sizeof(struct je_large) == 48, "arena_stats_large_t");

/* bin_s: a mutex, bin_stats_t, and the slabs. */
struct je_bin {
	char lock[0x70];
	uint64_t given, taken, requests; /* nmalloc, ndalloc, nrequests */
	uint64_t blocks;		 /* curregs */
	uint64_t fills, flushes, slabs_made, reslabs;
	uint64_t slabs; /* curslabs */
	uint64_t nonfull;
	uint64_t slab[4];
};
_Static_assert(sizeof(struct je_bin) == 224, "bin_t");

/* From JE_TAIL on. */
struct je_tail {
	uint64_t shard_base; /* pa_shard.base */
	uint32_t ind, pad;   /* its place in je_arenas[] */
	uint64_t base, created;
	struct je_bin bins[JE_BINS];
};
_Static_assert(offsetof(struct je_tail, bins) == 0x20, "arena_t.bins");

/* base_s: what it has for its own structures. */
#define JE_BASE_IND    0     /* ehooks.ind: the arena's */
#define JE_BASE_BLOCKS 0xa0  /* a list of base_block_s, the first word of which is its size */
#define JE_BASE_STATS  0xf28 /* allocated, resident, mapped */

/* bin_info_s */
struct je_info {
	uint64_t size, slab_size;
	uint32_t blocks, shards; /* nregs of a slab, n_shards */
	uint64_t bitmap[2];
};
_Static_assert(sizeof(struct je_info) == 40, "bin_info_t");

/* emap_s: rtree_s, a pointer and a mutex before its first level. */
#define JE_RTREE_ROOT 0x78

#endif
