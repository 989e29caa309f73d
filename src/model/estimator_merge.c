// SPDX-License-Identifier: GPL-2.0
/* estimator_merge.c: strata with few samples are taken together. */
#include <stdlib.h>

#include "model/births.h"
#include "model/estimator.h"
#include "model/estimator_parts.h"
#include "model/seen.h"
#include "model/strata.h"

unsigned int estimator_size_class(const struct estimator *e, uint32_t stratum)
{
	return e->strata ? strata__class(e->strata, stratum) : stratum;
}

uint32_t estimator_stands_in(const struct estimator *e, uint32_t stratum)
{
	const struct stratum *t = &e->total[stratum];

	return t->samples >= ESTIMATOR_SAMPLES_MIN || t->changed >= ESTIMATOR_SAMPLES_MIN ||
		       t->crossings >= ESTIMATOR_SAMPLES_MIN
		   ? stratum
		   : estimator_size_class(e, stratum);
}

void estimator_merge_totals(struct estimator *e)
{
	estimator_compact(e);
	for (uint32_t i = ESTIMATOR_CLASSES; i < e->ntotal; i++) {
		struct stratum *t = &e->total[i], *to;

		if (t->all.blocks <= 0)
			continue;
		to = &e->total[estimator_stands_in(e, i)];
		if (to == t)
			continue;
		to->all.bytes += t->all.bytes;
		to->all.blocks += t->all.blocks;
		to->all.older += t->all.older;
		to->samples += t->samples;
		to->changed += t->changed;
		to->crossings += t->crossings;
		to->others += t->others;
		to->nothers += t->nothers;
	}
	/* Where there are such alone, blocks of this stratum begin as others. */
	for (uint32_t i = 0; i < e->ntotal; i++)
		e->total[i].by_changed = e->total[i].samples < ESTIMATOR_SAMPLES_MIN &&
					 e->total[i].changed >= ESTIMATOR_SAMPLES_MIN;
}

/* A window's sample that begins as it did at first.  Of large ones that is not known. */
static bool is_sure(const struct estimator *e, const struct unit *u)
{
	if (u->changed || u->crossing || u->weight <= SEEN_ALL)
		return false;
	return u->same || estimator_size_class(e, u->stratum) >= ESTIMATOR_SMALL;
}

/*
 * Samples of windows and crossings each tell of the same chunks.  Crossings tell more, but nothing
 * of what came later to where others had been: that is left to the windows (estimator_blend.c).
 * Where there are few, what windows alone tell is better.  A window's samples of one site are one
 * draw, and so is each crossing.
 */
static void choose_kind(struct estimator *e)
{
	for (size_t i = 0; i < e->n; i++) {
		const struct unit *u = &e->units[i];

		if (is_sure(e, u))
			e->total[estimator_stands_in(e, u->stratum)].units++;
	}
	for (size_t i = 0; i < e->nbirths; i++)
		e->total[estimator_stands_in(e, e->births[i].class)].born = true;
	for (uint32_t i = 0; i < e->ntotal; i++) {
		struct stratum *t = &e->total[i];
		const uint32_t places = t->crossings + t->nothers;

		t->by_crossing = places > t->units && (places >= ESTIMATOR_SAMPLES_MIN || !t->born);
	}
}

static void merge_births(struct estimator *e)
{
	struct birth *b = e->births;
	size_t kept = 0;

	for (size_t i = 0; i < e->nbirths; i++) {
		b[i].class = estimator_stands_in(e, b[i].class);
	}
	if (!e->nbirths)
		return;
	qsort(b, e->nbirths, sizeof(*b), births_order);
	for (size_t i = 1; i < e->nbirths; i++)
		if (births_order(&b[i], &b[kept])) {
			b[++kept] = b[i];
		} else {
			b[kept].blocks += b[i].blocks;
			b[kept].whole += b[i].whole;
		}
	e->nbirths = kept + 1;
}

static void sum_births(struct estimator *e)
{
	for (size_t i = 0; i < e->nbirths; i++) {
		const struct birth *b = &e->births[i];

		if (estimator_size_class(e, b->class) < ESTIMATOR_SMALL &&
		    !e->total[b->class].by_changed)
			e->total[b->class].all.births += b->blocks / SEEN_ALL;
	}
}

static bool is_told_by(const struct stratum *t, const struct unit *u)
{
	if (u->weight <= SEEN_ALL)
		return true;
	if (u->crossing)
		return t->by_crossing;
	return !u->changed || t->by_changed;
}

static void merge_units(struct estimator *e)
{
	size_t kept = 0;

	for (size_t i = 0; i < e->n; i++) {
		struct unit u = e->units[i];

		u.stratum = estimator_stands_in(e, u.stratum);
		if (is_told_by(&e->total[u.stratum], &u))
			e->units[kept++] = u;
	}
	e->n = kept;
	estimator_compact(e);
}

void estimator_merge(struct estimator *e)
{
	choose_kind(e);
	merge_births(e);
	merge_units(e);
	estimator_scale(e);
	sum_births(e);
}
