/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sites.h: the callsites of one address space: what was taken at each stack, by kind: one stack may
 * both call malloc and map memory.  A site's id is its stack's (stacks.h); id 0 is the unknown
 * stack: no frames, key 0.  A fork shares the sums until they change, in small pieces.
 * Pure: no I/O, no clock; tables that share belong to one thread.
 */
#ifndef MODEL_SITES_H
#define MODEL_SITES_H

#include <stddef.h>
#include <stdint.h>

#include "model/report.h"
#include "model/stacks.h"

#define SITES_KINDS   (REPORT_MAP + 1)
#define SITES_UNKNOWN 0u

struct sites;

struct site_total {
	uint64_t bytes, blocks; /* outstanding */
	/* Ever, in this address space: what its parent had allocated before a fork is not in it. */
	uint64_t allocated_bytes, allocated_blocks;
};

/* With a table of stacks of its own.  NULL where memory is out. */
struct sites *sites__new(void);
void sites__free(struct sites *s);
/* A fork's child: the same stacks and what is outstanding, shared.  NULL where memory is out. */
struct sites *sites__fork(const struct sites *s);

/* Make a stack known; returns what stacks__add does, and -ENOMEM. */
int sites__add(struct sites *s, uint64_t stack, uint32_t flags, uint32_t nframes,
	       const uint64_t *pc);
/* The stack's id, or SITES_UNKNOWN. */
uint32_t sites__find(const struct sites *s, uint64_t stack);

/* What is outstanding becomes more or less; id < sites__count.  Where memory for a private copy of
 * a shared sum is out, the change is lost and counted. */
void sites__change(struct sites *s, uint32_t id, enum report_kind kind, int64_t bytes,
		   int64_t blocks);
/* What was ever allocated becomes more; outstanding is not touched. */
void sites__allocated(struct sites *s, uint32_t id, enum report_kind kind, uint64_t bytes,
		      uint64_t blocks);
/* Changes that were lost. */
uint64_t sites__failed(const struct sites *s);

/* The unknown site included, so at least 1. */
uint32_t sites__count(const struct sites *s);
void sites__stack(const struct sites *s, uint32_t id, struct stack *out);
struct site_total sites__total(const struct sites *s, uint32_t id, enum report_kind kind);
/* Heap memory; what is shared counts for each who shares it. */
size_t sites__memory(const struct sites *s);

struct snapshot;

/* The sites' part of ledger__snapshot (ledger.h), all else 0.  In snapshot.c. */
struct snapshot *sites__snapshot(const struct sites *s, size_t top, uint64_t min_bytes);

#endif
