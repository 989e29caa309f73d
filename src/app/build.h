/* SPDX-License-Identifier: GPL-2.0 */
/* build.h: from the ledgers' snapshots to the report that views see: names, RSS, what is left over.
 */
#ifndef APP_BUILD_H
#define APP_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/report.h"

struct build;
struct built;
struct drain_state;
struct governor_state;
struct hw_proc;
struct names;
struct snapshot;
struct tree;
struct watched;

struct build_input {
	const struct watched *watched;
	const struct snapshot *snapshot; /* NULL, and the two that follow: no probes */
	const struct drain_state *state;
	const struct hw_proc *counters;
	const struct governor_state *governor;
	uint64_t probe_ns; /* that the probes took of it */
	const char *user_probes, *kernel_probes;
	bool probed;	   /* is there ever a probe on malloc? */
	uint64_t start_ns; /* CLOCK_MONOTONIC of the session; 0: none */
	bool covered;	   /* its allocator's probes were there before it was */
};

/* One process's part of a report.  Strings of names and of watched are referred to, not copied.
 * 0 or -ENOMEM. */
int built__new(struct names *names, const struct build_input *in, struct built **out);
void built__free(struct built *b);
const struct report_process *built__process(const struct built *b);

/* A report under way, for at most n processes.  NULL where memory is out. */
struct build *build__new(size_t n);
void build__free(struct build *b);
/* Add one process; owned: it is freed with the report.  There is room: build__new's n. */
void build__add(struct build *b, struct built *process, bool owned);
/* Add one that has no probes: what its inspection says.  0 or -ENOMEM. */
int build__add_passive(struct build *b, const struct watched *w);

/* The finished report, with the totals of `tree` (NULL: none); belongs to b. */
const struct report *build__finish(struct build *b, struct tree *tree, uint64_t elapsed_ns,
				   bool last);

#endif
