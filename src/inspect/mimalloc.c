// SPDX-License-Identifier: GPL-2.0
#include "inspect/mimalloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/mimalloc_layout.h"

/* Of a hostile or a strange process: more is not followed. */
#define PROBES_MOST   (1u << 18) /* places where a segment could be: 8 TiB of them */
#define SEGMENTS_MOST (1u << 14)
#define HEAPS_MOST    4096	 /* one a thread, and those that programs make */
#define STEPS_MOST    (1u << 19) /* along lists: each is a read */

#define TRIES 3

struct walk {
	const struct mimalloc *m;
	struct mimalloc_state *out;
	uint64_t cookie; /* of _mi_heap_main */
	struct mi_segment s;
	uint64_t *heaps; /* that own a page */
	size_t nheaps;
	uint64_t used; /* blocks, in all pages: no list is longer */
	unsigned int steps;
	struct allocator_ranges *ranges; /* NULL: of no interest */
	bool torn; /* a list led astray while it was followed: what it freed is not all known */
};

/* Bytes of one block of the page whose first slice this is. */
static uint64_t block_size(const struct mi_page *p)
{
	return p->block_size < MI_HUGE_BLOCK ? p->block_size : p->slice_count * MI_SLICE_SIZE;
}

static int keep_heap(struct walk *w, uint64_t heap)
{
	for (size_t i = w->nheaps; i--;)
		if (w->heaps[i] == heap)
			return 0;
	if (w->nheaps == HEAPS_MOST)
		return -E2BIG;
	w->heaps[w->nheaps++] = heap;
	return 0;
}

/*
 * The next block of a list, or 0 at its end, and where it cannot be followed: it was taken back and
 * handed out again meanwhile, and its first word is the program's.  n: blocks so far.
 */
static int follow(struct walk *w, uint64_t n, uint64_t most, uint64_t *at)
{
	int err = w->steps++ == STEPS_MOST ? -E2BIG : memory_read_u64(&w->m->mem, *at, at);

	if (err == -EFAULT || (!err && *at && ((*at & 7) || n >= most))) {
		w->torn = true;
		*at = 0;
		return 0;
	}
	return err;
}

/* The list of one page's blocks that other threads freed: up to `most`. */
static int thread_free(struct walk *w, uint64_t at, uint32_t most, uint64_t *n)
{
	int err = 0;

	if (at && ((at & 7) || !most)) {
		w->torn = true;
		at = 0;
	}
	for (*n = 0; !err && at;)
		err = follow(w, ++*n, most, &at);
	return err;
}

static bool plausible(const struct mi_page *p)
{
	return p->used <= p->capacity && p->capacity <= p->reserved &&
	       p->used * block_size(p) <= p->slice_count * MI_SLICE_SIZE;
}

/*
 * How many of a page's blocks other threads have freed; at: of its slice.  If its owner takes the
 * list back meanwhile, the list goes on into others of the page: then it is counted again.
 */
static int count_freed(struct walk *w, uint64_t at, struct mi_page *p, uint64_t *freed)
{
	for (int i = 0; i < TRIES; i++) {
		struct mi_page now;
		bool before = w->torn, whole;
		int err;

		w->torn = false;
		err = thread_free(w, p->thread_free & ~3ull, p->used, freed);
		whole = !w->torn;
		w->torn = before;
		if (err || !(p->thread_free & ~3ull))
			return err;
		err = memory_read(&w->m->mem, at, &now, sizeof(now));
		if (err)
			return err == -EFAULT ? -EAGAIN : err;
		if (whole && now.thread_free == p->thread_free && now.used == p->used)
			return 0;
		if (now.block_size != p->block_size || now.slice_count != p->slice_count ||
		    !plausible(&now))
			break;
		*p = now;
	}
	*freed = 0;
	w->torn = true;
	return 0;
}

