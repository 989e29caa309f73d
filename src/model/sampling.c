// SPDX-License-Identifier: GPL-2.0
#include "model/sampling_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/births.h"
#include "model/crossings.h"
#include "model/firsts.h"
#include "model/strata.h"

/* A chunk has the bytes asked for, a header, and what rounding and a rest too small for a chunk of
 * its own add (glibc, malloc/malloc.c: MINSIZE is 32). */
#define SLACK	48u
#define MINIMUM 32u
/* Of a chunk's bytes, what it was rounded up by at most. */
#define ROUNDED_MAX 15u

void sampling_free(struct sampling *s)
{
	estimates_free(&s->estimates);
	strata__free(s->strata);
	firsts__free(s->firsts);
	free(s->crossed);
	requested_free(&s->requested);
	free(s->older);
	*s = (struct sampling){0};
}

int sampling_prepare(struct sampling *s)
{
	if (!s->strata)
		s->strata = strata__new();
	if (!s->firsts)
		s->firsts = firsts__new();
	return s->strata && s->firsts ? 0 : -ENOMEM;
}

int sampling_begin(struct sampling_look *l, struct sampling *kept, bool partly,
		   struct seen_span *spans, size_t nspans, struct birth *births, size_t nbirths)
{
	*l = (struct sampling_look){.kept = kept,
				    .partly = partly,
				    .requested = {.kept = &kept->requested, .whole = !partly},
				    .spans = spans,
				    .nspans = nspans,
				    .births = births,
				    .nbirths = nbirths,
				    .random = 0x9e3779b97f4a7c15ull};
	if (births && nbirths)
		qsort(births, nbirths, sizeof(*births), births_order);
	if (sampling_prepare(kept))
		return -ENOMEM;
	l->estimator = partly ? estimator__new(kept->strata) : NULL;
	return l->estimator || !partly ? 0 : -ENOMEM;
}

void sampling_look_end(struct sampling_look *l)
{
	estimator__free(l->estimator);
	requested_look_end(&l->requested);
	free(l->older);
	free(l->spans);
	free(l->births);
	free(l->by_stratum);
	free(l->crossings);
	free(l->by_site);
	free(l->dead);
}

/* xorshift64: which of them are remembered must not depend on where they are. */
static uint64_t random_below(struct sampling_look *l, uint64_t n)
{
	l->random ^= l->random << 13;
	l->random ^= l->random >> 7;
	l->random ^= l->random << 17;
	return l->random % n;
}

/* Of which chunks nothing is known matters at the first look alone. */
static void remember(struct sampling_look *l, uint64_t addr, uint64_t chunk, uint32_t stratum)
{
	struct sampling_older *o;
	uint64_t at;

	if (l->kept->have_older)
		return;
	if (stratum >= l->nolder) {
		uint32_t n = stratum + 256;

		o = reallocarray(l->older, n, sizeof(*o));
		if (!o) {
			l->err = -ENOMEM;
			return;
		}
		memset(o + l->nolder, 0, (n - l->nolder) * sizeof(*o));
		l->older = o;
		l->nolder = n;
	}
	o = &l->older[stratum];
	at = o->seen++;
	o->bytes += chunk;
	if (at >= SAMPLING_OLDER)
		at = random_below(l, o->seen);
	if (at < SAMPLING_OLDER)
		o->addr[at] = addr;
	if (o->n < SAMPLING_OLDER)
		o->n++;
}

static void is_dead(struct sampling_look *l, const struct block *b)
{
	if (l->ndead == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct block *dead = reallocarray(l->dead, room, sizeof(*dead));

		if (!dead)
			return; /* the next look finds it again */
		l->dead = dead;
		l->room = room;
	}
	l->dead[l->ndead++] = *b;
}

/* A mapping of its own is of whole pages, and has one word more. */
static bool fits(uint64_t size, uint64_t chunk)
{
	uint64_t slack = chunk % SAMPLING_PAGE ? SLACK : SAMPLING_PAGE + SAMPLING_HEADER;

	return size <= chunk && (chunk <= MINIMUM || chunk <= size + SAMPLING_HEADER + slack);
}

int sampling_requests(struct sampling_look *l, struct request *all, size_t n, uint32_t gaps)
{
	return requested_begin(&l->requested, &l->kept->requested, all, n, gaps, !l->partly);
}

