/* SPDX-License-Identifier: GPL-2.0 */
/* growth_parts.h: what growth is made of.  Private to growth*.c. */
#ifndef MODEL_GROWTH_PARTS_H
#define MODEL_GROWTH_PARTS_H

#include "model/growth.h"

#define GROWTH_POINTS 60u

struct series {
	uint64_t key;
	uint32_t class;
	double sample, worth; /* as of the last point that had it */
	double bytes[GROWTH_POINTS];
	double gone[GROWTH_POINTS];

	/* Bytes a second, of the class: told by growth_settle. */
	double slope, error;
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

/* The slopes of all series; those of one class's samples sum to the heap's. */
void growth_settle(struct growth *g);

#endif
