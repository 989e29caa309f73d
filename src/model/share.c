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
#define DIFFERS 0.5
#define UNSURE	0.05
/* Of what seems to be there and may be another's, the part that really is differs from site to site
 * by as much as it is on average. */
#define UNLIKE 1
/* Nine in ten of a normal distribution are within so many standard deviations. */
#define NINETY 1.645
/* Of samples that are not there any more, at most so many seem to be. */
#define STALE_MAX      0.9
#define BALANCE_ROUNDS 64

/* A class's samples in all, and what one of their chunk bytes is worth. */
struct share {
	struct sum exact, samples;
	double noise, squares, units;
	double stale;	/* of births that are gone, how many seem to be there */
	double doubt;	/* of that: its standard deviation */
	double gone;	/* of all parts, chunk bytes */
	double differs; /* of all parts: variance */
	double unlike;	/* so is this */
	double usual;	/* of what seems to be there, the part that is */
	double scale;
	double unseen; /* of the heap's, the part that came when no window was open, as it seems */
};

static struct share share_of(const struct share_part *p, size_t n)
{
	struct share s = {0};

	for (size_t i = 0; i < n; i++) {
		s.exact.blocks += p[i].exact.blocks;
		s.exact.chunks += p[i].exact.chunks;
		s.samples.blocks += p[i].samples.blocks;
		s.samples.chunks += p[i].real * p[i].samples.chunks;
		s.noise += p[i].noise;
		s.squares += p[i].squares;
		s.units += p[i].units;
		s.gone += p[i].gone;
	}
	return s;
}

/*
 * A sample whose free was not seen seems to be there for as long as its address is used by another
 * block of its size.  So more of them seem to be there than the heap has blocks; by how much says
 * how many of those that are gone do.  That is taken off where they were born: from each site's as
 * many as it had births that are gone.
 */
static double stale(const struct share_class *t, struct share *s)
{
	double live = t->blocks * (t->bytes > 0 ? 1 - t->older / t->bytes : 0);
	double seem = s->samples.blocks + s->exact.blocks, gone = t->births - live;
	double one = t->blocks > 0 ? t->bytes / t->blocks : 1;
	double unsure = s->noise / (one * one) + UNSURE * seem * UNSURE * seem, ratio;

	if (live < 1 || gone <= 0)
		return 0;
	s->doubt = sqrt(unsure / (gone * gone + unsure));
	if (seem <= live)
		return 0;
	ratio = (seem - live) / gone * gone * gone / (gone * gone + unsure);
	return ratio < STALE_MAX ? ratio : STALE_MAX;
}

static void take_off(struct share_part *p, size_t n, double ratio)
{
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
		x->seem_noise = x->noise;
		if (x->births > seem)
			x->noise += ratio / (1 - ratio) * ratio / (1 - ratio) * x->noise *
				    (x->births - seem) / seem;
	}
}

static double gone_of(const struct share_part *p)
{
	double real = p->real > 0 ? p->real * p->samples.blocks : 0,
	       gone = p->births - real - p->exact.blocks;

	return gone > 0 && p->samples.blocks > 0 ? gone * p->samples.chunks / p->samples.blocks : 0;
}

/*
 * Where nearly all that was seen is gone, what is left of a site is a small difference of large
 * numbers, and says nothing.  That as much of it is left as of all others is the better guess then:
 * between the two each counts by its variance.
 */
static void temper(struct share_part *p, size_t n, double ratio, double real)
{
	double seem = 0, firm = 0, usual;

	for (size_t i = 0; i < n; i++) {
		seem += p[i].samples.chunks;
		firm += p[i].firm;
	}
	usual = real > firm && seem > firm ? (real - firm) / (seem - firm) : 0;
	for (size_t i = 0; i < n; i++) {
		struct share_part *x = &p[i];
		double all = x->samples.chunks, sure = x->firm / all, guess, known, differs, gone,
		       var;

		gone = x->births / x->samples.blocks * all - x->real * all;
		differs = gone > 0 ? DIFFERS * ratio / (1 - ratio) * gone : 0;
		known = x->noise + differs * differs;
		guess = UNLIKE * usual * (1 - sure) * all;
		var = x->seem_noise * (sure + usual * usual * (1 - sure));
		if (known > guess * guess + var) {
			x->told = (guess * guess + var) / known;
			x->real = x->told * x->real + (1 - x->told) * (sure + usual * (1 - sure));
			x->noise =
			    x->told * x->told * x->noise + (1 - x->told) * (1 - x->told) * var;
			x->unlike = (1 - x->told) * guess;
		}
		if (x->real < sure)
			x->real = sure;
	}
}

/*
 * By chance more is taken off of some than they have, and of others too little.  Nobody has less
 * than nothing: what they lack is taken from all others, as unsure as each is, so that the sum is
 * right again.
 */
