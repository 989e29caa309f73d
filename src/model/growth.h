/* SPDX-License-Identifier: GPL-2.0 */
/*
 * growth.h: how fast each callsite grows: a straight line through what it held at the reports of
 * the last minutes, and how sure that is.  Pure: no clock.
 */
#ifndef MODEL_GROWTH_H
#define MODEL_GROWTH_H

#include <stdbool.h>
#include <stdint.h>

struct growth;

/* NULL where memory is out. */
struct growth *growth__new(void);
void growth__free(struct growth *g);

/* At this time (any clock that only grows) the site `key` held so many bytes, give or take
 * `spread`: a standard deviation, 0 where it is exact.  Sites beyond some thousands are not kept.
 * 0 or -ENOMEM. */
int growth__add(struct growth *g, uint64_t time_ns, uint64_t key, double bytes, double spread);

/* Bytes a minute, and within how much of that the truth is, nine times in ten.  False until there
 * are three points over at least two seconds. */
bool growth__of(const struct growth *g, uint64_t key, double *per_minute, double *error);

#endif
