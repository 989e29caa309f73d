/* SPDX-License-Identifier: GPL-2.0 */
/*
 * replay_touch.h: which of a trace's blocks reached into a page that nobody had touched, as page
 * faults would tell of them (bpf/touch.bpf.c), and those that are mappings of their own.
 */
#ifndef TESTS_REPLAY_TOUCH_H
#define TESTS_REPLAY_TOUCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "heapwatch/event.h"
#include "model/blocks.h"
#include "model/crossings.h"

#define REPLAY_PAGE   4096ull
#define REPLAY_HEADER 16u
/* malloc/malloc.c: DEFAULT_MMAP_THRESHOLD_MIN */
#define REPLAY_MAPPED_MIN (128u << 10)

struct replay_touches {
	uint64_t pages;	      /* a block as large as these is told of always; 0: none is */
	struct blocks *known; /* their pages */
	struct crossings kept;
	uint64_t random;
};

static inline void replay_uncross(void *arg, const struct crossing *c)
{
	(void)arg;
	(void)c;
}

static inline uint64_t replay_drawn(struct replay_touches *t)
{
	t->random = t->random * 6364136223846793005ull + 1442695040888963407ull;
	return (t->random >> 16) % (t->pages * REPLAY_PAGE);
}

/* Was the page that the rest's size is written to nobody's? All that the block has is not now. */
static inline bool replay_is_new(struct replay_touches *t, uint64_t start, uint64_t end)
{
	uint64_t last = (end + 8) & -REPLAY_PAGE;
	bool is_new = !blocks__find(t->known, last, NULL);

	for (uint64_t page = start & -REPLAY_PAGE; page <= last; page += REPLAY_PAGE)
		if (!blocks__find(t->known, page, NULL) &&
		    blocks__put(t->known, &(struct block){.addr = page}, NULL) < 0)
			abort();
	return is_new;
}

static inline uint64_t replay_pages(uint64_t bytes)
{
	return (bytes + REPLAY_PAGE - 1) & -REPLAY_PAGE;
}

static inline bool replay_is_mapped(uint64_t addr, uint64_t size)
{
	return size >= REPLAY_MAPPED_MIN && addr % REPLAY_PAGE == REPLAY_HEADER;
}

/* True where the block is one of theirs; seen: its call was. */
static inline bool replay_touch(struct replay_touches *t, uint64_t addr, uint64_t size,
				uint64_t chunk, bool seen, uint32_t site)
{
	const uint64_t start = addr - REPLAY_HEADER, end = start + chunk, drawn = replay_drawn(t);
	const struct hw_heap_touch e = {
	    .start = start, .end = end, .pages = (uint32_t)t->pages, .faults = 1};
	size_t n = t->kept.n;

	if (replay_is_mapped(addr, size)) {
		if (!seen &&
		    crossings_map(&t->kept, start, replay_pages(size + REPLAY_HEADER), site))
			abort();
		return !seen;
	}
	if (!replay_is_new(t, start, end) || seen || (drawn >= REPLAY_PAGE && drawn >= chunk))
		return false;
	if (crossings_touch(&t->kept, &e, site, replay_uncross, NULL))
		abort();
	return t->kept.n != n;
}

struct replay_listing {
	struct crossing *all;
	size_t n;
};

static inline int replay_list_one(void *arg, struct crossing *c)
{
	struct replay_listing *l = arg;

	c->settled = true;
	l->all[l->n++] = *c;
	return 0;
}

/* All, for the caller to free. */
static inline struct crossing *replay_crossings(struct replay_touches *t, size_t *n)
{
	struct replay_listing l = {.all = calloc(t->kept.n + 1, sizeof(*l.all))};

	if (!l.all || crossings_each(&t->kept, replay_list_one, &l))
		abort();
	*n = l.n;
	return l.all;
}

#endif
