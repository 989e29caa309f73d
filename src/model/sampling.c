// SPDX-License-Identifier: GPL-2.0
#include "model/sampling.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/births.h"
#include "model/crossed.h"
#include "model/crossings.h"
#include "model/firsts.h"
#include "model/strata.h"

/* A chunk has the bytes asked for, a header, and what rounding and a rest too small for a chunk of
 * its own add (glibc, malloc/malloc.c: MINSIZE is 32). */
#define PAGE	4096u
#define HEADER	16u
#define SLACK	48u
#define MINIMUM 32u
/* Of a chunk's bytes, the header's and, on average, what it was rounded up by. */
#define ROUNDED 12u

/* Where less of a callsite's crossings is its own it is not sure of any. */
#define MOSTLY 0.9
/* ... nor where fewer of its blocks than these are there when their window ends. */
#define STAYS 0.5

/* Moments of crossings: each is one of its own, behind all others (BLOCK_BORN_MAX). */
#define CROSSINGS (1u << 30)

void sampling_free(struct sampling *s)
{
	estimates_free(&s->estimates);
	strata__free(s->strata);
	firsts__free(s->firsts);
	free(s->crossed);
	free(s->older);
	*s = (struct sampling){0};
}

static int prepare(struct sampling *s)
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
				    .spans = spans,
				    .nspans = nspans,
				    .births = births,
				    .nbirths = nbirths,
				    .random = 0x9e3779b97f4a7c15ull};
	if (births && nbirths)
		qsort(births, nbirths, sizeof(*births), births_order);
	if (prepare(kept))
		return -ENOMEM;
	l->estimator = partly ? estimator__new(kept->strata) : NULL;
	return l->estimator || !partly ? 0 : -ENOMEM;
}

void sampling_look_end(struct sampling_look *l)
{
	estimator__free(l->estimator);
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
	uint64_t slack = chunk % PAGE ? SLACK : PAGE + HEADER;

	return size <= chunk && (chunk <= MINIMUM || chunk <= size + HEADER + slack);
}

/* What was seen of those that are still there. */
int sampling_keep_crossings(struct sampling *s, const struct crossing *all, size_t n)
{
	struct sampling_crossed *now = calloc(n + 1, sizeof(*now));
	size_t k = 0;

	if (!now)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		while (k < s->ncrossed && s->crossed[k].end < all[i].end)
			k++;
		if (k < s->ncrossed && s->crossed[k].serial == all[i].serial)
			now[i] = s->crossed[k];
		now[i].serial = all[i].serial;
		now[i].end = all[i].end;
	}
	free(s->crossed);
	s->crossed = now;
	s->ncrossed = n;
	return 0;
}

int sampling_crossings(struct sampling_look *l, struct crossing *all, size_t n)
{
	int err = sampling_keep_crossings(l->kept, all, n);

	l->crossings = all;
	if (err)
		return err;
	l->by_site = crossed_by_site(all, l->kept->crossed, n, &l->nby_site);
	if (!l->by_site)
		return -ENOMEM;
	l->ncrossings = n;
	return 0;
}

void sampling_peek_crossing(struct sampling *s, size_t i, const struct crossing *of, uint64_t chunk,
			    uint32_t signature, uint32_t content)
{
	struct sampling_crossed *c = &s->crossed[i];
	bool gone = c->looked && !c->found;

	if (prepare(s) || gone)
		return;
	c->looked = true;
	if (!crossing_fits(of, chunk)) {
		c->known = true;
		c->same = false;
		return;
	}
	if (!c->found) {
		c->found = true;
		c->stratum = strata__of(s->strata, estimator_class(chunk), signature);
	}
	c->same = c->known ? c->same && c->content == content : true;
	c->content = c->known ? c->content : content;
	c->known = true;
}

/* A mapping of its own?  Most chunks need not be looked for: it begins with a page. */
static bool is_mapped(struct sampling_look *l, uint64_t addr, uint64_t chunk,
		      struct estimator_block *out)
{
	const uint64_t start = addr - HEADER;
	const struct crossing *c;

	if (start % PAGE)
		return false;
	c = crossing_of(l->crossings, l->ncrossings, start, start + chunk);
	if (!c || !c->mapped || !c->site)
		return false;
	*out = (struct estimator_block){
	    .site = c->site, .size = chunk - HEADER, .less = PAGE - 1, .weight = SEEN_ALL};
	return true;
}

/* Which part of a crossing is still there, where this chunk is now: none, or less than all where it
 * may be another of its size.  Its block is one like others of its callsite: where windows show
 * that hardly one of them stays, what was found there first was another one already. */
