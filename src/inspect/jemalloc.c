// SPDX-License-Identifier: GPL-2.0
#include "inspect/jemalloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096ull

/*
 * jemalloc 5.3.0, include/jemalloc/internal/arena_structs.h, struct arena_s; measured in Debian's
 * libjemalloc.so.2 and libjemalloc.a, where they are the same.
 */
#define ARENAS_MOST 4095    /* MALLOCX_ARENA_LIMIT: of je_arenas[] */
#define INTERNAL    0x38    /* stats.internal */
#define LARGE	    0x3d0   /* stats.lstats[] */
#define ACTIVE	    0x29a0  /* pa_shard.nactive, pages */
#define DIRTY	    0x5000  /* pa_shard.pac.ecache_dirty.eset.npages */
#define MUZZY	    0x9bf0  /* ... ecache_muzzy ... */
#define PAC_STATS   0x11cc0 /* pa_shard.pac.stats, a pointer */
#define PAC_MAPPED  0x38    /* pac_stats_t.pac_mapped */
#define TAIL	    0x13448 /* pa_shard.base, and all that is behind it */

#define BINS   36 /* SC_NBINS */
#define LARGES (JEMALLOC_CLASSES - BINS)

/* arena_stats_large_s */
struct large {
	uint64_t given, taken; /* nmalloc, ndalloc */
	uint64_t requests, fills, flushes, now;
};
_Static_assert(sizeof(struct large) == 48, "arena_stats_large_t");

/* bin_s: a mutex, bin_stats_t, and the slabs. */
struct bin {
	char lock[0x70];
	uint64_t given, taken, requests; /* nmalloc, ndalloc, nrequests */
	uint64_t blocks;		 /* curregs */
	uint64_t fills, flushes, slabs_made, reslabs;
	uint64_t slabs; /* curslabs */
	uint64_t nonfull;
	uint64_t slab[4];
};
_Static_assert(sizeof(struct bin) == 224, "bin_t");

/* From TAIL on. */
struct tail {
	uint64_t shard_base; /* pa_shard.base */
	uint32_t ind, pad;   /* its place in je_arenas[] */
	uint64_t base, created;
	struct bin bins[BINS];
};
_Static_assert(offsetof(struct tail, bins) == 0x20, "arena_t.bins");

/* base_s: what it has for its own structures. */
#define BASE_IND   0	 /* ehooks.ind: the arena's */
#define BASE_STATS 0xf28 /* allocated, resident, mapped */

/* bin_info_s */
struct info {
	uint64_t size, slab_size;
	uint32_t blocks, shards; /* nregs of a slab, n_shards */
	uint64_t bitmap[2];
};
_Static_assert(sizeof(struct info) == 40, "bin_info_t");

#define TRIES 5

struct reading {
	const struct jemalloc *j;
	struct jemalloc_state *out;
	struct info infos[BINS];
	struct tail tail;
	struct large larges[LARGES];
	uint64_t arenas[ARENAS_MOST];
};

uint64_t jemalloc_class(unsigned int i)
{
	/* 8; then each 16 up to 128; then four to each doubling. */
	if (!i)
		return 8;
	if (i <= 8)
		return 16ull * i;
	return (uint64_t)(5 + (i - 9) % 4) << ((i - 9) / 4 + 5);
}

/* sc.c, slab_size(): the fewest pages that hold blocks without a rest.  An option can ask for
 * others, and for several bins of a class: then its own table says so, and this is refused. */
static bool fits(const struct info *infos)
{
	for (unsigned int i = 0; i < BINS; i++) {
		uint64_t size = jemalloc_class(i), slab = PAGE;

		while (slab % size)
			slab += PAGE;
		if (infos[i].size != size || infos[i].slab_size != slab ||
		    infos[i].blocks != slab / size || infos[i].shards != 1)
			return false;
	}
	return true;
}

static int add_bins(struct reading *r)
{
	for (unsigned int i = 0; i < BINS; i++) {
		const struct bin *b = &r->tail.bins[i];

		if (b->slabs > 1ull << 36 || b->blocks > b->slabs * r->infos[i].blocks ||
		    b->blocks > b->given - b->taken)
			return -EAGAIN;
		r->out->in_use += b->blocks * r->infos[i].size;
		r->out->calls += b->given + b->taken;
	}
	return 0;
}

