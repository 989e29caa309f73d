/* SPDX-License-Identifier: GPL-2.0 */
/*
 * inspection.h: looking into a process now and then: its waterfall, what its allocator says, whose
 * blocks pin pages; and with what the heap says, mending the ledger after lost events.
 */
#ifndef APP_INSPECTION_H
#define APP_INSPECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "inspect/explain.h"
#include "model/ledger.h"
#include "model/sampling.h"

struct cohort;
struct drain;
struct glimpses;
struct modules;

/* Pinned sites that are named. */
#define INSPECTION_PINNED 10
#define INSPECTION_FRAMES 64

struct inspection {
	pid_t pid;
	uint32_t id; /* to the drain that holds its ledger */
	bool done;   /* explain is valid: the last that worked */
	struct explain explain;
	uint64_t when_ns;     /* CLOCK_MONOTONIC, of its end */
	const char *no_glibc; /* why malloc's own figures are missing, or NULL */

	struct sampling sampling; /* where not every call was seen */
	uint64_t estimated_ns;	  /* CLOCK_MONOTONIC: the look that its estimates are of */
	struct cohort *cohort; /* and which of those that were are as they were; NULL: none yet */

	/* The callsites of explain.sites[], as far as they are ones. */
	struct inspection_frames {
		size_t n;
		uint64_t pc[INSPECTION_FRAMES];
	} frames[INSPECTION_PINNED];

	struct glimpses *glimpses; /* the caller's; NULL: none */

	/* Private. */
	ledger_leave_fn leave;
	void *leave_arg;
	bool located;
	int locate_err;
	uint32_t execs;	  /* of the program that was located */
	uint32_t crossed; /* ledger__crossed, of the crossings that were looked for */
	size_t nmodules;  /* of those that were known then */
	struct glibc glibc;
	unsigned int minor;
	struct allocator_place place; /* of another one */
	uint64_t began_ns, took_ns;   /* of the last one; CPU time */
	uint64_t rss_bytes;	      /* of the process, then */
	unsigned int torn;	      /* so many of them, one after the other, told nothing */
	unsigned int looks;	      /* at this process, where not all was seen of it */
	struct block *suspects;	      /* blocks that the last walk did not find live */
	size_t nsuspects;
};

/* leave: ledger__crossings's. */
void inspection_init(struct inspection *i, pid_t pid, ledger_leave_fn leave, void *arg);
void inspection_free(struct inspection *i);

/*
 * Look again, unless it is too early for that: a twentieth of a core is for so many processes that
 * are looked at (0: it is never too early), or a fifth while what was told last tells little.  d:
 * the drain that holds its ledger, as number `id`, or NULL.  Not an error where the process has
 * ended: the last inspection stays.  0, or -errno of the first one; logged.
 */
int inspection_update(struct inspection *i, struct drain *d, const struct modules *modules,
		      size_t processes);

/* Before the first probe: what is there now is older than all that will be seen. */
void inspection_baseline(struct inspection *i, const struct modules *modules);

/* What malloc's blocks hold, as the allocator counted at the last look: false where it did not. */
bool inspection_heap(const struct inspection *i, uint64_t *bytes);

/* Another one would hardly be noticed: under a fifth of a second. */
bool inspection_is_cheap(const struct inspection *i);

#endif
