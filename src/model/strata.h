/* SPDX-License-Identifier: GPL-2.0 */
/*
 * strata.h: the kinds of chunks that are estimated apart: of one size class and one signature
 * (estimator.h, signature.h), numbered as they come.  Those without a signature are first: stratum
 * and class are the same number.  Pure.
 */
#ifndef MODEL_STRATA_H
#define MODEL_STRATA_H

#include <stddef.h>
#include <stdint.h>

/* After so many all others count as without a signature. */
#define STRATA_MAX 8192u

struct strata;

/* NULL where memory is out. */
struct strata *strata__new(void);
void strata__free(struct strata *s);
uint32_t strata__of(struct strata *s, unsigned int class, uint32_t signature);
/* One more than the largest number. */
uint32_t strata__count(const struct strata *s);
unsigned int strata__class(const struct strata *s, uint32_t stratum);

#endif