static int add_larges(struct reading *r)
{
	for (unsigned int i = 0; i < LARGES; i++) {
		const struct large *l = &r->larges[i];
		uint64_t size = jemalloc_class(BINS + i), n = l->given - l->taken;

		if (n > (1ull << 47) / size)
			return -EAGAIN;
		r->out->in_use += n * size;
		r->out->calls += l->given + l->taken;
	}
	return 0;
}

static int add_arena(struct reading *r, uint64_t at, uint32_t ind)
{
	const struct memory *m = &r->j->mem;
	struct jemalloc_state *out = r->out;
	uint64_t internal, active, dirty, muzzy, pac, mapped, base[3];
	uint32_t base_ind;
	int err = at % 64 ? -ENODATA : memory_read(m, at + TAIL, &r->tail, sizeof(r->tail));
	const struct {
		uint64_t at;
		void *to;
		size_t len;
	} parts[] = {
	    {r->tail.base + BASE_IND, &base_ind, sizeof(base_ind)},
	    {r->tail.base + BASE_STATS, base, sizeof(base)},
	    {at + LARGE, r->larges, sizeof(r->larges)},
	    {at + INTERNAL, &internal, sizeof(internal)},
	    {at + ACTIVE, &active, sizeof(active)},
	    {at + DIRTY, &dirty, sizeof(dirty)},
	    {at + MUZZY, &muzzy, sizeof(muzzy)},
	    {at + PAC_STATS, &pac, sizeof(pac)},
	};

	if (!err && (r->tail.ind != ind || r->tail.base != r->tail.shard_base))
		err = -ENODATA;
	for (size_t i = 0; !err && i < sizeof(parts) / sizeof(*parts); i++)
		err = memory_read(m, parts[i].at, parts[i].to, parts[i].len);
	if (!err)
		err = memory_read_u64(m, pac + PAC_MAPPED, &mapped);
	if (err)
		return err;
	if (base_ind != ind || base[0] > base[1] || base[1] > base[2] || base[2] >> 40)
		return -ENODATA;
	if (active >> 35 || dirty >> 35 || muzzy >> 35 || mapped >> 47 || mapped % PAGE ||
	    internal >> 47)
		return -EAGAIN;
	out->active += active * PAGE;
	out->dirty += dirty * PAGE;
	out->muzzy += muzzy * PAGE;
	out->metadata += base[0] + internal;
	out->resident += base[1] + (active + dirty) * PAGE;
	out->system += mapped + base[2];
	out->narenas++;
	err = add_bins(r);
	return err ? err : add_larges(r);
}

static int read_once(struct reading *r)
{
	struct jemalloc_state *out = r->out;
	int err = memory_read(&r->j->mem, r->j->bin_infos, r->infos, sizeof(r->infos));

	memset(out, 0, sizeof(*out));
	if (err)
		return err;
	if (!fits(r->infos))
		return -ENODATA;
	err = memory_read(&r->j->mem, r->j->arenas, r->arenas, sizeof(r->arenas));
	/* The first is there as soon as it allocates; of others there may be any. */
	if (!err && !r->arenas[0])
		err = -ENODATA;
	for (uint32_t i = 0; !err && i < ARENAS_MOST; i++)
		if (r->arenas[i])
			err = add_arena(r, r->arenas[i], i);
	if (err)
		return err;
	return out->in_use <= out->active && out->active <= out->system && !(out->system >> 47)
		   ? 0
		   : -EAGAIN;
}

int jemalloc_read(const struct jemalloc *j, struct jemalloc_state *out)
{
	struct reading *r = malloc(sizeof(*r));
	struct jemalloc_state before = {0};
	int err = -EAGAIN, was;

	if (!r)
		return -ENOMEM;
	r->j = j;
	r->out = out;
	for (int i = 0; i < TRIES; i++) {
		was = err;
		err = read_once(r);
		if (err && err != -EAGAIN)
			break;
		if (!err && !was && !memcmp(&before, out, sizeof(before))) {
			out->steady = true;
			break;
		}
		before = *out;
	}
	free(r);
	return err;
}
