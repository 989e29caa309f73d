// SPDX-License-Identifier: GPL-2.0
#include "model/estimator.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/estimator_parts.h"
#include "model/seen.h"
#include "model/share.h"
#include "model/strata.h"

#define HEADER 8u /* of a chunk: it ends in the next one */

/* Of a normal distribution: nine in ten are within this many standard deviations. */
#define NINETY 1.645

struct estimator *estimator__new(const struct strata *strata)
{
	struct estimator *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->strata = strata;
	e->ntotal = strata ? STRATA_MAX : ESTIMATOR_CLASSES;
	e->total = calloc(e->ntotal, sizeof(*e->total));
	if (!e->total) {
		free(e);
		return NULL;
	}
	return e;
}

void estimator__free(struct estimator *e)
{
	if (!e)
		return;
	free(e->units);
	free(e->moments);
	free(e->total);
	free(e);
}

unsigned int estimator_class(uint64_t size)
{
	unsigned int log, class;

	if (size <= ESTIMATOR_SMALL_MAX)
		return size < ESTIMATOR_SMALLEST
			   ? 0
			   : (unsigned int)((size - ESTIMATOR_SMALLEST) / ESTIMATOR_STEP);
	log = 63u - (unsigned int)__builtin_clzll(size);
	class = ESTIMATOR_SMALL + (log - 10) * 4 + (unsigned int)(size >> (log - 2) & 3);
	return class < ESTIMATOR_CLASSES ? class : ESTIMATOR_CLASSES - 1;
}

unsigned int estimator_class_of(uint64_t bytes)
{
	return estimator_class((bytes + HEADER + ESTIMATOR_STEP - 1) &
			       ~(uint64_t)(ESTIMATOR_STEP - 1));
}

void estimator__older(struct estimator *e, uint32_t stratum, uint64_t bytes)
{
	e->total[stratum].all.older = (double)bytes;
}

/* Neighbours in the heap often are of one site and time: cheap, and it keeps the table short. */
static bool joins(const struct unit *u, const struct unit *with)
{
	return u->stratum == with->stratum && u->site == with->site && u->moment == with->moment &&
	       u->weight == with->weight && u->changed == with->changed && u->same == with->same &&
	       u->crossing == with->crossing;
}

static void join(struct unit *u, const struct unit *with)
{
	u->n += with->n;
	u->bytes += with->bytes;
	u->chunks += with->chunks;
	u->less += with->less;
}

static int by_stratum(const void *a, const void *b)
{
	const struct unit *x = a, *y = b;

	if (x->stratum != y->stratum)
		return x->stratum < y->stratum ? -1 : 1;
	if (x->crossing != y->crossing)
		return x->crossing - y->crossing;
	if (x->site != y->site)
		return x->site < y->site ? -1 : 1;
	if (x->moment != y->moment)
		return x->moment < y->moment ? -1 : 1;
	if (x->weight != y->weight)
		return x->weight < y->weight ? -1 : 1;
	if (x->changed != y->changed)
		return x->changed - y->changed;
	return x->same - y->same;
}

void estimator_compact(struct estimator *e)
{
	size_t kept = 0;

	if (!e->n)
		return;
	qsort(e->units, e->n, sizeof(*e->units), by_stratum);
	for (size_t i = 1; i < e->n; i++)
		if (joins(&e->units[i], &e->units[kept]))
			join(&e->units[kept], &e->units[i]);
		else
			e->units[++kept] = e->units[i];
	e->n = kept + 1;
}

static int add(struct estimator *e, const struct unit *u)
{
	if (e->n && joins(u, &e->units[e->n - 1])) {
		join(&e->units[e->n - 1], u);
		return 0;
	}
	if (e->n == e->room) {
		struct unit *units;
		size_t room;

		estimator_compact(e);
		room = e->room ? e->room : 1024;
		while (e->n * 2 > room)
			room *= 2;
		units = reallocarray(e->units, room, sizeof(*units));
		if (!units)
			return -ENOMEM;
		e->units = units;
		e->room = room;
	}
	e->units[e->n++] = *u;
	return 0;
}

int estimator__know(struct estimator *e, uint32_t stratum, uint64_t size,
		    const struct estimator_block *b)
{
	struct unit u = {.stratum = stratum,
			 .n = 1,
			 .chunks = (double)size,
			 .site = b->site,
			 .weight = b->weight,
			 .bytes = (double)b->size,
			 .less = (double)b->less,
			 .changed = b->changed,
			 .same = b->same,
			 .crossing = b->crossing};
	struct stratum *t = &e->total[stratum];

	t->samples += !b->changed && !b->crossing;
	t->changed += b->changed;
	t->crossings += b->crossing;
	/* Of one that stands for itself it does not matter when it was born. */
	if (b->weight > SEEN_ALL)
		u.moment = b->moment;
	else
		u.weight = SEEN_ALL;
	return add(e, &u);
}

