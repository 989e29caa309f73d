/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cohort.h: of blocks that were sampled and whose frees may not be seen, which still begin as they
 * did when they were first looked at.  What leaks is not touched any more; where another block was
 * given the address, it most likely begins otherwise.  So those that changed may be gone, and the
 * others are there, whatever allocator they are of and whether or not its heap can be walked.
 * Pure.
 */
#ifndef MODEL_COHORT_H
#define MODEL_COHORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/signature.h"

struct block;
struct cohort;
struct seen_span;

/* So many samples are read at a look; of more, a half, a quarter ..., the same ones each time. */
#define COHORT_READ_MAX (1u << 16)

/* NULL where memory is out. */
struct cohort *cohort__new(void);
void cohort__free(struct cohort *c);

/* A block begins with these words at this time (any clock that only grows): did it each time, and
 * for BEGINS_OLD_MS (begins.h) at least? */
bool cohort__see(struct cohort *c, uint64_t time_ns, const struct block *b,
		 const uint64_t words[SIGNATURE_WORDS]);

/* ---- one look ---- */

/* Samples by site and size class (estimator.h) or, where the heap's classes are not known, by site
 * alone, as class 0.  Each counts as one, whatever it stands for: bytes with what the allocator
 * adds to them. */
struct cohort_part {
	uint32_t site, class;
	double all;
	double same; /* of these, those that begin as they did */
	double
	    unit; /* of those, what one window gave on average; of none, what one more would be */
	double worth; /* bytes asked for, of each */
};

/* by_class: as above.  spans: the caller's, needed until cohort__finish. */
void cohort__begin(struct cohort *c, uint64_t time_ns, bool by_class, const struct seen_span *spans,
		   size_t nspans);
/* 0 or -ENOMEM. */
int cohort__add(struct cohort *c, const struct block *b);
/* After the last: how many are to be read, and told. */
size_t cohort__to_read(struct cohort *c);
const struct block *cohort__block(const struct cohort *c, size_t i);
void cohort__tell(struct cohort *c, size_t i, const uint64_t words[SIGNATURE_WORDS]);
/* What was not told is forgotten.  0 or -ENOMEM. */
int cohort__finish(struct cohort *c);

/* Of the last look: how many there were; by class and site. */
uint32_t cohort__looks(const struct cohort *c);
size_t cohort__parts(const struct cohort *c, const struct cohort_part **parts);
const struct cohort_part *cohort__part(const struct cohort *c, uint32_t class, uint32_t site);
/* Blocks of a site that are not known to be gone, those that stand for themselves too. */
uint64_t cohort__live(const struct cohort *c, uint32_t site);

#endif
