// SPDX-License-Identifier: GPL-2.0
/* glibc_walk.c: what is free in each arena, and where. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/glibc_heap.h"
#include "inspect/glibc_trail.h"
#include "base/clock.h"
#include "inspect/pagemap.h"

#define PAGE PAGEMAP_PAGE

/* An arena that changed under the walk is walked again, this often. */
#define ROUNDS 3

struct walk {
	const struct glibc *g;
	struct pagemap *pages;
	struct glibc_arena *a;
	struct heap {
		struct glibc_region r;
		struct glibc_trail trail; /* what the walk believed */
	} * heaps;
	size_t nheaps, room;
	struct heap *now; /* under way */
	struct glibc_heap reader;
	uint64_t walked; /* bytes of chunks, all heaps */
	uint64_t system; /* of all arenas: a cache holds blocks of any */
	/* Sorted; the next are those at or behind the chunk under way.  tcache: after the walk. */
	struct glibc_chunks fast, tcache;
	size_t next_fast, next_tcache;
	size_t tcache_room; /* entries that may be looked at */
	const struct glibc_visitor *v;
};

static void forget_heaps(struct walk *w)
{
	for (size_t i = 0; i < w->nheaps; i++) {
		glibc_trail_free(&w->heaps[i].trail);
		free(w->heaps[i].r.states);
	}
	w->nheaps = 0;
}

static int add_heap(void *arg, uint64_t start, uint64_t end, uint64_t first)
{
	struct walk *w = arg;

	if (w->nheaps == w->room) {
		size_t room = w->room ? 2 * w->room : 16;
		struct heap *h = reallocarray(w->heaps, room, sizeof(*h));

		if (!h)
			return -ENOMEM;
		w->heaps = h;
		w->room = room;
	}
	w->heaps[w->nheaps++] = (struct heap){.r = {.start = start, .end = end, .first = first}};
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct heap *x = a, *y = b;

	return (x->r.start > y->r.start) - (x->r.start < y->r.start);
}

/* malloc.c, mtrim() and systrim(): whole pages behind a free chunk's header; of top, in the main
 * arena only, all pages but what MINSIZE keeps. */
static uint64_t trimmable(const struct walk *w, const struct glibc_chunk *c)
{
	uint64_t end = (c->addr + c->size) / PAGE * PAGE, from;

	if (c->kind == GLIBC_BINNED)
		from = (c->addr + 0x30 + PAGE - 1) / PAGE * PAGE;
	else if (c->kind == GLIBC_TOP && w->a->main)
		from = (c->addr + GLIBC_MIN_CHUNK + 1 + PAGE - 1) / PAGE * PAGE;
	else
		return 0;
	return from < end ? glibc_heap_resident(&w->reader, from, end) : 0;
}

/* The thread caches: a block of their size is common enough, what is in it is not. */
static int look_for_tcache(struct walk *w, const struct glibc_chunk *c)
{
	const struct glibc_layout *l = w->g->layout;
	unsigned char content[0x300];
	int n;

	if (!l->tcache_bins || c->size != ((l->tcache_size + 8u + 15) & ~15u) ||
	    !glibc_heap_peek(&w->reader, c->addr + 16, content, l->tcache_size))
		return 0;
	n = glibc_tcache(w->g, content, &w->tcache_room, &w->tcache);
	return n < 0 ? n : 0;
}

/* Is there a chunk of the list at addr?  Asked in ascending order. */
static bool passes(const struct glibc_chunks *list, size_t *next, uint64_t addr)
{
	while (*next < list->n && list->v[*next].addr < addr)
		++*next;
	return *next < list->n && list->v[*next].addr == addr;
}

