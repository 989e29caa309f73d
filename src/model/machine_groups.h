/* SPDX-License-Identifier: GPL-2.0 */
/* machine_groups.h: processes added up by user or by control group, for machine_rows.c. */
#ifndef MODEL_MACHINE_GROUPS_H
#define MODEL_MACHINE_GROUPS_H

#include <stddef.h>
#include <stdint.h>

#include "model/machine_rows.h"

struct machine_group {
	uint64_t key;
	uint32_t members;
	/* Sums; known as soon as one member's is.  rss and shared count a page once for each that
	 * has it. */
	struct machine_process sum;
};

struct machine_groups {
	size_t n, room;
	struct machine_group *groups;	     /* by key */
	const struct machine_group **sorted; /* in the order of the rows */
};

void machine_groups_free(struct machine_groups *g);

uint64_t machine_group_key(const struct machine_process *p, enum machine_grouping by);

/* 0 or -ENOMEM. */
int machine_groups_make(struct machine_groups *g, const struct machine_process *const *processes,
			size_t n, const struct machine_order *order);

#endif
