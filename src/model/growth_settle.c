// SPDX-License-Identifier: GPL-2.0
/*
 * growth_settle.c: the slopes of callsites of which samples are known.
 *
 * What the samples stand for grows too much: a block whose free was not seen, and whose address is
 * used again, seems to be there still; and what one stands for is not well known.  What the heap
 * has of a class in all is, so the slopes of its callsites have to sum to that one's.  A leak's
 * samples never go; of busy callsites some are found to be gone, and the more are, the more may be
 * that were not found.  So the difference is first taken off from each in proportion to those
 * found, which makes it as unsure as it is large; then from each as it varies, up to its error; and
 * what is left of it from all in proportion to their slopes, which makes those unsure too.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "model/growth_parts.h"
#include "model/trend.h"

#define NINETY 1.645
/* Callsites of which there is no sample yet may have what one would show. */
#define NOBODYS 1
/* For each that was found to be gone so many may be that were not, and seem to be there. */
#define NOT_FOUND 9
/* Where none was found to be gone, so much of one sample may be. */
#define NONE_GONE 0.05

static int by_class(const void *a, const void *b)
{
	const struct series *x = *(struct series *const *)a, *y = *(struct series *const *)b;

	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	return (x->key > y->key) - (x->key < y->key);
}

static double gone(const struct growth *g, const struct series *s)
{
	return fmax(s->gone[g->points - 1] - s->gone[0], 0) + NONE_GONE * s->sample;
}

/* What may be taken off from it yet. */
static double room(const struct growth *g, const struct series *s, double span, double take)
{
	if (s->sample <= 0)
		return 0;
	return fmax(fmin(s->slope, NOT_FOUND * gone(g, s) / span) - take, 0);
}

/* Of what it may have grown by, how much those may be that were found to be gone. */
static double explained(const struct growth *g, const struct series *s, double span)
{
	double most = fmax(s->slope, 0) + s->error;

	return most > 0 ? fmin(NOT_FOUND * gone(g, s) / span / most, 1) : 0;
}

/*
 * So much of what the samples grew by is stale: from each in proportion to those found to be gone.
 * To take[], a second; returns what nobody's samples can explain.
 */
static double stale(const struct growth *g, struct series **s, size_t n, double span, double excess,
		    double *take)
{
	bool again = true;

	for (size_t i = 0; i < n; i++)
		take[i] = 0;
	while (again && excess > 0) {
		double all = 0, rest = excess;

		again = false;
		for (size_t i = 0; i < n; i++)
			if (room(g, s[i], span, take[i]) > 0)
				all += gone(g, s[i]);
		for (size_t i = 0; i < n && all > 0; i++) {
			double most = room(g, s[i], span, take[i]);
			double part = rest * gone(g, s[i]) / all;

			if (most <= 0)
				continue;
			again |= part > most;
			part = fmin(part, most);
			take[i] += part;
			excess -= part;
		}
	}
	return excess;
}

/* Chance takes and gives as each varies; what it cannot be, of one, is more than its error. Returns
 * what is left. */
static double by_chance(struct series **s, size_t n, const struct series *total, double excess)
{
	double all = total->error * total->error, taken = 0;

	for (size_t i = 0; i < n; i++)
		all += s[i]->sample > 0 ? s[i]->error * s[i]->error : 0;
	for (size_t i = 0; i < n && excess > 0 && all > 0; i++) {
		double part = excess * s[i]->error * s[i]->error / all;

		if (s[i]->sample <= 0 || s[i]->slope <= 0)
			continue;
		part = fmin(fmin(part, s[i]->error), s[i]->slope);
		s[i]->slope -= part;
		taken += part;
	}
	return excess - taken;
}

/* What of a share is another's, where samples of one callsite stand for more than those of another:
 * what grows by the clock is seen more often than what grows by the call, as probes take time. */
static double biased(double part, double by, double total)
{
	return total * part * (1 - part) * (1 - by);
}

/*
 * All samples stood for too much: what is left to them is to sum to what the heap has.  It is
 * unsure either how much they stood for, of each; or what their shares are: of one that has nearly
 * all it matters little how much that was, but who else might have had a sample.  That by shares,
 * to ratio[].
 */
static void scale(struct series **s, size_t n, const struct series *total, double span,
		  double excess, double *ratio)
{
	double all = 0, errors = 0, by;

	for (size_t i = 0; i < n; i++) {
		all += s[i]->sample > 0 ? fmax(s[i]->slope, 0) : 0;
		errors += s[i]->sample > 0 ? s[i]->others * s[i]->others : 0;
	}
	by = all > 0 && excess > 0 ? fmax(1 - excess / all, 0) : 1;
	for (size_t i = 0; i < n; i++) {
		double own = s[i]->error * s[i]->error, part, nobodys, bias, off;
		double others = fmax(errors - s[i]->others * s[i]->others, 0), left;

		ratio[i] = INFINITY;
		s[i]->least = 0;
		if (s[i]->sample <= 0 || all <= 0 || s[i]->slope <= 0)
			continue;
		part = s[i]->slope / all;
		left = all - s[i]->slope;
		nobodys = NINETY * NOBODYS * s[i]->sample / span;
		bias = biased(part, by, by * all);
		off = (1 - by) * s[i]->slope;
		ratio[i] = sqrt(by * by *
				    ((1 - part) * (1 - part) * own +
				     part * part * (others + nobodys * nobodys) + left * left) +
				bias * bias + part * part * total->error * total->error);
		s[i]->least = by * part * nobodys;
		s[i]->slope *= by;
		s[i]->error = sqrt(by * by * own + off * off);
	}
}