static int count(void *arg, struct glibc_chunk *c)
{
	struct walk *w = arg;
	struct glibc_arena *a = w->a;
	int err = w->v ? glibc_trail_add(&w->now->trail, c) : 0;

	if (err)
		return err;
	w->walked += c->size;
	if (c->kind == GLIBC_IN_USE && passes(&w->fast, &w->next_fast, c->addr))
		c->kind = GLIBC_FAST;
	if (c->kind == GLIBC_IN_USE)
		return look_for_tcache(w, c);
	if (c->kind == GLIBC_BINNED) {
		a->bin_bytes += c->size;
		a->bin_chunks++;
	}
	a->free_resident += glibc_heap_resident(&w->reader, c->addr, c->addr + c->size);
	a->trimmable += trimmable(w, c);
	return 0;
}

/* All heaps.  -EAGAIN where one of them could not be walked to its end; the others are. */
static int pass(struct walk *w)
{
	int torn = 0;

	w->reader.top_addr = w->a->top_addr;
	w->walked = 0;
	w->next_fast = 0;
	for (size_t i = 0; i < w->nheaps; i++) {
		int err = glibc_heap_enter(&w->reader, w->pages, &w->heaps[i].r);

		w->now = &w->heaps[i];
		if (!err)
			err = glibc_heap_walk(&w->reader, count, w);
		if (err == -EAGAIN || err == -ENODATA)
			torn = -EAGAIN;
		else if (err)
			return err;
	}
	return torn;
}

static void show_chunk(void *arg, struct glibc_chunk *c)
{
	struct walk *w = arg;

	if (c->kind == GLIBC_IN_USE && passes(&w->fast, &w->next_fast, c->addr))
		c->kind = GLIBC_FAST;
	if (c->kind == GLIBC_IN_USE && passes(&w->tcache, &w->next_tcache, c->addr))
		c->kind = GLIBC_TCACHE;
	w->v->chunk(w->v->arg, c);
}

/* What the walk believed, once it is known which chunks are in a thread's cache. */
static void show(struct walk *w)
{
	w->next_fast = w->next_tcache = 0;
	for (size_t i = 0; i < w->nheaps; i++) {
		const struct glibc_region *r = &w->heaps[i].r;

		if (!r->states)
			continue; /* of a list that tore before any was entered */
		if (w->v->region)
			w->v->region(w->v->arg, r->page, r->npages, r->states);
		glibc_trail_each(&w->heaps[i].trail, r->first, show_chunk, w);
	}
}

static uint64_t sum(const struct glibc_chunks *c, uint64_t *n)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < c->n; i++)
		bytes += c->v[i].size;
	*n = c->n;
	return bytes;
}

/* The heaps could not be walked: what is in the bins is still told by their lists. */
static int by_lists(struct walk *w, const void *state)
{
	struct glibc_chunks bins = {0};
	struct glibc_arena *a = w->a;
	int err = glibc_bins(w->g, a, state, w->reader.deadline_ns, &bins);

	/* Page by page it is not known here. */
	a->bin_bytes = a->bin_chunks = a->free_resident = a->trimmable = 0;
	if (!err)
		a->bin_bytes = sum(&bins, &a->bin_chunks);
	free(bins.v);
	return err;
}

/* What lies in no chunk: the arena's own header, what aligns the first chunk, fenceposts. */
static bool walked_all(const struct walk *w)
{
	uint64_t bytes = w->walked;

	for (size_t i = 0; i < w->nheaps; i++)
		bytes += w->heaps[i].r.first - w->heaps[i].r.start + 0x20;
	return bytes >= w->a->system;
}

static int find_heaps(struct walk *w)
{
	int err;

	forget_heaps(w);
	err = glibc_regions(w->g, w->a, add_heap, w);
	if (w->nheaps)
		qsort(w->heaps, w->nheaps, sizeof(*w->heaps), by_start);
	return err == -ENODATA || err == -EFAULT ? -EAGAIN : err;
}

