/* SPDX-License-Identifier: GPL-2.0 */
/* estimator_parts.h: what an estimator is made of.  Private to estimator*.c. */
#ifndef MODEL_ESTIMATOR_PARTS_H
#define MODEL_ESTIMATOR_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/share.h"

/* Chunks of a size of their own class. */
#define ESTIMATOR_SMALLEST  32u
#define ESTIMATOR_SMALL_MAX 1040u
#define ESTIMATOR_STEP	    16u
#define ESTIMATOR_SMALL	    ((ESTIMATOR_SMALL_MAX - ESTIMATOR_SMALLEST) / ESTIMATOR_STEP + 1)

/* A stratum with fewer samples is no better known than its size class is. */
#define ESTIMATOR_SAMPLES_MIN 4

struct birth;
struct estimates;
struct strata;

/* What one site's samples of one stratum and one moment come to. */
struct unit {
	uint32_t stratum, site, moment, n;
	bool changed, same, crossing;
	double weight; /* 256ths, of one */
	double bytes, chunks, less;
};

struct estimator {
	const struct strata *strata; /* or NULL */
	struct stratum {
		struct share_class all;
		uint32_t samples, changed, crossings;
		uint32_t nothers; /* places of crossings that others have now */
		double others;	  /* bytes that these stand for */
		uint32_t units;	  /* of the samples that are sure: sites and moments */
		bool by_changed;  /* its samples are those that changed */
		bool by_crossing; /* ... are crossings */
		bool born;	  /* some were in windows */
	} * total;
	uint32_t ntotal;
	struct birth *births; /* by stratum and site; the caller's */
	size_t nbirths;
	struct unit *units;
	size_t n, room;
	uint32_t *moments; /* of all samples, in order */
	size_t nmoments;
};

/* Units by stratum, site and moment, each once. */
void estimator_compact(struct estimator *e);
/* Strata with few samples are taken together: their totals ... */
void estimator_merge_totals(struct estimator *e);
/* ... and their births and units, of which those are kept that tell more of the stratum. */
void estimator_merge(struct estimator *e);
/* ... whose weights are scaled to what the heap has of what is there for sure. */
void estimator_scale(struct estimator *e);
/* Where a stratum's are counted then. */
uint32_t estimator_stands_in(const struct estimator *e, uint32_t stratum);
unsigned int estimator_size_class(const struct estimator *e, uint32_t stratum);
/* All units, by size, before some of a stratum are chosen, and totals: to the estimates.  0 or
 * -ENOMEM. */
int estimator_sizes(const struct estimator *e, struct estimates *out);
/* Units to parts, by stratum, kind (crossings last) and site; out has room for as many as there are
 * units.  How many, or -ENOMEM. */
long estimator_parts(struct estimator *e, struct share_part *out);
/* All parts of one stratum, as estimator_parts has them: as share_out does, each kind by itself,
 * and each by how much of the stratum it tells of. */
double estimator_blend(const struct stratum *t, struct share_part *parts, size_t n);

#endif
