/* SPDX-License-Identifier: GPL-2.0 */
/* sampling_parts.h: what sampling*.c share. */
#ifndef MODEL_SAMPLING_PARTS_H
#define MODEL_SAMPLING_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "model/sampling.h"

/* A chunk's block begins so far behind it. */
#define SAMPLING_HEADER 16u
#define SAMPLING_PAGE	4096u

/* What it needs between looks: 0 or -ENOMEM. */
int sampling_prepare(struct sampling *s);

/* Is a chunk that is not known a mapping of its own that a system call told of?  *out: whose. */
bool sampling_mapped(struct sampling_look *l, uint64_t addr, uint64_t chunk,
		     struct estimator_block *out);
/* To the estimator, what is known of the places of crossings that a chunk has now; seen: its call
 * was.  Is it one of them still? */
bool sampling_places(struct sampling_look *l, uint64_t addr, uint64_t chunk, uint32_t stratum,
		     bool seen);

#endif
