// SPDX-License-Identifier: GPL-2.0
/* sampling_crossings.c: what crossings (crossings.h) say of the chunks of a heap. */
#include <errno.h>
#include <stdlib.h>

#include "model/births.h"
#include "model/crossed.h"
#include "model/crossings.h"
#include "model/sampling_parts.h"
#include "model/strata.h"

/* Of a chunk's bytes, the header's and, on average, what it was rounded up by. */
#define ROUNDED 12u

/* Where less of a callsite's crossings is its own it is not sure of any. */
#define MOSTLY 0.9
/* ... nor where fewer of its blocks than these are there when their window ends. */
#define STAYS 0.5

/* Moments of crossings: each is one of its own, behind all others (BLOCK_BORN_MAX). */
#define CROSSINGS (1u << 30)

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
			    const struct signature *begins)
{
	const uint32_t content = begins->content;
	struct sampling_crossed *c = &s->crossed[i];
	bool gone = c->looked && !c->found;

	if (sampling_prepare(s) || gone)
		return;
	c->looked = true;
	if (!crossing_fits(of, chunk)) {
		c->known = true;
		c->same = false;
		return;
	}
	if (!c->found) {
		c->found = true;
		c->stratum = strata__of(s->strata, estimator_class(chunk), begins->kind);
	}
	c->same = c->known ? c->same && c->content == content : true;
	c->content = c->known ? c->content : content;
	c->known = true;
}

/* Most chunks need not be looked for: it begins with a page. */
bool sampling_mapped(struct sampling_look *l, uint64_t addr, uint64_t chunk,
		     struct estimator_block *out)
{
	const uint64_t start = addr - SAMPLING_HEADER;
	const struct crossing *c;

	if (start % SAMPLING_PAGE)
		return false;
	c = crossing_of(l->crossings, l->ncrossings, start, start + chunk);
	if (!c || !c->mapped || !c->site)
		return false;
	*out = (struct estimator_block){.site = c->site,
					.size = chunk - SAMPLING_HEADER,
					.less = SAMPLING_PAGE - 1,
					.weight = SEEN_ALL};
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
	if (estimator__know(l->estimator, stratum, chunk, &b))
		l->err = -ENOMEM;
	return true;
}

bool sampling_places(struct sampling_look *l, uint64_t addr, uint64_t chunk, uint32_t stratum,
		     bool seen)
{
	const uint64_t start = addr - SAMPLING_HEADER;
	bool crossed = false;

	for (size_t i = crossings_from(l->crossings, l->ncrossings, start);
	     i < l->ncrossings && crossing_place(&l->crossings[i]) < start + chunk; i++)
		if (!l->crossings[i].mapped)
			crossed |= place(l, &l->crossings[i], start, chunk, stratum, seen);
	return crossed;
}