int estimator__chunk(struct estimator *e, uint32_t stratum, uint64_t size,
		     const struct estimator_block *b)
{
	struct stratum *t = &e->total[stratum];

	t->all.bytes += (double)size;
	t->all.blocks++;
	return b ? estimator__know(e, stratum, size, b) : 0;
}

void estimator__others(struct estimator *e, uint32_t stratum, double bytes, bool whole)
{
	e->total[stratum].others += bytes;
	e->total[stratum].nothers += whole;
}

void estimator__births(struct estimator *e, struct birth *births, size_t n)
{
	e->births = births;
	e->nbirths = n;
}

static int by_site(const void *a, const void *b)
{
	const struct share_part *x = a, *y = b;

	return (x->site > y->site) - (x->site < y->site);
}

/* Of a site that no sample is of there may be so many, or one in twenty has more. */
#define UNSEEN_MAX 3

/* What they stand for, on average. */
static double one_sample(const struct share_part *parts, size_t n)
{
	double bytes = 0, samples = 0;

	for (size_t i = 0; i < n; i++)
		if (parts[i].units > 0) {
			bytes += parts[i].samples.bytes;
			samples += parts[i].samples.n;
		}
	return samples > 0 ? bytes / samples : 0;
}

static void gather(struct estimates *out, const struct share_part *parts, size_t n)
{
	const double unseen = UNSEEN_MAX * one_sample(parts, n);

	for (size_t i = 0; i < n;) {
		struct estimate *s = &out->sites[out->n++];
		double variance = 0, least = 0, most = unseen, open = 0, less = 0, more;

		*s = (struct estimate){.site = parts[i].site, .exact = true};
		for (; i < n && parts[i].site == s->site; i++) {
			s->bytes += parts[i].exact.bytes + parts[i].samples.bytes;
			s->blocks += parts[i].exact.blocks + parts[i].samples.blocks;
			s->exact &=
			    parts[i].variance <= 0 && parts[i].open <= 0 && parts[i].less <= 0;
			less += parts[i].less;
			open += parts[i].open;
			variance += parts[i].variance;
			least += parts[i].exact.bytes;
			most += parts[i].exact.bytes + parts[i].most + parts[i].open;
		}
		s->low = s->bytes - NINETY * sqrt(variance);
		more = NINETY * NINETY * variance + unseen * unseen;
		s->high = s->bytes + sqrt(more) + open;
		if (s->low < least)
			s->low = least;
		s->low = s->low > less ? s->low - less : 0;
		/* Nobody has more than there is. */
		if (s->high > most)
			s->high = most;
		out->bytes += s->bytes;
		out->blocks += s->blocks;
	}
}

int estimator__finish(struct estimator *e, struct estimates *out)
{
	struct share_part *parts = NULL;
	long n = -ENOMEM, i;

	memset(out, 0, sizeof(*out));
	estimator_merge_totals(e);
	if (!estimator_sizes(e, out)) {
		estimator_merge(e);
		parts = calloc(e->n + 1, sizeof(*parts));
		out->sites = calloc(e->n + 1, sizeof(*out->sites));
		n = parts && out->sites ? estimator_parts(e, parts) : -ENOMEM;
	}
	if (n < 0) {
		free(parts);
		estimates_free(out);
		return -ENOMEM;
	}
	for (uint32_t k = 0; k < e->ntotal; k++)
		if (estimator_stands_in(e, k) == k)
			out->nobodys += e->total[k].all.bytes;
	for (i = 0; i < n;) {
		const struct share_class *all = &e->total[parts[i].stratum].all;
		long k = i;

		while (k < n && parts[k].stratum == parts[i].stratum)
			k++;
		out->nobodys +=
		    estimator_blend(&e->total[parts[i].stratum], &parts[i], (size_t)(k - i)) -
		    all->bytes;
		/* Of large ones all are seen as a rule, and one that is not known is of just now.
		 */
		for (; i < k; i++)
			if (estimator_size_class(e, parts[i].stratum) >= ESTIMATOR_SMALL)
				parts[i].open = 0;
	}
	qsort(parts, (size_t)n, sizeof(*parts), by_site);
	gather(out, parts, (size_t)n);
	free(parts);
	return 0;
}
