/* SPDX-License-Identifier: GPL-2.0 */
/*
 * choice.h: of many places that a trial's calls came by, the fewest that see each large block
 * exactly once, and nothing that the thread cache serves.  Pure.
 */
#ifndef PROBE_CHOICE_H
#define PROBE_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heapwatch/trial.h"
#include "probe/behind.h"
#include "probe/candidates.h"

enum choice_size {
	CHOICE_LARGE,  /* over the thread cache's limit */
	CHOICE_CACHED, /* taken from the cache, or given to it */
	CHOICE_SMALL,  /* either may be */
};

/* A call of malloc, calloc or free that a thread made, nothing else in between. */
struct choice_call {
	uint64_t began, ended; /* CLOCK_MONOTONIC, ns */
	uint64_t block;	       /* what it gave, or took back */
	uint64_t bytes;	       /* that were asked for; of free: 0 */
	uint32_t tid;
	uint16_t frees;
	uint16_t size; /* enum choice_size */
};

/*
 * hits: place is an index into c->at; those outside a call are not looked at.  Fills places and n,
 * and request.  0; -ENOENT: no set of at most BEHIND_MAX places sees each large block once;
 * -ENOMEM.
 */
int choice_make(const struct candidates *c, const struct choice_call *calls, size_t ncalls,
		const struct hw_trial_hit *hits, size_t nhits, struct behind *out);

#endif
