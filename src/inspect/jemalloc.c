// SPDX-License-Identifier: GPL-2.0
#include "inspect/jemalloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/jemalloc_layout.h"

#define TRIES 5

struct reading {
	const struct jemalloc *j;
	struct jemalloc_state *out;
	struct je_info infos[JE_BINS];
	struct je_tail tail;
	struct je_large larges[JE_LARGES];
	uint64_t arenas[JE_ARENAS_MOST];
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
static bool fits(const struct je_info *infos)
{
	for (unsigned int i = 0; i < JE_BINS; i++) {
		uint64_t size = jemalloc_class(i), slab = JE_PAGE;

		while (slab % size)
			slab += JE_PAGE;
		if (infos[i].size != size || infos[i].slab_size != slab ||
		    infos[i].blocks != slab / size || infos[i].shards != 1)
			return false;
	}
	return true;
}

static int add_bins(struct reading *r)
{
	for (unsigned int i = 0; i < JE_BINS; i++) {
		const struct je_bin *b = &r->tail.bins[i];

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
	for (unsigned int i = 0; i < JE_LARGES; i++) {
		const struct je_large *l = &r->larges[i];
		uint64_t size = jemalloc_class(JE_BINS + i), n = l->given - l->taken;

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
	int err = at % 64 ? -ENODATA : memory_read(m, at + JE_TAIL, &r->tail, sizeof(r->tail));
	const struct {
		uint64_t at;
		void *to;
		size_t len;
	} parts[] = {
	    {r->tail.base + JE_BASE_IND, &base_ind, sizeof(base_ind)},
	    {r->tail.base + JE_BASE_STATS, base, sizeof(base)},
	    {at + JE_LARGE, r->larges, sizeof(r->larges)},
	    {at + JE_INTERNAL, &internal, sizeof(internal)},
	    {at + JE_ACTIVE, &active, sizeof(active)},
	    {at + JE_DIRTY, &dirty, sizeof(dirty)},
	    {at + JE_MUZZY, &muzzy, sizeof(muzzy)},
	    {at + JE_PAC_STATS, &pac, sizeof(pac)},
	};

	if (!err && (r->tail.ind != ind || r->tail.base != r->tail.shard_base))
		err = -ENODATA;
	for (size_t i = 0; !err && i < sizeof(parts) / sizeof(*parts); i++)
		err = memory_read(m, parts[i].at, parts[i].to, parts[i].len);
	if (!err)
		err = memory_read_u64(m, pac + JE_PAC_MAPPED, &mapped);
	if (err)
		return err;
	if (base_ind != ind || base[0] > base[1] || base[1] > base[2] || base[2] >> 40)
		return -ENODATA;
	if (active >> 35 || dirty >> 35 || muzzy >> 35 || mapped >> 47 || mapped % JE_PAGE ||
	    internal >> 47)
		return -EAGAIN;
	out->active += active * JE_PAGE;
	out->dirty += dirty * JE_PAGE;
	out->muzzy += muzzy * JE_PAGE;
	out->metadata += base[0] + internal;
	out->resident += base[1] + (active + dirty) * JE_PAGE;
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
	for (uint32_t i = 0; !err && i < JE_ARENAS_MOST; i++)
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
