// SPDX-License-Identifier: GPL-2.0
#include "model/crossings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heapwatch/event.h"
#include "heapwatch/mix.h"

#define PAGE 4096ull
/* What is written behind a chunk is its neighbour's second word. */
#define WRITTEN 8u

/* Heaps grow at their ends, several at a time: so most of what comes is the last of its region. */
#define REGION (64ull << 20)

struct crossings_region {
	uint64_t start;
	struct crossing *all;
	size_t n, room;
};

void crossings_free(struct crossings *c)
{
	for (size_t i = 0; i < c->nregions; i++)
		free(c->regions[i].all);
	free(c->regions);
	*c = (struct crossings){0};
}

int crossings_copy(struct crossings *c, const struct crossings *from)
{
	*c = (struct crossings){.last = from->last,
				.changes = from->changes,
				.halved = from->halved,
				.nmapped = from->nmapped};
	if (!from->n)
		return 0;
	c->regions = calloc(from->nregions, sizeof(*c->regions));
	if (!c->regions)
		return -ENOMEM;
	c->room = from->nregions;
	for (; c->nregions < from->nregions; c->nregions++) {
		const struct crossings_region *r = &from->regions[c->nregions];
		struct crossings_region *to = &c->regions[c->nregions];

		*to = *r;
		to->room = r->n;
		to->all = malloc((r->n + 1) * sizeof(*to->all));
		if (!to->all) {
			crossings_free(c);
			return -ENOMEM;
		}
		memcpy(to->all, r->all, r->n * sizeof(*to->all));
		c->n += r->n;
	}
	return 0;
}

