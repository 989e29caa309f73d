// SPDX-License-Identifier: GPL-2.0
#include "probe/choice.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heapwatch/event.h"

/* Where in hw_trial_hit.regs each is. */
static const uint8_t reg_at[HW_REGS] = {
    [HW_REG_AX] = 10, [HW_REG_BX] = 5,	[HW_REG_BP] = 4,  [HW_REG_R12] = 3, [HW_REG_R13] = 2,
    [HW_REG_R14] = 1, [HW_REG_R15] = 0, [HW_REG_DI] = 14, [HW_REG_SI] = 13, [HW_REG_DX] = 12,
    [HW_REG_CX] = 11, [HW_REG_R8] = 9,	[HW_REG_R9] = 8,
};

/* A place with a register that always had the block, or its header. */
struct view {
	uint32_t place;
	uint8_t reg, header;
	uint64_t *saw; /* a bit for each call that is to be seen */
	size_t nsaw;
	size_t small; /* how often it would trap for what is of no interest */
};

struct choice {
	const struct candidates *c;
	const struct choice_call *calls;
	const struct hw_trial_hit *hits;
	size_t ncalls, nhits, words;
	uint32_t *call_of; /* of each hit; ncalls: none */
	bool frees;	   /* what is looked for now */
	struct view *views;
	size_t nviews, room;
	uint64_t *covered, *wanted;
	size_t chosen[BEHIND_MAX], nchosen;
	size_t best[BEHIND_MAX], nbest, best_small;
};