static double own_part(struct sampling_look *l, const struct crossing *c, uint64_t start,
		       uint64_t chunk, uint32_t stratum, bool *sure)
{
	struct sampling_crossed *first = &l->kept->crossed[c - l->crossings];
	const struct crossed *all;
	double stay;

	*sure = false;
	/* What was looked at, and was not it, is not it now. */
	if (!c->site || c->start != start || !crossing_fits(c, chunk) ||
	    (first->looked && !first->found))
		return 0;
	if (!first->found) {
		first->found = true;
		first->stratum = stratum;
	}
	if (first->stratum != stratum)
		return 0;
	all = crossed_of(l->by_site, l->nby_site, c->site);
	stay = births_stay(births_find(l->births, l->nbirths, c->site, estimator_class(chunk)));
	*sure = crossed_own(all) >= MOSTLY && stay >= STAYS;
	return crossed_own_of(all, stay);
}

/* True where it still is the crossing's.  seen: its call was, of which no page fault is told, so it
 * came later. */
static bool place(struct sampling_look *l, const struct crossing *c, uint64_t start, uint64_t chunk,
		  uint32_t stratum, bool seen)
{
	const struct sampling_crossed *first = &l->kept->crossed[c - l->crossings];
	bool sure = false;
	const double own = seen ? 0 : own_part(l, c, start, chunk, stratum, &sure),
		     bytes = (double)crossing_bytes(c, own > 0 ? chunk : c->end - c->start);
	struct estimator_block b = {.site = c->site,
				    .size = chunk - ROUNDED,
				    .moment = CROSSINGS + c->serial,
				    .same = sure && first->known && first->same,
				    .crossing = true};
	double weight = own * bytes / (double)chunk * SEEN_ALL;

	if (own < 1)
		estimator__others(l->estimator, stratum, (1 - own) * bytes, own <= 0);
	if (own <= 0)
		return false;
	/* One that stands for itself alone is no less a sample. */
	if (weight < SEEN_ALL + 1)
		weight = SEEN_ALL + 1;
	b.weight = weight < UINT32_MAX ? (uint32_t)weight : UINT32_MAX;
	if (estimator__crossing(l->estimator, stratum, chunk, &b))
		l->err = -ENOMEM;
	return true;
}

/* The places of crossings that a chunk has now: is it one of them? */
static bool places(struct sampling_look *l, uint64_t addr, uint64_t chunk, uint32_t stratum,
		   bool seen)
{
	const uint64_t start = addr - HEADER;
	bool crossed = false;

	for (size_t i = crossings_from(l->crossings, l->ncrossings, start);
	     i < l->ncrossings && crossing_place(&l->crossings[i]) < start + chunk; i++)
		if (!l->crossings[i].mapped)
			crossed |= place(l, &l->crossings[i], start, chunk, stratum, seen);
	return crossed;
}

bool sampling_chunk(struct sampling_look *l, uint64_t addr, uint64_t chunk, uint32_t signature,
		    const struct block *b)
{
	struct sampling *s = l->kept;
	uint32_t stratum = strata__of(s->strata, estimator_class(chunk), signature);
	struct estimator_block known;
	bool mapped;

	/* Where everything is seen a block is what the ledger says, aligned ones too. */
	if (b && l->partly && !fits(b->size, chunk)) {
		is_dead(l, b);
		b = NULL;
	}
	mapped = !b && l->partly && is_mapped(l, addr, chunk, &known);
	if (!l->partly) {
		if (!b)
			remember(l, addr, chunk, stratum);
		return b;
	}
	if (b) {
		known = (struct estimator_block){
		    .site = b->site,
		    .size = b->size,
		    .weight = seen_weight(l->spans, l->nspans, b->born, b->size),
		    .moment = b->born};
		known.changed = chunk <= HW_CACHED_CHUNK_MAX &&
				firsts__changed(s->firsts, b, stratum, known.weight);
		known.same = chunk <= HW_CACHED_CHUNK_MAX && firsts__same(s->firsts, b);
	}
	if (estimator__chunk(l->estimator, stratum, chunk, b || mapped ? &known : NULL))
		l->err = -ENOMEM;
	/* Who stands for itself is not one of those that they stand for. */
	if ((b || mapped) && known.weight <= SEEN_ALL)
		return b;
	if (!places(l, addr, chunk, stratum, b) && !b)
		remember(l, addr, chunk, stratum);
	return b;
}

void sampling_peek(struct sampling *s, const struct seen_span *spans, size_t nspans,
		   const struct block *b, uint64_t chunk, uint32_t signature, uint32_t content)
{
	if (chunk > HW_CACHED_CHUNK_MAX || !fits(b->size, chunk) || prepare(s))
		return;
	firsts__content(s->firsts, b, strata__of(s->strata, estimator_class(chunk), signature),
			content, seen_weight(spans, nspans, b->born, b->size));
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