static int read_page(struct walk *w, uint64_t at, struct mi_page *p)
{
	uint64_t freed, size = block_size(p);
	int err;

	if (!p->block_size)
		return 0; /* a free span */
	if (!plausible(p))
		return -EAGAIN;
	err = count_freed(w, at, p, &freed);
	if (!err && p->heap && p->used)
		err = keep_heap(w, p->heap & ~7ull);
	if (err)
		return err;
	w->used += p->used;
	w->out->in_use += (p->used - freed) * size;
	w->out->thread_free += freed * size;
	return 0;
}

static int read_slices(struct walk *w, uint64_t at)
{
	struct mi_segment *s = &w->s;

	for (uint64_t i = 0; i < s->slice_entries;) {
		struct mi_page *p = &s->slices[i];
		uint64_t slice = at + offsetof(struct mi_segment, slices) + i * sizeof(*p);
		uint32_t count = p->slice_count;
		int err = 0;

		if (!p->slice_count || p->slice_offset || p->slice_count > s->segment_slices - i)
			return -EAGAIN;
		/* The first are the header's own. */
		if (i >= s->info_slices)
			err = read_page(w, slice, p);
		if (err)
			return err;
		i += count;
	}
	return 0;
}

/* What is mapped for it: src/os.c, _mi_os_good_alloc_size, of sizes from 8 MiB on. */
static uint64_t mapped(const struct mi_segment *s)
{
	uint64_t size = s->segment_slices * MI_SLICE_SIZE,
		 to = size < (32u << 20) ? 1u << 20 : 4u << 20;

	return (size + to - 1) & ~(to - 1);
}

static uint64_t committed(const struct mi_segment *s)
{
	unsigned int bits = 0;

	for (unsigned int i = 0; i < 8; i++)
		bits += (unsigned int)__builtin_popcountll(s->commit_mask[i]);
	/* A huge one is committed whole: its mask has no bits for what is past the 512th. */
	return bits == MI_SLICES || bits * MI_SLICE_SIZE > mapped(s) ? mapped(s)
								     : bits * MI_SLICE_SIZE;
}

/* At a place where a segment could be, in memory up to `end`: *skip, how much it is. */
static int read_segment(struct walk *w, uint64_t at, uint64_t *skip)
{
	struct mi_segment *s = &w->s;
	int err = memory_read(&w->m->mem, at, s, offsetof(struct mi_segment, slices));

	*skip = MI_SEGMENT_SIZE;
	/* Not there any more, or never was one. */
	if (err == -EFAULT || (!err && (s->cookie ^ at) != w->cookie))
		return 0;
	if (err)
		return err;
	if (s->kind > 1 || !s->info_slices || s->info_slices >= s->segment_slices ||
	    s->segment_slices >> 32 || s->slice_entries > MI_SLICES ||
	    s->slice_entries > s->segment_slices || (!s->kind && s->segment_slices != MI_SLICES))
		return -ENODATA;
	*skip = (s->segment_slices * MI_SLICE_SIZE + MI_SEGMENT_SIZE - 1) & ~(MI_SEGMENT_SIZE - 1);
	if (w->out->segments++ == SEGMENTS_MOST)
		return -E2BIG;
	if (w->ranges)
		return allocator_ranges_add(w->ranges, at, at + mapped(s));
	w->out->reserved += mapped(s);
	w->out->system += committed(s);
	/* Kept for later, with nothing in it: its slices are what they were. */
	if (!s->used)
		return 0;
	err = memory_read(&w->m->mem, at + offsetof(struct mi_segment, slices), s->slices,
			  s->slice_entries * sizeof(*s->slices));
	if (err)
		return err == -EFAULT ? -EAGAIN : err;
	return read_slices(w, at);
}

