/* SPDX-License-Identifier: GPL-2.0 */
/* growth_parts.h: what growth is made of.  Private to growth*.c. */
#ifndef MODEL_GROWTH_PARTS_H
#define MODEL_GROWTH_PARTS_H

#include "model/growth.h"
#include "model/trend.h"

#define GROWTH_POINTS 60u

struct series {
	uint64_t key;
	uint32_t class;
	double sample, unit, worth; /* as of the last point that had it */
	double stays;		    /* as of then, too */
	double bytes[GROWTH_POINTS];
	double same[GROWTH_POINTS];
	double gone[GROWTH_POINTS];

	/* Bytes a second, of the class: told by growth_settle. */
	double slope, error;
	double recent;	   /* in the last third */
	double others;	   /* the error, as far as it makes others unsure */
	double least;	   /* no surer than that: for another may have had one sample more */
	struct trend kept; /* of same[] */
};

struct growth {
	uint64_t every_ns;
	uint64_t time_ns[GROWTH_POINTS];
	unsigned int points;
	struct series **series; /* by key and class */
	size_t n, room;

	/* growth_note.c: how and of which program it was known. */
	bool sampled;
	uint32_t program, looks;
};

/* Nothing is known any more. */
void growth_restart(struct growth *g);

/*
 * growth_shares.c: the slopes of n callsites of one class whose samples were looked at again, of
 * what the heap has of it.
 */
void growth_shares(const struct growth *g, struct series **s, size_t n, const struct series *total);

/* By how much a second these figures, one for each point, grew in the last third. */
double growth_recent(const struct growth *g, const double *figures);

/* The slopes of all series; those of one class's samples sum to the heap's. */
void growth_settle(struct growth *g);

#endif
