/* SPDX-License-Identifier: GPL-2.0 */
/*
 * explain.h: where each resident byte of a process is: the census of its mappings, and within
 * malloc's own the walk over its heaps.  One shot; the process goes on meanwhile.
 */
#ifndef INSPECT_EXPLAIN_H
#define INSPECT_EXPLAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "inspect/allocator.h"
#include "inspect/census.h"
#include "inspect/glibc.h"
#include "inspect/pins.h"

struct explain {
	uint64_t rss;		  /* as smaps_rollup counts it right after, if that is short */
	uint64_t counted, shared; /* of statm, just then: the counters' RSS, which can be behind */
	struct census census;

	bool has_glibc; /* the rest is told */
	unsigned int minor;
	struct glibc_state state;
	uint64_t mmap_threshold, trim_threshold; /* as they are now: they grow */
	bool thresholds_fixed;			 /* by an option of the program's */
	struct pins *pins;
	struct pins_totals totals;
	const struct pins_site *sites; /* by bytes pinned, largest first */
	size_t nsites;

	/* An allocator beside or before glibc's; its name, or NULL.  What it says of itself, if it
	 * does; the census has its memory apart, if that is known. */
	const char *own_name;
	bool has_own, own_ranges;
	struct allocator_figures own;

	struct modules *modules;   /* as they were then */
	struct census_heap *heaps; /* by address */
	size_t nheaps;

	uint64_t took_ns;
};

/*
 * g: where glibc's malloc is, or NULL: no walk.  place: of another allocator, kept between looks.
 * ledger: what is known of blocks (pins.h), or NULL.
 *  budget_ns: how long the walk over the heaps may take, 0: as long as it needs.
 * 0, -ESRCH, -EACCES, -EPERM, -ENOMEM.  A heap that could not be walked is not an error: its
 * confidence says so.  explain_free even after a failure.
 */
int explain_take(pid_t pid, const struct glibc *g, unsigned int minor,
		 struct allocator_place *place, uint64_t budget_ns,
		 const struct pins_ledger *ledger, struct explain *out);
void explain_free(struct explain *e);

/* Would a live block at addr have been seen?  In a heap all of whose chunks were, and where nothing
 * is mapped any more. */
bool explain_surveyed(const struct explain *e, uint64_t addr);

#endif