static bool bit(const uint64_t *bits, size_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

/* The call that this thread was in at that time. */
static uint32_t call_at(const struct choice *s, const struct hw_trial_hit *h)
{
	for (size_t i = 0; i < s->ncalls; i++)
		if (s->calls[i].tid == h->tid && h->time >= s->calls[i].began &&
		    h->time <= s->calls[i].ended)
			return (uint32_t)i;
	return (uint32_t)s->ncalls;
}

/* ---- what each place has seen ---- */

/* false: it cannot be told from this register. */
static bool count(const struct choice *s, struct view *v, const struct hw_trial_hit *h,
		  const struct choice_call *call, size_t i)
{
	uint64_t value = h->regs[reg_at[v->reg]];

	/* What is freed inside of malloc is no block of the program's. */
	if (call->frees != s->frees)
		return s->frees;
	if (!value)
		return true;
	if (value + (v->header ? 16 : 0) != call->block || call->size == CHOICE_CACHED)
		return false;
	if (call->size == CHOICE_SMALL) {
		v->small++;
		return true;
	}
	if (bit(v->saw, i))
		return false;
	v->saw[i / 64] |= 1ull << (i % 64);
	v->nsaw++;
	return true;
}

static bool examine(const struct choice *s, struct view *v, size_t first, const uint32_t *of_place,
		    size_t n)
{
	memset(v->saw, 0, s->words * sizeof(*v->saw));
	v->nsaw = v->small = 0;
	for (size_t k = first; k < first + n; k++) {
		uint32_t i = s->call_of[of_place[k]];

		if (i < s->ncalls && !count(s, v, &s->hits[of_place[k]], &s->calls[i], i))
			return false;
	}
	return v->nsaw > 0;
}

/* Of those that have seen the same, the one that traps least for nothing; else the first. */
static int keep(struct choice *s, const struct view *v)
{
	struct view *views, *twin = NULL;
	uint64_t *saw;

	for (size_t i = 0; i < s->nviews; i++)
		if (!memcmp(s->views[i].saw, v->saw, s->words * sizeof(*v->saw)))
			twin = &s->views[i];
	if (twin) {
		saw = twin->saw;
		if (v->small < twin->small)
			*twin = *v;
		twin->saw = saw;
		return 0;
	}
	if (s->nviews == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		views = reallocarray(s->views, s->room, sizeof(*views));
		if (!views)
			return -ENOMEM;
		s->views = views;
	}
	saw = malloc(s->words * sizeof(*saw));
	if (!saw)
		return -ENOMEM;
	memcpy(saw, v->saw, s->words * sizeof(*saw));
	s->views[s->nviews] = *v;
	s->views[s->nviews++].saw = saw;
	return 0;
}

static int view_place(struct choice *s, uint32_t place, size_t first, const uint32_t *of_place,
		      size_t n)
{
	uint64_t *saw = malloc(s->words * sizeof(*saw));
	int err = saw ? 0 : -ENOMEM;

	for (uint8_t reg = HW_REG_AX; reg < HW_REGS && !err; reg++)
		for (uint8_t header = 0; header < 2 && !err; header++) {
			struct view v = {.place = place, .reg = reg, .header = header, .saw = saw};

			if (examine(s, &v, first, of_place, n))
				err = keep(s, &v);
		}
	free(saw);
	return err;
}

/* ---- the fewest that see each once ---- */

static bool disjoint(const struct choice *s, const struct view *v)
{
	for (size_t w = 0; w < s->words; w++)
		if (v->saw[w] & s->covered[w])
			return false;
	return true;
}

static void toggle(struct choice *s, const struct view *v)
{
	for (size_t w = 0; w < s->words; w++)
		s->covered[w] ^= v->saw[w];
}

static void cover(struct choice *s, size_t small)
{
	size_t w = 0, i;

	while (w < s->words && !(s->wanted[w] & ~s->covered[w]))
		w++;
	if (w == s->words) {
		if (!s->nbest || s->nchosen < s->nbest ||
		    (s->nchosen == s->nbest && small < s->best_small)) {
			memcpy(s->best, s->chosen, sizeof(s->best));
			s->nbest = s->nchosen;
			s->best_small = small;
		}
		return;
	}
	if (s->nchosen == BEHIND_MAX / 2 || (s->nbest && s->nchosen >= s->nbest))
		return;
	i = w * 64 + (size_t)__builtin_ctzll(s->wanted[w] & ~s->covered[w]);
	for (size_t k = 0; k < s->nviews; k++) {
		if (!bit(s->views[k].saw, i) || !disjoint(s, &s->views[k]))
			continue;
		s->chosen[s->nchosen++] = k;
		toggle(s, &s->views[k]);
		cover(s, small + s->views[k].small);
		toggle(s, &s->views[k]);
		s->nchosen--;
	}
}

/* A register that had what was asked for in each call that is seen there. */
static uint8_t size_reg(const struct choice *s, const struct view *v)
{
	for (uint8_t reg = HW_REG_AX; reg < HW_REGS; reg++) {
		bool always = reg != v->reg;

		for (size_t k = 0; k < s->nhits && always; k++) {
			uint32_t i = s->call_of[k];

			if (s->hits[k].place == v->place && i < s->ncalls && bit(v->saw, i) &&
			    s->hits[k].regs[reg_at[v->reg]])
				always = s->hits[k].regs[reg_at[reg]] == s->calls[i].bytes;
		}
		if (always)
			return reg;
	}
	return HW_REG_NONE;
}

static void write_out(const struct choice *s, struct behind *out)
{
	for (size_t i = 0; i < s->nbest; i++) {
		const struct view *v = &s->views[s->best[i]];
		uint64_t cookie = s->frees ? HW_FN_LARGE_FREE : HW_FN_LARGE_ALLOC;

		cookie |= (v->header ? HW_COOKIE_HEADER : 0) | HW_COOKIE_ADDR((uint64_t)v->reg);
		if (!s->frees)
			cookie |= HW_COOKIE_SIZE((uint64_t)size_reg(s, v));
		out->places[out->n++] = (struct behind_place){s->c->at[v->place].offset, cookie};
	}
}

/* of_place: the hits, place by place, those of i from first[i] to first[i + 1]. */
static int choose(struct choice *s, bool frees, const uint32_t *of_place, const size_t *first,
		  struct behind *out)
{
	int err = 0;

	s->frees = frees;
	s->nbest = s->nchosen = 0;
	memset(s->covered, 0, s->words * sizeof(*s->covered));
	memset(s->wanted, 0, s->words * sizeof(*s->wanted));
	for (size_t i = 0; i < s->ncalls; i++)
		if (s->calls[i].frees == frees && s->calls[i].size == CHOICE_LARGE)
			s->wanted[i / 64] |= 1ull << (i % 64);
	for (uint32_t i = 0; i < s->c->n && !err; i++)
		if (frees ? s->c->at[i].frees : s->c->at[i].allocs)
			err = view_place(s, i, first[i], of_place, first[i + 1] - first[i]);
	if (!err)
		cover(s, 0);
	if (!err && !s->nbest)
		err = -ENOENT;
	if (!err)
		write_out(s, out);
	for (size_t i = 0; i < s->nviews; i++)
		free(s->views[i].saw);
	s->nviews = 0;
	return err;
}

/* ---- requests for large chunks ---- */

/* Of no smaller blocks, and of all that are as large: glibc looks for a large chunk's bin by a
 * chain of limits, of which one is in between (malloc/malloc.c: largebin_index_64, 45,056). */
#define REQUEST_NONE 30000u
#define REQUEST_ALL  60000u

static uint64_t chunk_of(uint64_t bytes)
{
	return (bytes + 8 + 15) & ~15ull;
}

/* How often it was come by, where that register always had the chunk's size; 0: it is not one. */
static size_t requests_at(const struct choice *s, uint8_t reg, const uint32_t *of_place, size_t n,
			  uint64_t *saw)
{
	size_t hits = 0;

	memset(saw, 0, s->words * sizeof(*saw));
	for (size_t k = 0; k < n; k++) {
		const struct hw_trial_hit *h = &s->hits[of_place[k]];
		uint32_t i = s->call_of[of_place[k]];

		if (i == s->ncalls)
			continue;
		if (s->calls[i].frees || s->calls[i].bytes < REQUEST_NONE ||
		    h->regs[reg_at[reg]] != chunk_of(s->calls[i].bytes))
			return 0;
		saw[i / 64] |= 1ull << (i % 64);
		hits++;
	}
	return hits;
}

/* Without an arena a mapping is all that there is, which is not asked for there: of ten one. */
static bool sees_requests(const struct choice *s, const uint64_t *saw)
{
	size_t all = 0, seen = 0;

	for (size_t i = 0; i < s->ncalls; i++)
		if (!s->calls[i].frees && s->calls[i].bytes >= REQUEST_ALL) {
			all++;
			seen += bit(saw, i);
		}
	return all && 10 * seen >= 9 * all;
}

/* The one that is come by least often, or none. */
static void choose_request(struct choice *s, const uint32_t *of_place, const size_t *first,
			   struct behind *out)
{
	size_t least = SIZE_MAX;

	out->request = (struct behind_place){0};
	for (uint32_t i = 0; i < s->c->n; i++) {
		for (uint8_t reg = HW_REG_AX; reg < HW_REGS && s->c->at[i].requests; reg++) {
			size_t hits = requests_at(s, reg, of_place + first[i],
						  first[i + 1] - first[i], s->covered);

			if (!hits || hits >= least || !sees_requests(s, s->covered))
				continue;
			least = hits;
			out->request = (struct behind_place){
			    s->c->at[i].offset, HW_FN_REQUEST | HW_COOKIE_SIZE((uint64_t)reg)};
		}
	}
}

int choice_make(const struct candidates *c, const struct choice_call *calls, size_t ncalls,
		const struct hw_trial_hit *hits, size_t nhits, struct behind *out)
{
	struct choice s = {.c = c,
			   .calls = calls,
			   .hits = hits,
			   .ncalls = ncalls,
			   .nhits = nhits,
			   .words = ncalls / 64 + 1};
	uint32_t *of_place = calloc(nhits + 1, sizeof(*of_place));
	size_t *first = calloc(c->n + 2, sizeof(*first));
	int err = -ENOMEM;

	out->n = 0;
	s.call_of = calloc(nhits + 1, sizeof(*s.call_of));
	s.covered = calloc(s.words, sizeof(*s.covered));
	s.wanted = calloc(s.words, sizeof(*s.wanted));
	if (!of_place || !first || !s.call_of || !s.covered || !s.wanted)
		goto out;
	for (size_t k = 0; k < nhits; k++) {
		s.call_of[k] = call_at(&s, &hits[k]);
		if (hits[k].place < c->n)
			first[hits[k].place + 2]++;
	}
	for (size_t i = 0; i < c->n; i++)
		first[i + 2] += first[i + 1];
	for (size_t k = 0; k < nhits; k++)
		if (hits[k].place < c->n)
			of_place[first[hits[k].place + 1]++] = (uint32_t)k;
	choose_request(&s, of_place, first, out);
	err = choose(&s, false, of_place, first, out);
	if (!err)
		err = choose(&s, true, of_place, first, out);
	if (err)
		out->n = 0;
out:
	free(of_place);
	free(first);
	free(s.call_of);
	free(s.covered);
	free(s.wanted);
	free(s.views);
	return err;
}