static int read_segments(struct walk *w)
{
	uint64_t at = 0, skip;
	unsigned int probes = 0;

	for (size_t i = 0; i < w->m->ranges.n; i++) {
		const struct allocator_range *r = &w->m->ranges.all[i];
		uint64_t first = (r->start + MI_SEGMENT_SIZE - 1) & ~(MI_SEGMENT_SIZE - 1);

		if (at < first)
			at = first;
		for (; at < r->end; at += skip) {
			int err = probes++ == PROBES_MOST ? -E2BIG : read_segment(w, at, &skip);

			if (err)
				return err;
		}
	}
	return 0;
}

/* A block that another thread freed while its page was full waits on the owning heap's list. */
static int delayed_block(struct walk *w, uint64_t block)
{
	uint64_t base = block & ~(MI_SEGMENT_SIZE - 1), at, size;
	struct mi_page p;
	int err;

	at =
	    base + offsetof(struct mi_segment, slices) + (block - base) / MI_SLICE_SIZE * sizeof(p);
	err = memory_read(&w->m->mem, at, &p, sizeof(p));
	if (!err && p.slice_offset) {
		if (p.slice_offset % sizeof(p) || p.slice_offset > at - base)
			return -EAGAIN;
		err = memory_read(&w->m->mem, at - p.slice_offset, &p, sizeof(p));
	}
	if (err)
		return err == -EFAULT ? -EAGAIN : err;
	size = block_size(&p);
	if (!size || size > w->out->in_use)
		return -EAGAIN;
	w->out->in_use -= size;
	w->out->thread_free += size;
	return 0;
}

static int read_delayed(struct walk *w, uint64_t heap)
{
	uint64_t block, n = 0;
	int err =
	    memory_read_u64(&w->m->mem, heap + offsetof(struct mi_heap, delayed_free), &block);

	while (!err && block) {
		err = delayed_block(w, block);
		if (!err)
			err = follow(w, ++n, w->used, &block);
	}
	if (err != -EAGAIN && err != -EFAULT)
		return err;
	w->torn = true;
	return 0;
}

static int read_cookie(struct walk *w)
{
	struct mi_heap h;
	int err = memory_read(&w->m->mem, w->m->heap_main, &h, sizeof(h));

	for (unsigned int b = 0; !err && b < MI_BINS; b++)
		if (h.bins[b].block_size != mi_bin_size(b))
			err = -ENODATA;
	w->cookie = h.cookie;
	return err;
}

static int read_once(struct walk *w)
{
	int err = read_cookie(w);

	memset(w->out, 0, sizeof(*w->out));
	w->nheaps = 0;
	w->used = w->steps = 0;
	w->torn = false;
	if (!err)
		err = read_segments(w);
	for (size_t i = 0; !err && i < w->nheaps; i++)
		err = read_delayed(w, w->heaps[i]);
	if (!err && !w->out->segments)
		err = -ENODATA;
	return err;
}

int mimalloc_read(const struct mimalloc *m, struct mimalloc_state *out)
{
	struct walk *w = calloc(1, sizeof(*w));
	struct mimalloc_state before = {0};
	int err = -EAGAIN, was;
	bool torn = true;

	if (w)
		w->heaps = calloc(HEAPS_MOST, sizeof(*w->heaps));
	if (!w || !w->heaps) {
		free(w);
		return -ENOMEM;
	}
	w->m = m;
	w->out = out;
	for (int i = 0; i < TRIES; i++) {
		was = err;
		err = read_once(w);
		if (err && err != -EAGAIN)
			break;
		if (!err && !was && !torn && !w->torn && !memcmp(&before, out, sizeof(before))) {
			out->steady = true;
			break;
		}
		before = *out;
		torn = w->torn;
	}
	free(w->heaps);
	free(w);
	return err;
}

int mimalloc_ranges(const struct mimalloc *m, struct allocator_ranges *out)
{
	struct walk *w = calloc(1, sizeof(*w));
	struct mimalloc_state unused = {0};
	int err;

	if (!w)
		return -ENOMEM;
	w->m = m;
	w->out = &unused;
	w->ranges = out;
	err = read_cookie(w);
	if (!err)
		err = read_segments(w);
	free(w);
	return err;
}
