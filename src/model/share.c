// SPDX-License-Identifier: GPL-2.0
#include "model/share.h"

#include <math.h>

/*
 * What the samples' own scatter does not show, as found on traces of real programs
 * (tests/bench/estimate.c): their error bars then hold nine times in ten.  A site may have had a
 * burst that no window saw: as large as the usual, once or twice.  Whether addresses are used again
 * differs from site to site, by this much of it.  And of the run time that windows were open for
 * more or fewer calls may have been made than of other.
 */
#define UNSEEN	2
#define DIFFERS 0.7
#define UNSURE	0.05
/* Of samples that are not there any more, at most so many seem to be. */
#define STALE_MAX 0.9

/* A class's samples in all, and what one of their chunk bytes is worth. */
struct share {
	struct sum exact, samples;
	double squares, units;
	double stale; /* of births that are gone, how many seem to be there */
	double scale;
};

static struct share share_of(const struct share_part *p, size_t n)
{
	struct share s = {0};

	for (size_t i = 0; i < n; i++) {
		s.exact.blocks += p[i].exact.blocks;
		s.exact.chunks += p[i].exact.chunks;
		s.samples.blocks += p[i].samples.blocks;
		s.samples.chunks += p[i].real * p[i].samples.chunks;
		s.squares += p[i].real * p[i].real * p[i].squares;
		s.units += p[i].units;
	}
	return s;
}

/*
 * A sample whose free was not seen seems to be there for as long as its address is used by another
 * block of its size.  So more of them seem to be there than the heap has blocks; by how much says
 * how many of those that are gone do.  That is taken off where they were born: from each site's as
 * many as it had births that are gone.
 */
static double stale(const struct share_class *t, const struct share *s)
{
	double live = t->blocks * (t->bytes > 0 ? 1 - t->older / t->bytes : 0);
	double seem = s->samples.blocks + s->exact.blocks, gone = t->births - live;
	double one = t->blocks > 0 ? t->bytes / t->blocks : 1;
	double unsure = s->squares / (one * one) + UNSURE * seem * UNSURE * seem, ratio;

	if (live < 1 || seem <= live || gone <= 0)
		return 0;
	ratio = (seem - live) / gone * gone * gone / (gone * gone + unsure);
	return ratio < STALE_MAX ? ratio : STALE_MAX;
}

static void take_off(struct share_part *p, size_t n, double ratio)
{
	double left = 0;

	for (size_t i = 0; i < n; i++) {
		struct share_part *x = &p[i];
		double seem;

		/* Of blocks that stood for themselves frees were not seen either. */
		x->samples.blocks += x->exact.blocks;
		x->samples.bytes += x->exact.bytes;
		x->samples.chunks += x->exact.chunks;
		x->exact = (struct sum){0};
		seem = x->samples.blocks;
		x->real = (seem - ratio * x->births) / (1 - ratio) / seem;
		if (x->real < 0)
			x->real = 0;
		left += x->real;
	}
	for (size_t i = 0; left <= 0 && i < n; i++)
		p[i].real = 1;
}

static double variance_of(const struct share_part *p, const struct share *s)
{
	double chunks = p->real * p->samples.chunks, squares = p->real * p->real * p->squares;
	double worth = p->samples.bytes / p->samples.chunks * s->scale, portion, own, few, gone;
	double one = p->samples.chunks / p->samples.blocks, all;

	portion = chunks / s->samples.chunks;
	own = (1 - portion) * (1 - portion) * squares +
	      portion * portion * (s->squares > squares ? s->squares - squares : 0);
	if (s->units > 0)
		own += UNSEEN * (1 - portion) * s->squares / s->units;
	/* One or two units say little of how units differ: as Student's distribution is wider. */
	few = chunks > 0 ? 1 + squares / (chunks * chunks) : 1;
	all = own * few * few;
	/* And what nobody has been seen to hold may be of those who were not. */
	own = chunks / (s->units + 1);
	all += own * own;
	gone = p->births - p->real * p->samples.blocks;
	own = DIFFERS * s->stale * gone / (1 - s->stale) * one * sqrt(1 - portion);
	all += own * own;
	return worth * worth * all;
}

double share_out(const struct share_class *t, struct share_part *p, size_t n)
{
	struct share s = share_of(p, n);
	double ratio = stale(t, &s), rest, older;

	if (ratio > 0) {
		take_off(p, n, ratio);
		s = share_of(p, n);
		s.stale = ratio;
	}
	rest = t->bytes - s.exact.chunks;
	older = t->older < rest ? t->older : rest;
	if (s.samples.chunks <= 0)
		return rest;
	s.scale = (rest - older) / s.samples.chunks;
	for (size_t i = 0; i < n; i++) {
		if (p[i].samples.blocks <= 0)
			continue;
		p[i].variance = variance_of(&p[i], &s);
		p[i].samples.bytes *= s.scale * p[i].real;
		p[i].samples.blocks *= s.scale * p[i].real;
	}
	return older;
}
