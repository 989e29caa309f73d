// SPDX-License-Identifier: GPL-2.0
#include "model/crossings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heapwatch/event.h"
#include "heapwatch/heap.h"

/* The heap's last chunk, which is free, always keeps this (malloc/malloc.c: MINSIZE): so a block
 * that does not fit reaches past this much before its end, and may not reach the end itself. */
#define REST 32u

#define PAGE 4096u
/* With glibc.malloc.hugetlb it grows by these. */
#define HUGE_PAGE (2u << 20)
/* arm64 has pages of up to this. */
#define PAGE_MAX (64u << 10)

/* 128 GiB of heap. */
#define MOST (1u << 20)

/* Each grows at its end, so that its points are in order. */
struct crossings_heap {
	uint64_t start; /* no point is before it */
	bool main;
	struct crossing *all;
	size_t n, room;
};

void crossings_free(struct crossings *c)
{
	for (size_t i = 0; i < c->nheaps; i++)
		free(c->heaps[i].all);
	free(c->heaps);
	*c = (struct crossings){0};
}

int crossings_copy(struct crossings *c, const struct crossings *from)
{
	*c = (struct crossings){.last = from->last, .changes = from->changes};
	if (!from->n)
		return 0;
	c->heaps = calloc(from->nheaps, sizeof(*c->heaps));
	if (!c->heaps)
		return -ENOMEM;
	c->room = from->nheaps;
	for (; c->nheaps < from->nheaps; c->nheaps++) {
		const struct crossings_heap *h = &from->heaps[c->nheaps];
		struct crossings_heap *to = &c->heaps[c->nheaps];

		*to = *h;
		to->room = h->n;
		to->all = malloc((h->n + 1) * sizeof(*to->all));
		if (!to->all) {
			crossings_free(c);
			return -ENOMEM;
		}
		memcpy(to->all, h->all, h->n * sizeof(*to->all));
		c->n += h->n;
	}
	return 0;
}

/* How many heaps begin at or before that address. */
static size_t heaps_to(const struct crossings *c, uint64_t addr)
{
	size_t low = 0, high = c->nheaps;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (c->heaps[mid].start <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct crossings_heap *add_heap(struct crossings *c, uint64_t start, bool main)
{
	size_t at = heaps_to(c, start);

	if (c->nheaps == c->room) {
		size_t room = c->room ? 2 * c->room : 16;
		struct crossings_heap *heaps = reallocarray(c->heaps, room, sizeof(*heaps));

		if (!heaps)
			return NULL;
		c->heaps = heaps;
		c->room = room;
	}
	memmove(c->heaps + at + 1, c->heaps + at, (c->nheaps - at) * sizeof(*c->heaps));
	c->heaps[at] = (struct crossings_heap){.start = start, .main = main};
	c->nheaps++;
	return &c->heaps[at];
}

static struct crossings_heap *main_heap(const struct crossings *c)
{
	for (size_t i = 0; i < c->nheaps; i++)
		if (c->heaps[i].main)
			return &c->heaps[i];
	return NULL;
}

static int add(struct crossings *c, struct crossings_heap *h, const struct crossing *one)
{
	if (!h)
		return -ENOMEM;
	if (h->n == h->room) {
		size_t room = h->room ? 2 * h->room : 64;
		struct crossing *all = reallocarray(h->all, room, sizeof(*all));

		if (!all)
			return -ENOMEM;
		h->all = all;
		h->room = room;
	}
	h->all[h->n] = *one;
	h->all[h->n].main = h->main;
	h->all[h->n++].serial = ++c->last;
	c->n++;
	c->changes++;
	return 0;
}

int crossings_brk(struct crossings *c, uint64_t from, uint64_t to, uint32_t site)
{
	const struct crossing one = {
	    .point = from - REST, .end = to, .bytes = to - from, .site = site};
	struct crossings_heap *h = main_heap(c);

	if (c->n == MOST)
		return 0;
	/* It had gone back further than to where the first was. */
	if (h && h->start > one.point)
		h->start = one.point;
	return add(c, h ? h : add_heap(c, one.point, true), &one);
}

int crossings_grow(struct crossings *c, const struct hw_heap_grow *e, uint32_t site)
{
	const struct crossing one = {.point = e->from - REST,
				     .start = e->top,
				     .end = e->to,
				     .bytes = hw_heap_grown(e->from, e->to),
				     .site = site};
	const uint64_t start = hw_heap_of(one.point);
	size_t at = heaps_to(c, start);
	struct crossings_heap *h = at && c->heaps[at - 1].start == start ? &c->heaps[at - 1] : NULL;

	if (c->n == MOST || (h && h->n && h->all[h->n - 1].point >= one.point))
		return 0;
	return add(c, h ? h : add_heap(c, start, false), &one);
}

/* The first whose point is not before addr. */
static size_t first_from(const struct crossing *all, size_t n, uint64_t addr)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (all[mid].point < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void lose(struct crossings *c, struct crossings_heap *h, uint64_t from, uint64_t to,
		 crossings_gone_fn gone, void *arg)
{
	size_t first = first_from(h->all, h->n, from), end = first_from(h->all, h->n, to);

	for (size_t i = first; i < end; i++)
		gone(arg, &h->all[i]);
	if (first == end)
		return;
	memmove(h->all + first, h->all + end, (h->n - end) * sizeof(*h->all));
	h->n -= end - first;
	c->n -= end - first;
	c->changes++;
}

void crossings_shrink(struct crossings *c, uint64_t to, crossings_gone_fn gone, void *arg)
{
	struct crossings_heap *h = main_heap(c);

	if (h)
		lose(c, h, to - REST, UINT64_MAX, gone, arg);
}

void crossings_lose(struct crossings *c, uint64_t from, uint64_t to, crossings_gone_fn gone,
		    void *arg)
{
	size_t i = heaps_to(c, from);

	for (i -= i > 0; i < c->nheaps && c->heaps[i].start < to;) {
		struct crossings_heap *h = &c->heaps[i];

		lose(c, h, from, to, gone, arg);
		if (h->n) {
			i++;
			continue;
		}
		free(h->all);
		c->nheaps--;
		memmove(h, h + 1, (c->nheaps - i) * sizeof(*h));
	}
}

int crossings_each(struct crossings *c, int (*fn)(void *arg, struct crossing *c), void *arg)
{
	int err = 0;

	for (size_t i = 0; i < c->nheaps; i++)
		for (size_t k = 0; k < c->heaps[i].n && !err; k++)
			err = fn(arg, &c->heaps[i].all[k]);
	return err;
}

/* The other heaps' addresses say how large pages may be. */
static uint64_t page_of(const struct crossing *c)
{
	const uint64_t both = (c->point + REST) | c->end, page = both & -both;

	if (c->main)
		return c->bytes % HUGE_PAGE ? PAGE : HUGE_PAGE;
	return page < PAGE_MAX ? page : PAGE_MAX;
}

bool crossing_fits(const struct crossing *c, uint64_t start, uint64_t end, uint64_t top_pad)
{
	const uint64_t least = end + (c->main ? top_pad : 0) + REST;

	return least <= c->end && c->end < least + page_of(c) && start <= c->point &&
	       (!c->start || start <= c->start);
}

const struct crossing *crossing_of(const struct crossing *all, size_t n, uint64_t start,
				   uint64_t end, uint64_t top_pad)
{
	for (size_t i = first_from(all, n, start); i < n && all[i].point < end; i++)
		if (crossing_fits(&all[i], start, end, top_pad))
			return &all[i];
	return NULL;
}
