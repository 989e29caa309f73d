/* SPDX-License-Identifier: GPL-2.0 */
/* machine_snapshot.h: a struct machine that is filled anew, with the room for its rows and strings.
 * Private to machine_*.c. */
#ifndef INSPECT_MACHINE_SNAPSHOT_H
#define INSPECT_MACHINE_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "inspect/machine_table.h"
#include "model/machine.h"

struct machine_users;

struct machine_snapshot {
	struct machine machine;
	struct machine_process *rows;
	size_t rows_room;
	char *text; /* strings of the rows; their pointers are offsets until the end */
	size_t text_used, text_room;
	uint64_t rss_history[MACHINE_HISTORY], heap_history[MACHINE_HISTORY];
};

/* What a row needs besides its record. */
struct machine_moment {
	uint64_t now_ns, page;
	uint64_t sample;       /* number of samples in all histories */
	const uint64_t *times; /* of sample n at n % MACHINE_HISTORY, CLOCK_MONOTONIC */
	bool events;
};

void machine_snapshot_free(struct machine_snapshot *s);

/* Make the rows and what is summed over them.  0 or -ENOMEM. */
int machine_snapshot_fill(struct machine_snapshot *s, const struct machine_table *t,
			  struct machine_users *users, const struct machine_moment *m);
/* The focus's history, where pid is one of the table. */
void machine_snapshot_focus(struct machine_snapshot *s, const struct machine_record *r,
			    const struct machine_moment *m);

#endif
