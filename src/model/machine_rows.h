/* SPDX-License-Identifier: GPL-2.0 */
/*
 * machine_rows.h: which processes a list shows, in which order: filtered, sorted, as a tree, or in
 * groups with sums.  Pure.
 */
#ifndef MODEL_MACHINE_ROWS_H
#define MODEL_MACHINE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/machine.h"
#include "model/machine_columns.h"

enum machine_grouping { GROUP_NONE, GROUP_USER, GROUP_CGROUP };

#define MACHINE_FILTER 64

struct machine_order {
	enum machine_column sort;
	bool invert;
	bool tree; /* not together with groups */
	enum machine_grouping groups;
	bool kernel_threads;	     /* show them */
	char filter[MACHINE_FILTER]; /* words with | between: one of them is in command, user, unit
					or pid; "": all.  Case does not matter */
	const char *user;	     /* only this one's; NULL: all */
};

/* Which nodes are folded up, or groups unfolded: toggled by key. */
struct machine_folds {
	size_t n, room;
	uint64_t *keys;
};
/* 0 or -ENOMEM. */
int machine_folds_toggle(struct machine_folds *f, uint64_t key);
bool machine_folds_has(const struct machine_folds *f, uint64_t key);
void machine_folds_free(struct machine_folds *f);

struct machine_row {
	/* The process; or a group's sums, whose cmdline is its name and pid 0. */
	const struct machine_process *process;
	uint64_t key; /* of a process or a group, for folds and to find it again */
	bool group;
	uint32_t members;  /* of a group; of a folded node: those below it */
	uint32_t depth;	   /* in the tree, or 1 in a group */
	uint64_t branches; /* bit i: at depth i another sibling follows below */
	bool last;	   /* no sibling follows */
	bool folded;	   /* it has members or children that are not shown */
};

struct machine_rows;

struct machine_rows *machine_rows__new(void);
void machine_rows__free(struct machine_rows *r);

/* Make the rows of m, which must outlive them.  0 or -ENOMEM (then there are none). */
int machine_rows__make(struct machine_rows *r, const struct machine *m,
		       const struct machine_order *order, const struct machine_folds *folds);
size_t machine_rows__count(const struct machine_rows *r);
/* i < count; valid until the next make. */
const struct machine_row *machine_rows__at(const struct machine_rows *r, size_t i);

/* Does one of the filter's words occur in what is shown of p? */
bool machine_row_matches(const struct machine_process *p, const char *filter);

uint64_t machine_row_key(const struct machine_process *p);

#endif
