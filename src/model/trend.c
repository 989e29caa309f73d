// SPDX-License-Identifier: GPL-2.0
/*
 * trend.c: generalised least squares with an error that is a share, alpha, of the one before and
 * something new.  Ordinary least squares would take points that err together for independent ones,
 * and promise several times too much.
 *
 * alpha is estimated from the points and, where it cannot be told from 1, taken to be 1 (a random
 * walk, of which the increments are independent), after Perron and Yabu, "Estimating deterministic
 * trends with an integrated or stationary noise component", Journal of Econometrics 151 (2009).
 */
#include "model/trend.h"

#include <math.h>

/* So few points do not tell it. */
#define FEW 16
/* How far from 1, in deviations of what is estimated: three, so that bars are rather too wide. */
#define LIKE_ONE 3

/* Student's distribution: nine in ten are within so many deviations. */
static double student(size_t freedom)
{
	static const double few[] = {6.314, 2.920, 2.353, 2.132, 2.015};
	const double z = 1.645;

	if (freedom <= sizeof(few) / sizeof(*few))
		return few[freedom - 1];
	return z + (z * z * z + z) / (4 * (double)freedom);
}

/* Sums for least squares of y on c and x. */
struct sums {
	double cc, cx, xx, cy, xy, yy;
};

static void add(struct sums *s, double c, double x, double y)
{
	s->cc += c * c;
	s->cx += c * x;
	s->xx += x * x;
	s->cy += c * y;
	s->xy += x * y;
	s->yy += y * y;
}

/* Each point less alpha times the one before it. */
static struct sums sums_of(const double *x, const double *y, size_t n, double alpha)
{
	/* The first has none before it, but the same variance: Prais and Winsten. */
	double first = sqrt(1 - alpha * alpha);
	struct sums s = {0};

	/* Around the first point, so that large figures do not eat small differences. */
	add(&s, first, 0, 0);
	for (size_t i = 1; i < n; i++)
		add(&s, 1 - alpha, x[i] - x[0] - alpha * (x[i - 1] - x[0]),
		    y[i] - y[0] - alpha * (y[i - 1] - y[0]));
	return s;
}

static void solve(const struct sums *s, double *level, double *slope, double *xx)
{
	*xx = s->cc > 0 ? s->xx - s->cx * s->cx / s->cc : s->xx;
	*slope = (s->xy - (s->cc > 0 ? s->cx * s->cy / s->cc : 0)) / *xx;
	*level = s->cc > 0 ? (s->cy - *slope * s->cx) / s->cc : 0;
}

/* What a point's error has of the one before. */
static double alpha_of(const double *x, const double *y, size_t n)
{
	struct sums s = sums_of(x, y, n, 0);
	double level, slope, xx, before = 0, both = 0, all = 0, alpha;

	solve(&s, &level, &slope, &xx);
	for (size_t i = 0; i < n; i++) {
		double off = y[i] - y[0] - level - slope * (x[i] - x[0]);

		both += off * before;
		all += before * before;
		before = off;
	}
	if (all <= 0)
		return 0;
	/* Off a line that was laid through them points seem less alike than they are. */
	alpha = n < FEW ? 1 : (both / all * (double)n + 2) / (double)(n - 4);
	if (alpha > 1 - LIKE_ONE / sqrt((double)n))
		return 1;
	return alpha > 0 ? alpha : 0;
}

bool trend_fit(const double *x, const double *y, size_t n, struct trend *out)
{
	double alpha, level, xx, off = 0;
	struct sums s;

	if (n < 3)
		return false;
	alpha = alpha_of(x, y, n);
	s = sums_of(x, y, n, alpha);
	solve(&s, &level, &out->slope, &xx);
	for (size_t i = 0; i < n; i++) {
		double e = y[i] - y[0] - level - out->slope * (x[i] - x[0]), rest = e;

		if (i)
			rest -= alpha * (y[i - 1] - y[0] - level - out->slope * (x[i - 1] - x[0]));
		else
			rest *= sqrt(1 - alpha * alpha);
		off += rest * rest;
	}
	out->error = student(n - 2) * sqrt(off / (double)(n - 2) / xx);
	return true;
}