/* One round: 0; -EAGAIN (it tore: nothing but system and top is told), or an error. */
static int walk_arena(struct walk *w, int last)
{
	const struct glibc_layout *l = w->g->layout;
	unsigned char before[0x900], after[0x900];
	struct glibc_arena *a = w->a;
	int err = glibc_arena_read(w->g, a), fast, heaps;

	if (!err)
		err = memory_read(&w->g->mem, a->addr, before, l->state_size);
	if (err || !a->system)
		return err;
	w->fast.n = w->tcache.n = 0;
	/* More than this is in no cache: blocks of them are small, and threads have a heap too. */
	w->tcache_room = 4096 + w->system / 256;
	fast = glibc_fastbins(w->g, a, before, w->reader.deadline_ns, &w->fast);
	if (fast && fast != -EAGAIN)
		return fast;
	glibc_chunks_sort(&w->fast);
	a->fast_bytes = sum(&w->fast, &a->fast_chunks);
	heaps = find_heaps(w);
	if (!heaps)
		heaps = pass(w);
	/* Where not all was seen the arena also has memory elsewhere: behind somebody else's sbrk,
	 * or by mmap in place of brk. */
	if (!heaps && !walked_all(w))
		heaps = -EAGAIN;
	a->walked = !heaps;
	if (heaps == -EAGAIN && last)
		heaps = by_lists(w, before);
	if (heaps)
		return heaps;
	glibc_chunks_sort(&w->tcache);
	a->tcache_bytes = sum(&w->tcache, &a->tcache_chunks);
	err = memory_read(&w->g->mem, a->addr, after, l->state_size);
	if (err)
		return err;
	if (a->top_bytes + a->bin_bytes + a->fast_bytes > a->system)
		return -EAGAIN;
	a->in_use = a->system - a->top_bytes - a->bin_bytes - a->fast_bytes;
	a->confidence =
	    fast || memcmp(before, after, l->state_size) ? GLIBC_ESTIMATED : GLIBC_EXACT;
	return 0;
}

static int walk_rounds(struct walk *w)
{
	int err = -EAGAIN;

	for (int round = 1; round <= ROUNDS && err == -EAGAIN; round++)
		err = walk_arena(w, round == ROUNDS);
	/* Nothing that a torn walk made up. */
	if (err == -EAGAIN || err == -ENODATA)
		err = glibc_arena_read(w->g, w->a);
	return err == -ENODATA ? 0 : err;
}

static void add_up(struct glibc_state *s)
{
	s->sum = (struct glibc_sums){0};
	s->confidence = s->more ? GLIBC_UNKNOWN : GLIBC_EXACT;
	for (size_t i = 0; i < s->narenas; i++) {
		const struct glibc_arena *a = &s->arenas[i];

		s->sum.system += a->system;
		s->sum.top += a->top_bytes;
		s->sum.fast += a->fast_bytes;
		s->sum.bins += a->bin_bytes;
		s->sum.tcache += a->tcache_bytes;
		s->sum.in_use += a->in_use;
		s->sum.free_resident += a->free_resident;
		s->sum.trimmable += a->trimmable;
		if (a->confidence < s->confidence && a->system)
			s->confidence = a->confidence;
	}
}

int glibc_walk(const struct glibc *g, struct pagemap *pages, uint64_t budget_ns,
	       const struct glibc_visitor *v, struct glibc_state *state)
{
	struct walk w = {.g = g, .pages = pages, .v = v, .system = state->sum.system};
	int err = glibc_heap_init(&w.reader, g, budget_ns ? clock_now_ns() + budget_ns : 0);

	if (v) {
		w.reader.files = v->files;
		w.reader.nfiles = v->nfiles;
	}
	for (size_t i = 0; i < state->narenas && !err; i++) {
		w.a = &state->arenas[i];
		forget_heaps(&w);
		err = walk_rounds(&w);
		if (!err && v && w.a->confidence != GLIBC_UNKNOWN)
			show(&w);
		if (err)
			w.a->walked = false;
	}
	add_up(state);
	glibc_heap_free(&w.reader);
	forget_heaps(&w);
	free(w.heaps);
	free(w.fast.v);
	free(w.tcache.v);
	return err;
}
