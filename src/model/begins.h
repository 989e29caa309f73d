/* SPDX-License-Identifier: GPL-2.0 */
/*
 * begins.h: what blocks began with when they were first looked at, and whether they still do
 * (cohort.h says why).  Pure.
 */
#ifndef MODEL_BEGINS_H
#define MODEL_BEGINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/signature.h"

/* What is younger may be gone soon, and its memory not be used again yet. */
#define BEGINS_OLD_MS 3000u

struct begins;
struct block;

/* NULL where memory is out. */
struct begins *begins__new(void);
void begins__free(struct begins *t);

/* A block begins with these words at this time (any clock that only grows): did it each time, and
 * for BEGINS_OLD_MS at least? */
bool begins__see(struct begins *t, uint64_t time_ns, const struct block *b,
		 const uint64_t words[SIGNATURE_WORDS]);
/* What was not seen since the last turn is forgotten. */
void begins__turn(struct begins *t);

/* A number that a block has as long as it lives. */
uint32_t begins_hash(const struct block *b);

#endif