/*
 * What the class has not grown by nobody has, but in place of one who is seen to shrink; and nobody
 * shrinks by more.  All are 90 % bounds.
 */
static void bound(struct series *s, const struct series *total, double shrinks)
{
	double most = fmax(total->slope, 0) + total->error + shrinks;
	double least = fmin(total->slope, 0) - total->error - shrinks;
	double high = fmin(s->slope + s->error, most), low = fmax(s->slope - s->error, least);

	s->slope = fmin(fmax(s->slope, least), most);
	s->error = fmax(fmax(high - s->slope, s->slope - low), 0);
}

/*
 * They sum to what the heap has, or to less: what the others and the heap are surer of says more
 * than a callsite's own samples.
 */
static void combine(struct series **s, size_t n, const struct series *total, double span,
		    double sample, double excess)
{
	double all = total->error * total->error;

	for (size_t i = 0; i < n; i++)
		all += s[i]->error * s[i]->error;
	if (excess < 0) {
		double nobodys = NOBODYS * sample / span;

		all += nobodys * nobodys;
	}
	for (size_t i = 0; i < n; i++) {
		double variance = s[i]->error * s[i]->error;

		if (s[i]->sample <= 0 || all <= 0)
			continue;
		if (excess < 0)
			s[i]->slope -= excess * variance / all;
		s[i]->error = sqrt(variance - variance * variance / all);
	}
}

/* One class's callsites, n of them, and what the heap has of it. */
static void share(const struct growth *g, struct series **s, size_t n, const struct series *total,
		  double span, double *take)
{
	double excess = -total->slope, sample = 0, shrinks = 0;

	for (size_t i = 0; i < n; i++) {
		excess += s[i]->slope;
		shrinks += fmax(-s[i]->slope, 0);
		sample = fmax(sample, s[i]->sample);
	}
	for (size_t i = 0; i < n; i++)
		s[i]->others = s[i]->error * (1 - explained(g, s[i], span));
	excess = stale(g, s, n, span, excess, take);
	for (size_t i = 0; i < n; i++)
		s[i]->slope -= take[i];
	for (size_t i = 0; i < n; i++)
		s[i]->error = sqrt(s[i]->error * s[i]->error + take[i] * take[i]);
	excess = by_chance(s, n, total, excess);
	/* take[] is done with. */
	scale(s, n, total, span, excess, take);
	combine(s, n, total, span, sample, excess);
	for (size_t i = 0; i < n; i++) {
		if (s[i]->sample <= 0)
			continue;
		if (excess >= 0)
			s[i]->error = fmax(fmin(s[i]->error, take[i]), s[i]->least);
		bound(s[i], total, shrinks);
	}
}

double growth_recent(const struct growth *g, const double *figures)
{
	unsigned int last = g->points - 1, late = g->points * 2 / 3 - 1;

	return (figures[last] - figures[late]) /
	       ((double)(g->time_ns[last] - g->time_ns[late]) / 1e9);
}

static void fit(const struct growth *g, struct series *s, const double *x)
{
	/* How the points differ tells what samples there were, not that there might have been one
	 * more or less. */
	double unsure = NINETY * s->sample / x[g->points - 1];
	struct trend trend = {0};

	trend_fit(x, s->bytes, g->points, &trend);
	s->slope = trend.slope;
	s->recent = growth_recent(g, s->bytes);
	s->error = sqrt(trend.error * trend.error + unsure * unsure);
	if (s->unit <= 0)
		return;
	unsure = NINETY * s->unit / x[g->points - 1];
	trend_fit(x, s->same, g->points, &s->kept);
	s->kept.error = sqrt(s->kept.error * s->kept.error + unsure * unsure);
}

/* Were its samples looked at again? */
static bool was_read(struct series **s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i]->unit > 0)
			return true;
	return false;
}

void growth_settle(struct growth *g)
{
	struct series **s = calloc(g->n + 1, sizeof(struct series *));
	double *take = calloc(g->n + 1, sizeof(*take)), x[GROWTH_POINTS];

	for (unsigned int i = 0; i < g->points; i++)
		x[i] = (double)(g->time_ns[i] - g->time_ns[0]) / 1e9;
	for (size_t i = 0; i < g->n && g->points > 2; i++)
		fit(g, g->series[i], x);
	for (size_t i = 0; s && i < g->n; i++)
		s[i] = g->series[i];
	if (s)
		qsort(s, g->n, sizeof(struct series *), by_class);
	for (size_t i = 0, k; s && take && g->points > 2 && i < g->n; i = k) {
		for (k = i; k < g->n && s[k]->class == s[i]->class; k++)
			;
		/* The total is the last one. */
		if (s[i]->class == GROWTH_EXACT || s[k - 1]->key != GROWTH_CLASS)
			continue;
		if (was_read(&s[i], k - 1 - i))
			growth_shares(g, &s[i], k - 1 - i, s[k - 1]);
		else
			share(g, &s[i], k - 1 - i, s[k - 1], x[g->points - 1], take);
	}
	free(s);
	free(take);
}
