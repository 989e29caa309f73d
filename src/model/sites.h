/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sites.h: the callsites of one address space: a stack's key -> a small id, its frames (kept
 * once), and what was taken there, by kind: one stack may both call malloc and map memory.
 * Sites are never removed.  Id 0 is the unknown stack: no frames, key 0; it is always there.
 * Pure: no I/O, no clock.
 */
#ifndef MODEL_SITES_H
#define MODEL_SITES_H

#include <stddef.h>
#include <stdint.h>

#include "model/report.h"

#define SITES_KINDS   (REPORT_MAP + 1)
#define SITES_UNKNOWN 0u

struct sites;

struct site_total {
	uint64_t bytes, blocks;			    /* outstanding */
	uint64_t allocated_bytes, allocated_blocks; /* ever */
};

struct site {
	uint64_t stack;	    /* key */
	const uint64_t *pc; /* leaf first; valid until the next sites__add */
	uint32_t nframes;
	uint32_t flags; /* HW_STACK_* */
	struct site_total total[SITES_KINDS];
};

/* NULL where memory is out. */
struct sites *sites__new(void);
void sites__free(struct sites *s);

/*
 * Make a stack known.  One that is known already keeps its first frames.  Returns 0, -EINVAL
 * (key 0), -ENOMEM, -ENOSPC (as many sites as a block's entry can name): it stays unknown.
 */
int sites__add(struct sites *s, uint64_t stack, uint32_t flags, uint32_t nframes,
	       const uint64_t *pc);
/* The stack's id, or SITES_UNKNOWN. */
uint32_t sites__find(const struct sites *s, uint64_t stack);

/* What is outstanding becomes more or less; id < sites__count. */
void sites__change(struct sites *s, uint32_t id, enum report_kind kind, int64_t bytes,
		   int64_t blocks);
/* What was ever allocated becomes more; outstanding is not touched. */
void sites__allocated(struct sites *s, uint32_t id, enum report_kind kind, uint64_t bytes,
		      uint64_t blocks);

/* The unknown site included, so at least 1. */
uint32_t sites__count(const struct sites *s);
void sites__get(const struct sites *s, uint32_t id, struct site *out);
/* Only the totals, without the frames. */
const struct site_total *sites__total(const struct sites *s, uint32_t id, enum report_kind kind);
size_t sites__memory(const struct sites *s);

struct snapshot;

/* The sites' part of ledger__snapshot (ledger.h), all else 0.  In snapshot.c. */
struct snapshot *sites__snapshot(const struct sites *s, size_t top, uint64_t min_bytes);

#endif
