/* SPDX-License-Identifier: GPL-2.0 */
/*
 * trend.h: the straight line through a few points over time, and how sure its slope is.  Pure.
 */
#ifndef MODEL_TREND_H
#define MODEL_TREND_H

#include <stdbool.h>
#include <stddef.h>

struct trend {
	double slope; /* a second */
	double error; /* half of the interval that holds the true slope nine times in ten */
};

/*
 * x: seconds, each after the one before.  The error is right whether what is off the line is new
 * in each point, or stays for long, as samples that live on do, or for ever.  False: fewer than
 * three points.
 */
bool trend_fit(const double *x, const double *y, size_t n, struct trend *out);

#endif
