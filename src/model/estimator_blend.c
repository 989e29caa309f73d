// SPDX-License-Identifier: GPL-2.0
/* estimator_blend.c: crossings and windows, each for what it tells of. */
#include <math.h>

#include "model/estimator_parts.h"

/* Without a window's sample those that came later are taken to be of the same sites as the first
 * were, by as much as this many samples of windows would say. */
#define LIKE_FIRST 0.5
/* ... which differ from them by as much as there is of them. */
#define UNLIKE 1

/* What blocks that came later to the places of crossings have of all that came to them. */
struct later {
	double part, variance;
};

static struct later later_of(const struct stratum *t, const struct share_part *crossings, size_t n)
{
	struct later l = {0};
	double first = 0, places = t->nothers;

	for (size_t i = 0; i < n; i++) {
		first += crossings[i].samples.chunks;
		places += crossings[i].samples.n;
	}
	if (first + t->others <= 0)
		return l;
	l.part = t->others / (first + t->others);
	/* As if one more of each kind had been seen. */
	l.variance = (places * l.part + 1) * (places * (1 - l.part) + 1) /
		     ((places + 2) * (places + 2) * (places + 3));
	return l;
}

static double sampled(const struct share_part *p, size_t n)
{
	double bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += p[i].samples.bytes;
	return bytes;
}

static double units_of(const struct share_part *p, size_t n)
{
	double units = 0;

	for (size_t i = 0; i < n; i++)
		units += p[i].units;
	return units;
}

/* From what it had of all to this part of that, of which so much is a guess; as unsure as it was,
 * and by how unsure the part is. */
static void take_part(struct share_part *p, double part, double guess, double variance)
{
	const double bytes = p->samples.bytes, unsure = UNLIKE * guess * bytes;

	p->samples.bytes *= part;
	p->samples.blocks *= part;
	p->variance = p->variance * part * part + bytes * bytes * variance + unsure * unsure;
}

/*
 * Windows tell of all blocks, whenever they came: what a site has beyond what crossings say that it
 * has is of those that came later.
 */
static void share_later(struct share_part *w, size_t nw, const struct share_part *c, size_t nc,
			double bytes, double variance)
{
	const double all = sampled(w, nw);
	double left = 0;
	size_t k = 0;

	for (size_t i = 0; i < nw; i++) {
		double first = 0;

		while (k < nc && c[k].site < w[i].site)
			k++;
		if (k < nc && c[k].site == w[i].site)
			first = c[k].samples.bytes;
		w[i].beyond = w[i].samples.bytes > first ? w[i].samples.bytes - first : 0;
		left += w[i].beyond;
	}
	for (size_t i = 0; i < nw; i++) {
		const double was = w[i].samples.bytes;
		double part, now;

		if (was <= 0)
			continue;
		part = left > 0 ? w[i].beyond / left : was / all;
		now = part * bytes;
		w[i].samples.bytes = now;
		w[i].samples.blocks *= now / was;
		if (left > bytes)
			w[i].variance *= bytes / left * bytes / left;
		w[i].variance += part * part * variance;
	}
}

double estimator_blend(const struct stratum *t, struct share_part *p, size_t n)
{
	struct share_class rest = t->all;
	struct share_part *c;
	struct later later;
	size_t nw = 0, nc;
	double nobodys, all, guess;

	while (nw < n && !p[nw].crossing)
		nw++;
	nc = n - nw;
	c = p + nw;
	nobodys = share_out(&t->all, p, nw);
	if (!nc)
		return nobodys;
	/* Of those that stood for themselves, what share_out left so. */
	for (size_t i = 0; i < nw; i++) {
		rest.bytes -= p[i].exact.chunks;
		rest.blocks -= p[i].exact.blocks;
	}
	rest.births = 0;
	later = later_of(t, c, nc);
	all = sampled(p, nw);
	guess = later.part * LIKE_FIRST / (LIKE_FIRST + units_of(p, nw));
	if (all > 0)
		share_out(&rest, c, nc);
	else
		nobodys = share_out(&rest, c, nc);
	for (size_t i = 0; i < nw; i++)
		p[i].open *= later.part;
	for (size_t i = 0; i < nc; i++)
		take_part(&c[i], 1 - later.part + guess, guess, later.variance);
	share_later(p, nw, c, nc, (later.part - guess) * all, later.variance * all * all);
	return nobodys;
}
