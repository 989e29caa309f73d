/* SPDX-License-Identifier: GPL-2.0 */
/*
 * share.h: the chunks of one stratum, shared out among those who are known to have had some.
 * Private to estimator.c.  Pure.
 */
#ifndef MODEL_SHARE_H
#define MODEL_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the heap has of it. */
struct share_class {
	double bytes, blocks; /* of chunks */
	double older;	      /* of the bytes, what was there before anything was seen */
	double births;	      /* also of who has none left; 0: not known */
	double scaled; /* samples stood for so much less: estimator_scale.c; 0: they did not */
};

/* A site's blocks of it. */
struct share_part {
	uint32_t stratum, site;
	bool crossing; /* what follows is of crossings alone */
	double less;   /* bytes that the exact ones may have less */
	struct sum {
		double n, blocks, bytes, chunks;
	} exact, samples; /* each sample as what it stands for */
	double firm;	  /* of these chunk bytes, what is there for sure */
	double squares;	  /* of the windows' weighted chunks: their sum */
	double units;	  /* windows */
	double births;	  /* of the samples, those that are gone too */
	double real;	  /* of the samples, those that are not stale */
	/* Variance of the chunks by chance alone: of the samples', and of what is real. */
	double seem_noise, noise;
	double told; /* how much its own samples count of what is real, 0 to 1 */
	/* Chunk bytes of crossings (crossings.h) that may be other blocks by now, or more than was
	 * asked for. */
	double reused;
	double unlike; /* of the rest, a standard deviation: chunk bytes */
	double gone;   /* of the births, chunk bytes */
	double beyond; /* bytes of samples that other kinds do not tell of */
	double unsure; /* a standard deviation of what is real of the chunks */
	double variance;
	double
	    open; /* bytes of all that is nobody's since there is no sample, were it the site's */
	double most; /* bytes of all that is shared out, were it the site's alone */
};

/* All parts of one stratum: from what the samples stand for to what they come to, with a variance,
 * bytes squared.  What is left of the chunk bytes is nobody's. */
double share_out(const struct share_class *class, struct share_part *parts, size_t n);

#endif