static void balance(struct share_part *p, size_t n, double sum)
{
	double lambda = 0, have, unsure, next;

	for (size_t i = 0; i < n; i++)
		p[i].unsure = sqrt(p[i].noise);
	for (unsigned int round = 0; round < BALANCE_ROUNDS; round++, lambda = next) {
		have = unsure = 0;
		for (size_t i = 0; i < n; i++) {
			double chunks = p[i].real * p[i].samples.chunks;

			if (chunks <= lambda * p[i].unsure)
				continue;
			have += chunks;
			unsure += p[i].unsure;
		}
		next = unsure > 0 && have > sum ? (have - sum) / unsure : 0;
		if (next <= lambda)
			break;
	}
	have = 0;
	for (size_t i = 0; i < n; i++) {
		p[i].real -= lambda * p[i].unsure / p[i].samples.chunks;
		if (p[i].real < 0)
			p[i].real = 0;
		have += p[i].real;
	}
	for (size_t i = 0; have <= 0 && i < n; i++)
		p[i].real = 1;
}

/* Of a part's share, where the parts vary independently. */
static double shared(double portion, double own, double all)
{
	return (1 - portion) * (1 - portion) * own +
	       portion * portion * (all > own ? all - own : 0);
}

/* Its stale ones are not as many as others': a standard deviation of its chunk bytes. */
static double differs_of(const struct share_part *p, const struct share *s)
{
	return p->told * DIFFERS * s->stale / (1 - s->stale) * p->gone;
}

static double variance_of(const struct share_part *p, const struct share *s)
{
	double chunks = p->real * p->samples.chunks;
	double worth = p->samples.bytes / p->samples.chunks * s->scale, portion, own, few, all;
	double differs = differs_of(p, s);

	portion = chunks / s->samples.chunks;
	own = shared(portion, p->noise, s->noise);
	if (s->units > 0)
		own += UNSEEN * (1 - portion) * s->usual * s->usual * s->squares / s->units;
	/* One or two units say little of how units differ: as Student's distribution is wider. */
	few = chunks > 0 ? 1 + p->squares / (p->samples.chunks * p->samples.chunks) : 1;
	all = own * few * few;
	/* And what nobody has been seen to hold may be of those who were not. */
	own = chunks / (s->units + 1);
	all += own * own;
	/* Where more is stale, who has more that is gone loses to who has less. */
	own = p->told * s->doubt / (1 - s->stale) * (p->gone - portion * s->gone);
	all += own * own;
	all += shared(portion, differs * differs, s->differs);
	all += shared(portion, p->unlike * p->unlike, s->unlike);
	/* What the heap has beyond what windows' samples stand for came when none was open: it may
	 * be anybody's. */
	own = !p->crossing ? chunks * s->unseen / NINETY : 0;
	all += own * own;
	/* Whose crossing it was says nothing of who has it now: it may all be others'. */
	own = p->reused / NINETY;
	all += own * own;
	return worth * worth * all;
}

/* What windows stood for may have been wrong by so much. */
#define WRONG 2

static double unseen_of(double scale, double scaled)
{
	double all = scaled > 0 ? scale * scaled / WRONG : scale, most = fmax(scale, all);

	return most > 1 ? 1 - 1 / most : 0;
}

double share_out(const struct share_class *t, struct share_part *p, size_t n)
{
	double ratio, doubt, rest, older, usual = 1;
	struct share s;

	s = share_of(p, n);
	ratio = stale(t, &s);
	doubt = s.doubt;
	for (size_t i = 0; i < n; i++)
		p[i].told = 1;
	if (ratio > 0) {
		double real = (s.samples.blocks + s.exact.blocks - ratio * t->births) / (1 - ratio);

		usual = real / (s.samples.blocks + s.exact.blocks);
		take_off(p, n, ratio);
		temper(p, n, ratio, real * t->bytes / t->blocks);
		balance(p, n, real * t->bytes / t->blocks);
	}
	for (size_t i = 0; i < n; i++)
		p[i].gone = gone_of(&p[i]);
	s = share_of(p, n);
	s.stale = ratio;
	s.doubt = doubt;
	s.usual = usual;
	for (size_t i = 0; i < n; i++) {
		s.differs += differs_of(&p[i], &s) * differs_of(&p[i], &s);
		s.unlike += p[i].unlike * p[i].unlike;
	}
	rest = t->bytes - s.exact.chunks;
	older = t->older < rest ? t->older : rest;
	/* What came while nothing was seen may be of those who had such blocks before. */
	for (size_t i = 0; s.samples.chunks <= 0 && rest > older && i < n; i++)
		p[i].open = (rest - older) * p[i].exact.bytes / p[i].exact.chunks;
	if (s.samples.chunks <= 0)
		return rest;
	s.scale = (rest - older) / s.samples.chunks;
	s.unseen = unseen_of(s.scale, t->scaled);
	for (size_t i = 0; i < n; i++) {
		if (p[i].samples.blocks <= 0)
			continue;
		p[i].variance = variance_of(&p[i], &s);
		p[i].most = (rest - older) * p[i].samples.bytes / p[i].samples.chunks;
		p[i].samples.bytes *= s.scale * p[i].real;
		p[i].samples.blocks *= s.scale * p[i].real;
	}
	return older;
}
