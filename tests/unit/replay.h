/* SPDX-License-Identifier: GPL-2.0 */
/*
 * replay.h: a trace of malloc's calls, seen in windows as a budget allows, through the ledger and
 * the looks at the heap to the estimates of a report; and the truth beside them.  A window falls
 * into each period of calls, which is a second of the ledger's clock.
 */
#ifndef TESTS_REPLAY_H
#define TESTS_REPLAY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "../bench/trace.h"
#include "base/intern.h"
#include "heapwatch/event.h"
#include "model/blocks.h"
#include "model/ledger_parts.h"
#include "model/sampling.h"
#include "replay_touch.h"

struct replay_plan {
	uint64_t seen, every; /* calls: the window's, and from one to the next on average */
	uint64_t look;	      /* calls: from one look at the heap to the next, at least */
	uint64_t delay;	      /* calls: from a window's end until its blocks are looked at */
	bool large;	      /* blocks over the thread cache's limit are all seen */
	uint64_t pages;	      /* of so many that grow the heap one is told of; 0: none */
	uint64_t seed;	      /* of where the windows fall */
};

struct replay {
	struct replay_plan plan;
	struct ledger *ledger;
	struct sampling sampling;
	struct blocks *live;	   /* the truth; site: number in sites */
	struct blocks *signatures; /* of these; size: the signature */
	struct blocks *contents;   /* so it is here */
	struct intern *sites;
	uint64_t random, calls, seen, start; /* start: of this period's window */
	bool open, due;
	uint64_t peek_at; /* in calls, 0: not */
	uint64_t looked;  /* when, in calls */
	struct replay_touches touches;
};

static inline uint64_t replay_chunk(uint64_t size)
{
	uint64_t chunk = (size + 8 + 15) & ~15ull;

	return chunk < 32 ? 32 : chunk;
}

static inline bool replay_is_large(uint64_t size)
{
	return replay_chunk(size) > HW_CACHED_CHUNK_MAX;
}