/* All of it may be another's. */
static uint32_t all_less(uint64_t bytes)
{
	return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

/* Those that were asked for, each of which stands for itself. */
static int know_requested(struct sampling_look *l)
{
	int err = 0;

	requested_settle(&l->requested);
	for (size_t i = 0; i < l->requested.nthere && !err; i++) {
		const struct requested_chunk *c = &l->requested.there[i];
		/* Of one that realloc changed where it was only the chunk is known. */
		const uint64_t asked = c->chunk - c->asked < SLACK ? c->asked : c->chunk;
		const struct estimator_block b = {.site = c->site,
						  .size = asked - sizeof(uint64_t),
						  .less = c->unsure ? all_less(asked) : ROUNDED_MAX,
						  .weight = SEEN_ALL};

		if (c->serial && c->site)
			err = estimator__know(l->estimator, c->stratum, c->chunk, &b);
	}
	return err;
}

/* Does it stand for itself alone, for all others of its callsite and size were told of? */
static bool others_told(const struct sampling_look *l, const struct block *b, uint64_t chunk)
{
	return seen_requests(l->spans, l->nspans, b->born) &&
	       requested_by(&l->requested, b->site, chunk);
}

static struct estimator_block known_of(const struct sampling_look *l, const struct block *b,
				       uint64_t chunk, uint32_t stratum)
{
	struct firsts *f = l->kept->firsts;
	struct estimator_block known = {.site = b->site,
					.size = b->size,
					.weight =
					    seen_weight(l->spans, l->nspans, b->born, b->size),
					.moment = b->born};

	if (chunk <= HW_CACHED_CHUNK_MAX) {
		known.changed = firsts__changed(f, b, stratum, known.weight);
		known.same = firsts__same(f, b);
	} else if (chunk >= REQUESTED_LEAST) {
		if (others_told(l, b, chunk))
			known.weight = SEEN_ALL;
		/* Its free was not seen, where it is gone. */
		if (requested_by_others(&l->requested, b->site, chunk))
			known.less = all_less(b->size);
	}
	return known;
}

bool sampling_chunk(struct sampling_look *l, uint64_t addr, uint64_t chunk, uint32_t signature,
		    const struct block *b)
{
	struct sampling *s = l->kept;
	uint32_t stratum = strata__of(s->strata, estimator_class(chunk), signature);
	struct estimator_block known;
	bool told, asked;

	/* Where everything is seen a block is what the ledger says, aligned ones too. */
	if (b && l->partly && (!fits(b->size, chunk) || firsts__is_gone(s->firsts, b))) {
		is_dead(l, b);
		b = NULL;
	}
	told = !b && l->partly && sampling_mapped(l, addr, chunk, &known);
	/* Of those that were there at an earlier look, too. */
	asked = chunk >= REQUESTED_LEAST &&
		requested_find(&l->requested, addr, chunk, stratum, b || told);
	if (!l->partly) {
		if (!b)
			remember(l, addr, chunk, stratum);
		return b;
	}
	if (b)
		known = known_of(l, b, chunk, stratum);
	if (estimator__chunk(l->estimator, stratum, chunk, b || told ? &known : NULL))
		l->err = -ENOMEM;
	/* Who stands for itself is not one of those that they stand for. */
	if (asked || ((b || told) && known.weight <= SEEN_ALL))
		return b;
	if (!sampling_places(l, addr, chunk, stratum, b) && !b)
		remember(l, addr, chunk, stratum);
	return b;
}

void sampling_peek(struct sampling *s, const struct seen_span *spans, size_t nspans,
		   const struct block *b, uint64_t chunk, const struct signature *begins)
{
	const uint32_t stratum = estimator_class(chunk);

	/* 0: it could not be read. */
	if (!chunk || sampling_prepare(s))
		return;
	if (!fits(b->size, chunk))
		firsts__gone(s->firsts, b);
	else if (chunk <= HW_CACHED_CHUNK_MAX)
		firsts__begins(s->firsts, b, strata__of(s->strata, stratum, begins->kind), begins,
			       seen_weight(spans, nspans, b->born, b->size));
}

void sampling_peeked(struct sampling *s)
{
	if (s->firsts)
		firsts__compare(s->firsts);
}

/* What was there before, of which some are still: as many as of those that were remembered. */
static void survivors(struct sampling_look *l, bool (*has)(const void *arg, uint64_t addr),
		      const void *arg)
{
	for (uint32_t c = 0; c < l->kept->nolder; c++) {
		struct sampling_older *o = &l->kept->older[c];
		uint32_t alive = 0;

		for (uint32_t i = 0; i < o->n; i++)
			if (has(arg, o->addr[i]))
				o->addr[alive++] = o->addr[i];
		if (o->n)
			o->bytes = o->bytes * alive / o->n;
		o->n = alive;
		if (l->partly)
			estimator__older(l->estimator, c, o->bytes);
	}
}

void sampling_conclude(struct sampling_look *l, bool whole,
		       bool (*has)(const void *arg, uint64_t addr), const void *arg)
{
	struct sampling *s = l->kept;
	size_t n;
	struct estimates fresh;

	s->stale = true;
	if (!whole || l->err)
		return;
	/* What is not known at the first look was there before, but for what was allocated since
	 * the ledger was copied: that look is to come before the first probe, or at once.  Later
	 * ones see more of that, so then it only becomes less. */
	if (!s->have_older) {
		s->older = l->older;
		s->nolder = l->nolder;
		l->older = NULL;
		s->have_older = true;
	}
	survivors(l, has, arg);
	if (l->partly && know_requested(l))
		return;
	requested_conclude(&l->requested, &s->requested);
	if (!l->partly) {
		s->told = s->stale = false;
		return;
	}
	firsts__turn(s->firsts);
	if (firsts__births(s->firsts, s->strata, l->births, l->nbirths, &l->by_stratum, &n))
		return;
	estimator__births(l->estimator, l->by_stratum, n);
	if (estimator__finish(l->estimator, &fresh))
		return;
	estimates_births(&fresh, l->births, l->nbirths);
	estimates_crossings(&fresh, l->by_site, l->nby_site);
	estimates_free(&s->estimates);
	s->estimates = fresh;
	s->told = true;
	s->stale = false;
	s->looks++;
}
