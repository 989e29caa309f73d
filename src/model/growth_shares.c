// SPDX-License-Identifier: GPL-2.0
/*
 * growth_shares.c: the slopes of callsites whose samples were looked at again (cohort.h).
 *
 * How much one sample stands for is badly known: a program is many times slower in a window, and so
 * what comes by the clock is seen more often there than what comes by the call.  But what the heap
 * grew by is known, so only the callsites' shares of it are asked for: of samples that did not
 * change.  Of a callsite most of whose samples went or changed, those that did not may as well be
 * another's that was given the address before the first look: they count little, and make all
 * unsure.
 */
#include <math.h>

#include "model/growth_parts.h"

/* Where all stays of one and half of another, what stays is a sixteenth as likely the other's. */
#define STEEP 4
/* So few samples say nothing. */
#define FEW 3
/* Of so many windows' samples some are in the last third. */
#define SOME 12
/* Where samples stand for that many times what the heap grew by, they say nothing either. */
#define FAR_OFF 200

static double seconds(const struct growth *g)
{
	return (double)(g->time_ns[g->points - 1] - g->time_ns[0]) / 1e9;
}

/* That what did not change is its own. */
static double likely(const struct series *s)
{
	return pow(s->stays, STEEP);
}

static double grew(const struct series *s)
{
	return s->unit > 0 ? fmax(s->kept.slope, 0) * likely(s) : 0;
}

/* What one more or less of its samples makes. */
static double one(const struct growth *g, const struct series *s)
{
	return s->unit / seconds(g);
}

/* All, a second. */
struct sums {
	double grew, samples, dirty, errors;
};

static double error_of(const struct series *s)
{
	return s->unit > 0 ? s->kept.error * likely(s) : 0;
}

static struct sums sums_of(const struct growth *g, struct series **s, size_t n)
{
	struct sums all = {0};

	for (size_t i = 0; i < n; i++) {
		all.grew += grew(s[i]);
		if (s[i]->unit > 0)
			all.samples += fmax(s[i]->kept.slope, 0) * seconds(g) / s[i]->unit;
		all.dirty += grew(s[i]) * (1 - s[i]->stays);
		all.errors += error_of(s[i]) * error_of(s[i]);
	}
	return all;
}

/* So much of it is of late: as the heap grew, and, where it had some samples, as those did. */
static double recent(const struct growth *g, const struct series *s, double part,
		     const struct series *total)
{
	double by_heap = part * total->recent, samples = s->kept.slope * seconds(g) / s->unit;

	if (samples < SOME)
		return by_heap;
	return fmin(by_heap, s->slope * growth_recent(g, s->same) / s->kept.slope);
}

static void one_of(const struct growth *g, struct series *s, const struct sums *all,
		   const struct series *total, double most)
{
	double by = fmax(total->slope, 0) / all->grew, part = grew(s) / all->grew;
	double own = error_of(s), others = all->errors;
	double dirty = all->dirty;

	others = fmax(others - error_of(s) * error_of(s), 0) + one(g, s) * one(g, s);
	own = (1 - part) * (1 - part) * own * own + part * part * others;
	s->slope = by * grew(s);
	s->recent = part > 0 ? recent(g, s, part, total) : 0;
	s->error =
	    sqrt(by * by * (own + dirty * dirty) + part * part * total->error * total->error);
	if (by * FAR_OFF < 1)
		s->error = most;
	s->error = fmin(s->error, fmax(most - s->slope, s->slope));
}

void growth_shares(const struct growth *g, struct series **s, size_t n, const struct series *total)
{
	double most = fmax(total->slope, 0) + total->error;
	struct sums all = sums_of(g, s, n);

	for (size_t i = 0; i < n; i++) {
		/* It stands for itself, all of it. */
		if (s[i]->sample <= 0 && s[i]->unit <= 0)
			continue;
		if (all.samples < FEW || all.grew <= 0) {
			s[i]->slope = 0;
			s[i]->error = most;
		} else {
			one_of(g, s[i], &all, total, most);
		}
	}
}