/* How many regions begin at or before that address. */
static size_t regions_to(const struct crossings *c, uint64_t addr)
{
	size_t low = 0, high = c->nregions;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (c->regions[mid].start <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct crossings_region *region_of(struct crossings *c, uint64_t addr)
{
	const uint64_t start = addr & ~(REGION - 1);
	size_t at = regions_to(c, start);

	if (at && c->regions[at - 1].start == start)
		return &c->regions[at - 1];
	if (c->nregions == c->room) {
		size_t room = c->room ? 2 * c->room : 16;
		struct crossings_region *regions = reallocarray(c->regions, room, sizeof(*regions));

		if (!regions)
			return NULL;
		c->regions = regions;
		c->room = room;
	}
	memmove(c->regions + at + 1, c->regions + at, (c->nregions - at) * sizeof(*c->regions));
	c->regions[at] = (struct crossings_region){.start = start};
	c->nregions++;
	return &c->regions[at];
}

/* The first whose end is not before addr. */
static size_t first_from(const struct crossing *all, size_t n, uint64_t addr)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (all[mid].end < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static uint64_t touched(uint64_t end)
{
	return (end + WRITTEN) & ~(PAGE - 1);
}

/* Of those from first to end; mappings too, or not. */
static void lose(struct crossings *c, struct crossings_region *r, size_t first, size_t end,
		 bool mapped, crossings_gone_fn gone, void *arg)
{
	size_t kept = first, lost;

	for (size_t i = first; i < end; i++) {
		if (r->all[i].mapped && !mapped) {
			r->all[kept++] = r->all[i];
			continue;
		}
		c->nmapped -= r->all[i].mapped;
		gone(arg, &r->all[i]);
	}
	lost = end - kept;
	if (!lost)
		return;
	memmove(r->all + kept, r->all + end, (r->n - end) * sizeof(*r->all));
	r->n -= lost;
	c->n -= lost;
	c->changes++;
}

static void lose_in(struct crossings *c, uint64_t from, uint64_t to, bool mapped,
		    crossings_gone_fn gone, void *arg)
{
	size_t i = regions_to(c, from);

	for (i -= i > 0; i < c->nregions && c->regions[i].start < to;) {
		struct crossings_region *r = &c->regions[i];

		lose(c, r, first_from(r->all, r->n, from), first_from(r->all, r->n, to), mapped,
		     gone, arg);
		if (r->n) {
			i++;
			continue;
		}
		free(r->all);
		c->nregions--;
		memmove(r, r + 1, (c->nregions - i) * sizeof(*r));
	}
}

void crossings_lose(struct crossings *c, uint64_t from, uint64_t to, crossings_gone_fn gone,
		    void *arg)
{
	lose_in(c, from, to, true, gone, arg);
}

void crossings_empty(struct crossings *c, uint64_t from, uint64_t to, crossings_gone_fn gone,
		     void *arg)
{
	lose_in(c, from, to, false, gone, arg);
}

/*
 * One is drawn as often as its block is large, as the kernel's side does it (bpf/touch.bpf.c), and
 * by the page, so that it is the same for all that touch it in turn.
 */
static bool is_kept(const struct crossings *c, const struct crossing *one)
{
	const uint64_t least = (uint64_t)(one->pages >> c->halved) * PAGE,
		       size = one->end - one->start;
	const double drawn = (double)(hw_mix(0, touched(one->end)) >> 32) / 4294967296.0;

	return drawn * (double)one->pages * PAGE < (double)(size > least ? size : least);
}

static void halve(struct crossings *c, crossings_gone_fn gone, void *arg)
{
	c->halved++;
	for (size_t i = 0; i < c->nregions; i++) {
		struct crossings_region *r = &c->regions[i];
		size_t kept = 0;

		for (size_t k = 0; k < r->n; k++) {
			struct crossing one = r->all[k];

			one.pages *= one.mapped ? 1 : 2;
			if (!one.mapped && !is_kept(c, &one))
				gone(arg, &r->all[k]);
			else
				r->all[kept++] = one;
		}
		c->n -= r->n - kept;
		r->n = kept;
	}
	c->changes++;
}

static int insert(struct crossings *c, struct crossings_region *r, const struct crossing *one)
{
	size_t at = first_from(r->all, r->n, one->end);

	if (r->n == r->room) {
		size_t room = r->room ? 2 * r->room : 64;
		struct crossing *all = reallocarray(r->all, room, sizeof(*all));

		if (!all)
			return -ENOMEM;
		r->all = all;
		r->room = room;
	}
	memmove(r->all + at + 1, r->all + at, (r->n - at) * sizeof(*r->all));
	r->all[at] = *one;
	r->all[at].serial = ++c->last;
	r->n++;
	c->n++;
	c->nmapped += one->mapped;
	c->changes++;
	return 0;
}

/* HALVED_MAX: then one stands for 64 GiB. */
#define HALVED_MAX 12u
#define PAGES_MAX  4096u

int crossings_touch(struct crossings *c, const struct hw_heap_touch *e, uint32_t site,
		    crossings_gone_fn gone, void *arg)
{
	struct crossing one = {
	    .start = e->start, .end = e->end, .pages = e->pages, .faults = e->faults, .site = site};
	const uint64_t page = touched(e->end);
	struct crossings_region *r = region_of(c, e->end);
	size_t i;

	if (!r)
		return -ENOMEM;
	/* Touched before, and not lost since: it was swapped out, or moved. */
	i = first_from(r->all, r->n, page);
	if (e->pages > PAGES_MAX || (i < r->n && touched(r->all[i].end) == page))
		return 0;
	if (c->n - c->nmapped >= CROSSINGS_MAX && c->halved < HALVED_MAX)
		halve(c, gone, arg);
	one.pages <<= c->halved;
	return is_kept(c, &one) ? insert(c, r, &one) : 0;
}

int crossings_map(struct crossings *c, uint64_t addr, uint64_t len, uint32_t site)
{
	const struct crossing one = {.start = addr,
				     .end = addr + len - MAPPED_END,
				     .pages = 1,
				     .faults = 1,
				     .site = site,
				     .mapped = true};
	struct crossings_region *r;

	/* The kernel has no more mappings than that of a process, unless it was told to. */
	if (c->nmapped >= CROSSINGS_MAX)
		return 0;
	r = region_of(c, one.end);
	return r ? insert(c, r, &one) : -ENOMEM;
}

int crossings_each(struct crossings *c, int (*fn)(void *arg, struct crossing *c), void *arg)
{
	int err = 0;

	for (size_t i = 0; i < c->nregions; i++)
		for (size_t k = 0; k < c->regions[i].n && !err; k++)
			err = fn(arg, &c->regions[i].all[k]);
	return err;
}

uint64_t crossing_bytes(const struct crossing *c, uint64_t chunk)
{
	return c->faults * (chunk < c->pages * PAGE ? c->pages * PAGE : chunk);
}

/* One that realloc made larger where it was has its new end in the same page, or told of that. */
static bool fits(const struct crossing *c, uint64_t start, uint64_t end)
{
	if (c->mapped)
		return c->start == start && c->end + MAPPED_END == end;
	return c->start == start && touched(c->end) <= end && end < touched(c->end) + PAGE;
}

uint64_t crossing_place(const struct crossing *c)
{
	return c->mapped ? c->end : touched(c->end) - 1;
}

size_t crossings_from(const struct crossing *all, size_t n, uint64_t addr)
{
	size_t i = first_from(all, n, addr & ~(PAGE - 1));

	while (i < n && crossing_place(&all[i]) < addr)
		i++;
	return i;
}

bool crossing_fits(const struct crossing *c, uint64_t chunk)
{
	return fits(c, c->start, c->start + chunk);
}

const struct crossing *crossing_of(const struct crossing *all, size_t n, uint64_t start,
				   uint64_t end)
{
	size_t i = crossings_from(all, n, start);

	while (i < n && crossing_place(&all[i]) < end && !fits(&all[i], start, end))
		i++;
	return i < n && fits(&all[i], start, end) ? &all[i] : NULL;
}
