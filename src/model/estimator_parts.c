// SPDX-License-Identifier: GPL-2.0
/* estimator_parts.c: what each site's samples of a stratum come to, and how much chance is in it.
 */
#include "model/estimator_parts.h"

#include <errno.h>
#include <stdlib.h>

#include "model/births.h"
#include "model/seen.h"

/* What was asked for of a chunk of a crossing is known to so many bytes. */
#define ROUNDING 8

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int list_moments(struct estimator *e)
{
	size_t kept = 0;

	e->moments = calloc(e->n + 1, sizeof(*e->moments));
	if (!e->moments)
		return -ENOMEM;
	for (size_t i = 0; i < e->n; i++)
		if (e->units[i].weight > SEEN_ALL)
			e->moments[e->nmoments++] = e->units[i].moment;
	if (!e->nmoments)
		return 0;
	qsort(e->moments, e->nmoments, sizeof(*e->moments), by_value);
	for (size_t i = 1; i < e->nmoments; i++)
		if (e->moments[i] != e->moments[kept])
			e->moments[++kept] = e->moments[i];
	e->nmoments = kept + 1;
	return 0;
}

/* What one window after the other gave of a part. */
struct series {
	uint32_t moment;
	double last; /* what was given then; 0: nothing was yet */
};

/*
 * Windows are spread over time, one in each stretch of it: how much those that follow each other
 * differ says how much chance there is in their sum, however that changes in the long run.
 */
static void next_in_series(const struct estimator *e, struct series *s, struct share_part *p,
			   uint32_t moment, double chunks)
{
	const uint32_t *at = bsearch(&moment, e->moments, e->nmoments, sizeof(moment), by_value);
	bool follows = s->last > 0 && at > e->moments && at[-1] == s->moment;
	double step = follows ? chunks - s->last : chunks;

	p->noise += step * step / 2;
	if (!follows)
		p->noise += s->last * s->last / 2;
	p->squares += chunks * chunks;
	p->units++;
	*s = (struct series){moment, chunks};
}

static struct share_part part_of(const struct estimator *e, size_t *i)
{
	const struct unit *first = &e->units[*i];
	const struct birth *births;
	struct share_part p = {
	    .stratum = first->stratum, .site = first->site, .crossing = first->crossing, .real = 1};
	struct series series = {0};
	double window = 0;

	for (; *i < e->n; ++*i) {
		const struct unit *u = &e->units[*i];
		double weight = u->weight / SEEN_ALL;
		struct sum *s = u->weight <= SEEN_ALL ? &p.exact : &p.samples;

		if (u->stratum != first->stratum || u->site != first->site ||
		    u->crossing != first->crossing)
			break;
		s->n += u->n;
		s->blocks += weight * u->n;
		s->bytes += weight * u->bytes;
		s->chunks += weight * u->chunks;
		p.less += u->less;
		p.firm += u->same && !u->crossing ? weight * u->chunks : 0;
		if (u->crossing)
			p.reused += weight * (u->same ? ROUNDING * u->n : u->chunks);
		if (s == &p.exact)
			continue;
		window += weight * u->chunks;
		if (*i + 1 < e->n && u[1].stratum == u->stratum && u[1].site == u->site &&
		    u[1].crossing == u->crossing && u[1].moment == u->moment)
			continue;
		next_in_series(e, &series, &p, u->moment, window);
		window = 0;
	}
	p.noise += series.last * series.last / 2;
	births = e->nbirths && !p.crossing
		     ? births_find(e->births, e->nbirths, first->site, first->stratum)
		     : NULL;
	if (births)
		p.births = births->blocks / SEEN_ALL;
	if (p.births < p.samples.blocks + p.exact.blocks)
		p.births = p.samples.blocks + p.exact.blocks;
	return p;
}

long estimator_parts(struct estimator *e, struct share_part *out)
{
	long n = 0;

	if (list_moments(e))
		return -ENOMEM;
	for (size_t i = 0; i < e->n;)
		out[n++] = part_of(e, &i);
	return n;
}
