/* SPDX-License-Identifier: GPL-2.0 */
/*
 * share.h: the chunks of one size class, shared out among those who are known to have had some.
 * Private to estimator.c.  Pure.
 */
#ifndef MODEL_SHARE_H
#define MODEL_SHARE_H

#include <stddef.h>
#include <stdint.h>

/* What the heap has of the class. */
struct share_class {
	double bytes, blocks; /* of chunks */
	double older;	      /* of the bytes, what was there before anything was seen */
	double births;	      /* also of who has none left; 0: not known */
};

/* A site's blocks of a class. */
struct share_part {
	uint32_t class, site;
	struct sum {
		double blocks, bytes, chunks;
	} exact, samples; /* each sample as what it stands for */
	double squares;	  /* of the units' weighted chunks */
	double units;
	double births; /* of the samples, those that are gone too */
	double real;   /* of the samples, those that are not stale */
	double variance;
};

/* All parts of one class: from what the samples stand for to what they come to, with a variance,
 * bytes squared.  What is left of the chunk bytes is nobody's. */
double share_out(const struct share_class *class, struct share_part *parts, size_t n);

#endif