/* splitmix64 */
static inline uint64_t replay_random(struct replay *r)
{
	uint64_t x = r->random += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static inline struct hw_hdr replay_hdr(const struct replay *r, uint16_t kind, uint16_t size)
{
	return (struct hw_hdr){.tgid = 7,
			       .kind = kind,
			       .size = size,
			       .time = r->calls / r->plan.every * 1000000000ull};
}

static inline void replay_must(bool ok)
{
	if (!ok)
		abort();
}

static inline void replay_apply(struct replay *r, const void *record)
{
	const union wire_event ev = {.hdr = record};

	replay_must(!ledger__apply(r->ledger, &ev));
}

static inline void replay_level(struct replay *r, bool window, uint64_t weight)
{
	const struct hw_level e = {.hdr = replay_hdr(r, HW_LEVEL, sizeof(e)),
				   .seen = r->plan.large ? HW_SEEN_LARGE : HW_SEEN_NONE,
				   .window = window,
				   .weight = (uint32_t)weight};

	replay_apply(r, &e);
}

static inline void replay_start(struct replay *r, const struct replay_plan *plan)
{
	struct sampling_look l;

	*r = (struct replay){.plan = *plan,
			     .ledger = ledger__new(0),
			     .live = blocks__new(),
			     .signatures = blocks__new(),
			     .contents = blocks__new(),
			     .sites = intern__new(),
			     .random = plan->seed};
	r->touches = (struct replay_touches){
	    .pages = plan->pages, .known = blocks__new(), .random = plan->seed};
	replay_must(r->ledger && r->live && r->signatures && r->contents && r->sites &&
		    r->touches.known);
	replay_level(r, false, SEEN_ALL);
	/* The look before the first probe: nothing is there. */
	replay_must(!sampling_begin(&l, &r->sampling, false, NULL, 0, NULL, 0));
	sampling_conclude(&l, true, NULL, NULL);
	sampling_look_end(&l);
}

static inline void replay_end(struct replay *r)
{
	sampling_free(&r->sampling);
	ledger__free(r->ledger);
	blocks__free(r->live);
	blocks__free(r->signatures);
	blocks__free(r->contents);
	blocks__free(r->touches.known);
	crossings_free(&r->touches.kept);
	intern__free(r->sites);
}

/* Of a mapping of its own, where these are told of, whole pages. */
static inline uint64_t replay_chunk_of(const struct replay *r, const struct block *b)
{
	if (!r->plan.pages || !replay_is_mapped(b->addr, b->size))
		return replay_chunk(b->size);
	return replay_pages(b->size + REPLAY_HEADER);
}

/* ---- looks at the heap ---- */

struct replay_walk {
	struct replay *r;
	struct blocks *known;
	struct sampling_look look;
	struct block *gone;
	size_t n, room;
};

static inline uint32_t replay_word(const struct blocks *of, uint64_t addr)
{
	struct block b;

	return blocks__find(of, addr, &b) ? (uint32_t)b.size : 0;
}

static inline int replay_walk_one(void *arg, const struct block *b)
{
	struct replay_walk *w = arg;
	struct block known;
	bool has = blocks__find(w->known, b->addr, &known);

	sampling_chunk(&w->look, b->addr, replay_chunk_of(w->r, b),
		       replay_word(w->r->signatures, b->addr), has ? &known : NULL);
	return 0;
}

static inline int replay_gone_one(void *arg, const struct block *b)
{
	struct replay_walk *w = arg;

	if (blocks__find(w->r->live, b->addr, NULL))
		return 0;
	if (w->n == w->room) {
		w->room = w->room ? 2 * w->room : 1024;
		w->gone = reallocarray(w->gone, w->room, sizeof(*w->gone));
		replay_must(w->gone);
	}
	w->gone[w->n++] = *b;
	return 0;
}

static inline bool replay_has(const void *arg, uint64_t addr)
{
	return blocks__find(arg, addr, NULL);
}

/* As inspection.c does it, but that the truth stands for the heap. */
struct replay_again {
	struct replay *r;
	const struct seen_span *spans;
	size_t n;
};

static inline int replay_again_one(void *arg, const struct block *k)
{
	const struct replay_again *a = arg;
	struct block b;

	if (!replay_is_large(k->size) && blocks__find(a->r->live, k->addr, &b))
		sampling_peek(&a->r->sampling, a->spans, a->n, k, replay_chunk(b.size),
			      &(struct signature){.kind = replay_word(a->r->signatures, b.addr),
						  .content = replay_word(a->r->contents, b.addr)});
	return 0;
}

/* As app/inspection_peek.c does it. */
static inline void replay_peek_crossings(struct replay *r, const struct crossing *all, bool again)
{
	for (size_t i = 0; i < r->sampling.ncrossed; i++) {
		const struct sampling_crossed *c = &r->sampling.crossed[i];
		uint64_t addr = all[i].start + REPLAY_HEADER;
		struct block b;

		if (all[i].mapped || (again ? !c->found : c->looked))
			continue;
		if (blocks__find(r->live, addr, &b))
			sampling_peek_crossing(
			    &r->sampling, i, &all[i], replay_chunk(b.size),
			    &(struct signature){.kind = replay_word(r->signatures, addr),
						.content = replay_word(r->contents, addr)});
		else
			sampling_peek_crossing(&r->sampling, i, &all[i], 0, &(struct signature){0});
	}
}

static inline void replay_look_crossings(struct replay *r, struct sampling_look *look)
{
	struct crossing *all;
	size_t n;

	if (!r->plan.pages)
		return;
	all = replay_crossings(&r->touches, &n);
	replay_must(!sampling_keep_crossings(&r->sampling, all, n));
	replay_peek_crossings(r, all, true);
	replay_must(!sampling_crossings(look, all, n));
}

static inline void replay_look(struct replay *r)
{
	struct replay_walk w = {.r = r, .known = ledger__blocks(r->ledger)};
	struct seen_span *spans;
	struct birth *births;
	size_t n, nbirths;
	bool partly;

	replay_must(w.known && !ledger__spans(r->ledger, &spans, &n, &partly));
	replay_must(!ledger__births(r->ledger, &births, &nbirths));
	replay_must(!sampling_begin(&w.look, &r->sampling, partly, spans, n, births, nbirths));
	blocks__each(w.known, replay_again_one, &(struct replay_again){r, spans, n});
	replay_look_crossings(r, &w.look);
	sampling_peeked(&r->sampling);
	blocks__each(r->live, replay_walk_one, &w);
	blocks__each(w.known, replay_gone_one, &w);
	sampling_conclude(&w.look, true, replay_has, r->live);
	for (size_t i = 0; i < w.n; i++)
		ledger__repair(r->ledger, &w.gone[i]);
	for (size_t i = 0; i < w.look.ndead; i++)
		ledger__repair(r->ledger, &w.look.dead[i]);
	sampling_look_end(&w.look);
	blocks__free(w.known);
	free(w.gone);
}

/* After a window, before much of what came in it is gone. */
static inline void replay_peek(struct replay *r)
{
	struct seen_span *spans;
	struct crossing *all = NULL;
	struct block *fresh, b;
	size_t n, nspans, ncrossings;
	bool partly;

	if (r->plan.pages) {
		all = replay_crossings(&r->touches, &ncrossings);
		replay_must(!sampling_keep_crossings(&r->sampling, all, ncrossings));
		replay_peek_crossings(r, all, false);
	}
	free(all);
	replay_must(!ledger__spans(r->ledger, &spans, &nspans, &partly));
	replay_must(!ledger__fresh(r->ledger, &fresh, &n));
	for (size_t i = 0; i < n; i++)
		if (blocks__find(r->live, fresh[i].addr, &b))
			sampling_peek(
			    &r->sampling, spans, nspans, &fresh[i], replay_chunk(b.size),
			    &(struct signature){.kind = replay_word(r->signatures, b.addr),
						.content = replay_word(r->contents, b.addr)});
	free(fresh);
	free(spans);
}

/* ---- calls ---- */

static inline void replay_alloc(struct replay *r, const struct trace_record *c, uint32_t signature)
{
	const struct block is = {.addr = c->addr, .size = signature};
	bool seen = r->open || (r->plan.large && replay_is_large(c->size));
	int64_t site = intern__add(r->sites, &c->site, sizeof(c->site));
	struct block b = {.addr = c->addr, .size = c->size, .site = (uint32_t)site};
	const struct hw_stack s = {.hdr = replay_hdr(r, HW_STACK, sizeof(s)), .stack = c->site};
	const struct hw_alloc a = {.hdr = replay_hdr(r, HW_ALLOC, sizeof(a)),
				   .addr = c->addr,
				   .size = c->size,
				   .stack = c->site};

	replay_must(site >= 0 && blocks__put(r->live, &b, NULL) >= 0);
	replay_must(blocks__put(r->signatures, &is, NULL) >= 0);
	blocks__take(r->contents, c->addr, NULL);
	if (r->plan.pages) {
		replay_apply(r, &s);
		if (replay_touch(&r->touches, c->addr, c->size, replay_chunk(c->size), seen,
				 sites__find(r->ledger->sites, c->site)))
			sites__change(r->ledger->sites, sites__find(r->ledger->sites, c->site),
				      REPORT_HEAP, 0, 1);
	}
	if (!seen)
		return;
	r->seen++;
	if (!r->plan.pages)
		replay_apply(r, &s);
	replay_apply(r, &a);
}

static inline void replay_free(struct replay *r, const struct trace_record *c)
{
	const struct hw_free f = {.hdr = replay_hdr(r, HW_FREE, sizeof(f)), .addr = c->addr};
	struct block b;

	/* From before the trace. */
	if (blocks__take(r->live, c->addr, &b))
		return;
	if (r->plan.pages && replay_is_mapped(b.addr, b.size))
		crossings_lose(&r->touches.kept, b.addr, b.addr + b.size, replay_uncross, NULL);
	if (!r->open && !(r->plan.large && replay_is_large(b.size)))
		return;
	r->seen++;
	replay_apply(r, &f);
}

/* signature: of what is allocated. */
static inline void replay_call(struct replay *r, const struct trace_record *c, uint32_t signature)
{
	uint64_t at = r->calls % r->plan.every;

	if (c->site == TRACE_CONTENT) {
		const struct block is = {.addr = c->addr, .size = c->size};

		replay_must(blocks__put(r->contents, &is, NULL) >= 0);
		return;
	}
	if (!at)
		r->start = replay_random(r) % (r->plan.every - r->plan.seen + 1);
	if (at == r->start) {
		r->open = true;
		replay_level(r, true, 0);
	}
	if (c->site)
		replay_alloc(r, c, signature);
	else
		replay_free(r, c);
	if (at == r->start + r->plan.seen - 1) {
		r->open = false;
		replay_level(r, false, r->plan.every * SEEN_ALL / r->plan.seen);
		r->peek_at = r->calls + r->plan.delay;
	}
	if (r->peek_at && r->calls >= r->peek_at) {
		replay_peek(r);
		r->due = true;
		r->peek_at = 0;
	}
	/* A look is due soon after a window, as far as it may be. */
	if (r->due && r->calls >= r->looked + r->plan.look) {
		replay_look(r);
		r->looked = r->calls;
		r->due = false;
	}
	r->calls++;
}

#endif
