/* SPDX-License-Identifier: GPL-2.0 */
/* tree.h: the totals of all watched processes, and the moment when they were highest. */
#ifndef APP_TREE_H
#define APP_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "model/report.h"

struct tree;
struct watched;

/* start_ns: CLOCK_MONOTONIC, what the peak's time is counted from.  NULL where memory is out. */
struct tree *tree__new(uint64_t start_ns);
void tree__free(struct tree *t);

/*
 * Read the memory of those alive (statm: 20 us each) and see whether all together are higher than
 * ever.  Soon after a new peak of a twentieth more their PSS is read too, which is dearer: while
 * they are still that high, in a twentieth of the time at most, and not for more than 8 GiB
 * (smaps_rollup holds the mmap lock).
 */
void tree__sample(struct tree *t, struct watched *const *watched, size_t n);

/* The totals of these parts of a report, with the peak; valid until the next sample. */
const struct report_tree *tree__report(struct tree *t, const struct report_process *processes,
				       size_t n);
/* An ended process is left out of the report from here on, and is in sums; NULL: one of which
 * nothing is known. */
void tree__forget(struct tree *t, const struct report_process *p);

#endif
