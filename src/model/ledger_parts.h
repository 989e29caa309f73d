/* SPDX-License-Identifier: GPL-2.0 */
/* ledger_parts.h: what a ledger is made of.  Private to ledger*.c. */
#ifndef MODEL_LEDGER_PARTS_H
#define MODEL_LEDGER_PARTS_H

#include <stdint.h>

#include "model/births.h"
#include "model/blocks.h"
#include "model/crossings.h"
#include "model/ledger.h"
#include "model/mappings.h"
#include "model/pending.h"
#include "model/requests.h"
#include "model/seen.h"
#include "model/sites.h"

/* Addresses freed last that are remembered: sets, a power of two, of some each. */
#define LEDGER_FREED_SETS 256
#define LEDGER_FREED_WAYS 4

/* Blocks of windows, to be looked at soon: later ones are not. */
#define LEDGER_FRESH_MAX 65536u

struct ledger {
	uint64_t start_ns;
	struct blocks *blocks;
	struct sites *sites;
	struct mappings *mappings;
	uint64_t brk; /* 0: not known yet */
	struct crossings crossings;
	struct requests requests;
	struct pending *pending;
	uint64_t outstanding_bytes, outstanding_blocks; /* the parked ones included */
	uint64_t older_freed_blocks, advised_bytes;
	uint64_t events, overwritten, unsettled, dropped, repaired;
	/* By a hash of the address, the last one first; 0: none. */
	uint64_t freed[LEDGER_FREED_SETS][LEDGER_FREED_WAYS];
	struct seen seen;
	struct births *births; /* once not all is seen; NULL: all was */
	struct ledger_fresh {  /* small blocks of windows */
		uint64_t *addr;
		size_t n, room;
		size_t window;	 /* where those of the window that is open begin */
		size_t births;	 /* in it */
		size_t glimpsed; /* of these, the first that were looked at while it was open */
		size_t came;	 /* until then */
	} fresh;
};

/* The block is gone from the table; now its bytes are from the sums too. */
void ledger_forget(struct ledger *l, const struct block *blk);

/* Apply a record of a mapping; any other changes nothing.  0 or -errno. */
int ledger_vm_apply(struct ledger *l, const union wire_event *ev);

/* ledger_births.c: a block was put into the table, or seen to go from it; and how much is seen from
 * here on.  0 or -ENOMEM. */
int ledger_born(struct ledger *l, const struct block *blk);
int ledger_died(struct ledger *l, const struct block *blk);
int ledger_level(struct ledger *l, const struct hw_level *e);

/* From the site of a place in the allocator to that of the call of malloc, which holds a block from
 * here on, of no size, so that snapshots have it (snapshot.c); 0 where that is not known.  leave:
 * as ledger__crossings has it.  0 or -ENOMEM. */
int ledger_settle_site(struct ledger *l, uint32_t *site, ledger_leave_fn leave, void *arg);
/* It holds that one no more. */
void ledger_unsettle_site(struct ledger *l, uint32_t site);

/* ledger_requests.c */
int ledger_request(struct ledger *l, const struct hw_request *e);

/* Since the attach, at this time (CLOCK_MONOTONIC). */
uint32_t ledger_seconds(const struct ledger *l, uint64_t time_ns);

/* The END of what this thread was in the middle of is lost. */
void ledger_settle(struct ledger *l, const struct pending_call *p);

#endif
