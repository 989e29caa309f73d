// SPDX-License-Identifier: GPL-2.0
/* estimator_scale.c: what a window's samples stand for, as the heap has it. */
#include <errno.h>
#include <stdlib.h>

#include "model/births.h"
#include "model/estimator_parts.h"
#include "model/seen.h"

/*
 * What a window stands for is told by how long it was, less what its probes took: of a storm that
 * is a small rest, and may be wrong by as much as this.  But a sample that begins as it did is
 * there, so that all of a stratum stand for no more than it has; and for as much where hardly
 * anything else seems to be there.  So it shows in most strata by how much they are wrong in all.
 */
#define SCALE_MAX 4
/* ... no more of it than this part of what is there for sure. */
#define ELSE_MAX 0.2
/* A stratum with fewer of them says nothing of it. */
#define SAMPLES_MIN 8
/* With fewer strata than this it may be chance. */
#define STRATA_MIN 3
/* Of them, by samples, which have less. */
#define LOWER 0.33

struct ratio {
	double of; /* what there is to what they stand for */
	double samples;
};

static int by_ratio(const void *a, const void *b)
{
	const struct ratio *x = a, *y = b;

	return (x->of > y->of) - (x->of < y->of);
}

/* One stratum's, from unit *i on. */
static struct ratio ratio_of(const struct estimator *e, size_t *i)
{
	const uint32_t stratum = e->units[*i].stratum;
	const struct share_class *all = &e->total[stratum].all;
	double live = all->bytes - all->older, stand = 0, samples = 0, others = 0;

	for (; *i < e->n && e->units[*i].stratum == stratum; ++*i) {
		const struct unit *u = &e->units[*i];

		if (u->crossing)
			continue;
		if (u->weight <= SEEN_ALL) {
			live -= u->chunks;
		} else if (u->same) {
			stand += u->weight / SEEN_ALL * u->chunks;
			samples += u->n;
		} else {
			others += u->weight / SEEN_ALL * u->chunks;
		}
	}
	if (live > stand && others > ELSE_MAX * stand)
		return (struct ratio){0};
	return (struct ratio){stand > 0 && live > 0 ? live / stand : 0, samples};
}

static double scale_of(const struct estimator *e)
{
	struct ratio *all = calloc(e->n + 1, sizeof(*all));
	double samples = 0, below = 0, scale;
	size_t n = 0, k = 0;

	if (!all)
		return 1;
	for (size_t i = 0; i < e->n;) {
		struct ratio r = ratio_of(e, &i);

		if (r.of > 0 && r.samples >= SAMPLES_MIN) {
			samples += r.samples;
			all[n++] = r;
		}
	}
	if (n)
		qsort(all, n, sizeof(*all), by_ratio);
	while (k + 1 < n && (below += all[k].samples) < LOWER * samples)
		k++;
	scale = n < STRATA_MIN ? 1 : all[k].of;
	free(all);
	if (scale > SCALE_MAX)
		return SCALE_MAX;
	return scale < 1.0 / SCALE_MAX ? 1.0 / SCALE_MAX : scale;
}

void estimator_scale(struct estimator *e)
{
	const double scale = scale_of(e);

	for (size_t i = 0; i < e->n; i++) {
		struct unit *u = &e->units[i];

		if (u->crossing || u->weight <= SEEN_ALL)
			continue;
		u->weight *= scale;
		/* None of them stands for itself. */
		if (u->weight < SEEN_ALL + 1)
			u->weight = SEEN_ALL + 1;
	}
	for (uint32_t i = 0; i < e->ntotal; i++)
		e->total[i].all.scaled = scale;
	for (size_t i = 0; i < e->nbirths; i++) {
		struct birth *b = &e->births[i];

		b->blocks = b->whole + scale * (b->blocks - b->whole);
	}
}
