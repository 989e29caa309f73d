/* SPDX-License-Identifier: GPL-2.0 */
/* build.h: from the ledgers' snapshots to the report that views see: names, RSS, what is left over.
 */
#ifndef APP_BUILD_H
#define APP_BUILD_H

#include <stddef.h>
#include <stdint.h>

#include "model/report.h"

struct build;
struct drain_state;
struct governor_state;
struct hw_proc;
struct names;
struct snapshot;
struct watched;

/* A report under way, for at most n processes.  NULL where memory is out. */
struct build *build__new(size_t n);
void build__free(struct build *b);

struct build_input {
	const struct watched *watched;
	const struct snapshot *snapshot; /* NULL, and the two that follow: no probes */
	const struct drain_state *state;
	const struct hw_proc *counters;
	const struct governor_state *governor;
	const char *user_probes, *kernel_probes;
};

/* Add one process.  Strings of names and of watched are referred to, not copied: the report is to
 * be used before they change.  0 or -ENOMEM. */
int build__add(struct build *b, struct names *names, const struct build_input *in);

/* The finished report; belongs to b. */
const struct report *build__report(struct build *b, uint64_t elapsed_ns, int last);

#endif
