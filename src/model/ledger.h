/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ledger.h: what one address space holds, by callsite, kept up to date event by event.
 * A ledger lives from attach or exec to exec or exit.  Pure: no I/O, no clock; not thread-safe:
 * the drain thread owns it, others see snapshots.
 */
#ifndef MODEL_LEDGER_H
#define MODEL_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/mappings.h"
#include "model/report.h"
#include "wire/decode.h"

struct ledger;

/* start_ns: CLOCK_MONOTONIC at the attach; births count from it.  NULL where memory is out. */
struct ledger *ledger__new(uint64_t start_ns);
void ledger__free(struct ledger *l);
/*
 * The ledger of a fork's child: its parent's live blocks, mappings and stacks, shared until one of
 * the two changes: as many pointers as there are pieces of 1 MiB of the table and of 32 sites are
 * copied.  Births still count from the parent's start_ns; what was ever allocated, events and
 * losses start at 0.  NULL where memory is out.
 */
struct ledger *ledger__fork(const struct ledger *l);

/* An exec: what is seen of the new program is what was of the old one. */
void ledger__inherit_seen(struct ledger *l, const struct ledger *old);

/* Anonymous memory that was there at the attach (from /proc/PID/maps), and the break (0: unknown).
 */
int ledger__seed_mapping(struct ledger *l, uint64_t addr, uint64_t len);
void ledger__seed_brk(struct ledger *l, uint64_t brk);

/*
 * Apply one record.  What it means is in event.h; in particular
 * - HW_FREE of a block not known: counted as older_freed (without a size), never an error; but not
 *   of one that was freed just now: that is the second record of one call;
 * - HW_REALLOC_BEGIN parks the old block under its tid, HW_REALLOC_END drops it (moved, grown, or
 *   size 0 freed it) or puts it back (addr 0 and size not 0).  A second BEGIN of the same tid, and
 *   an END without its BEGIN, settle what can be settled and count as `unsettled`.  An old block
 *   not known that is really gone counts as older_freed;
 * - HW_ALLOC on an address that is live: its free was lost; the old block is dropped and counted as
 *   `overwritten`;
 * - a stack key not seen before (its HW_STACK was lost): the site with no frames, named unknown;
 * - HW_VM_UNMAP_FAIL counts as `unsettled`; HW_PROC_* are not the ledger's: ignored.
 * Returns 0, or -ENOMEM (the record is counted as `dropped`).
 */
int ledger__apply(struct ledger *l, const union wire_event *ev);

struct snapshot_site {
	enum report_kind kind;
	uint64_t bytes, blocks;			    /* outstanding */
	uint64_t allocated_bytes, allocated_blocks; /* ever */
	uint32_t flags;				    /* HW_STACK_* */
	uint32_t nframes;
	const uint64_t *pc; /* leaf first */
	uint64_t stack;	    /* key */
	uint32_t site;	    /* as struct block names it */
	uint64_t low, high; /* the bytes are between these, nine times in ten */
	bool estimated;
};

/* A copy of the totals and of the sites, sorted by bytes, largest first; ties by stack key. */
struct snapshot {
	uint64_t outstanding_bytes, outstanding_blocks;
	uint64_t older_freed_bytes; /* of older anonymous mappings unmapped since */
	uint64_t older_freed_blocks;
	uint64_t advised_bytes;
	uint64_t events, overwritten, unsettled, dropped, repaired;
	struct mapping_totals mappings;
	/* Of all stacks, by flag (the lowest one counts): how many have it, and what was ever
	 * allocated there; and all. */
	struct snapshot_flagged {
		uint64_t stacks, allocated_blocks;
	} flagged[HW_STACK_FLAGS], stacks;
	bool partly;	       /* not every call was seen all the time: the sums are of what was */
	size_t nsites;	       /* in sites[] */
	size_t sites_total;    /* with any outstanding byte or block */
	uint64_t hidden_bytes; /* of those not in sites[] */
	struct snapshot_site *sites;
};

/*
 * At most `top` sites (0: all) of each kind together, those of at least min_bytes outstanding;
 * sites with nothing outstanding are left out.  Owned by the caller: snapshot__free.
 */
struct snapshot *ledger__snapshot(const struct ledger *l, size_t top, uint64_t min_bytes);
/* Leave out as ledger__snapshot does. */
void snapshot__cut(struct snapshot *s, size_t top, uint64_t min_bytes);
/* Of a whole one: callsites of which nothing is known but crossings (crossings.h), which only
 * estimates give a size. */
void snapshot__leave_out_crossings(struct snapshot *s);
/* The caller's; NULL where memory is out. */
struct snapshot *snapshot__copy(const struct snapshot *s);
void snapshot__free(struct snapshot *s);

struct block;
struct blocks;
struct seen_span;

/* A copy of how much was seen when (seen.h), and whether it was
 * ever less than all; free(*spans).  0 or -ENOMEM. */
int ledger__spans(const struct ledger *l, struct seen_span **spans, size_t *n, bool *partly);

/*
 * Blocks that reached into new pages while not all was seen (crossings.h), with the sites of their
 * calls of malloc, for the caller to free.  leave: of a stack, leaf first, how many frames are the
 * allocator's own; 0: it is no allocator's.  0 or -ENOMEM.
 */
struct crossing;
typedef uint32_t (*ledger_leave_fn)(void *arg, const uint64_t *pc, uint32_t nframes);
int ledger__crossings(struct ledger *l, ledger_leave_fn leave, void *arg, struct crossing **out,
		      size_t *n);
/* Large chunks that were asked for (requests.h), for the caller to free, and how often some may
 * have been missed; leave and sites as above.  0 or -ENOMEM. */
struct request;
int ledger__requests(struct ledger *l, ledger_leave_fn leave, void *arg, struct request **out,
		     size_t *n, uint32_t *gaps);
/* requests_keep. */
void ledger__keep_requests(struct ledger *l, uint32_t until, const uint32_t *held, size_t n);

/* Another number where a crossing came or went since. */
uint32_t ledger__crossed(const struct ledger *l);

/* What was born in windows (births.h), for the caller to free.  0 or -ENOMEM. */
struct birth;
int ledger__births(const struct ledger *l, struct birth **births, size_t *n);

/* The small blocks that are left of those that came in windows since the last call, but for one
 * that is open, for the caller to free.  0 or -ENOMEM. */
int ledger__fresh(struct ledger *l, struct block **blocks, size_t *n);

/* While a window is open: those that are left of the ones that came in it so far, of the first max,
 * by address, for the caller to free; for them to be looked at while their frees are seen.  Who
 * comes later in it is no sample.  0 or -ENOMEM. */
int ledger__glimpse(struct ledger *l, size_t max, struct block **blocks, size_t *n);

/* The live blocks as they are now, shared until one of the two changes (blocks.h says what that
 * means for threads).  Owned by the caller: blocks__free.  NULL where memory is out. */
struct blocks *ledger__blocks(const struct ledger *l);
/* When a block of this time (CLOCK_MONOTONIC) is born, as struct block counts it. */
uint32_t ledger__moment(const struct ledger *l, uint64_t time_ns);
/* The frames of a block's site: how many, at most `max` of them to pc. */
size_t ledger__frames(const struct ledger *l, uint32_t site, uint64_t *pc, size_t max);
/* The heap says that this block is free: its free was lost.  True and it is counted as `repaired`,
 * or false: the ledger holds another one there by now, or none. */
bool ledger__repair(struct ledger *l, const struct block *blk);

/* Heap memory of the ledger, bytes. */
size_t ledger__memory(const struct ledger *l);

#endif
