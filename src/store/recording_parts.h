/* SPDX-License-Identifier: GPL-2.0 */
/* recording_parts.h: what recording.c and recording_load.c share. */
#ifndef STORE_RECORDING_PARTS_H
#define STORE_RECORDING_PARTS_H

#include "base/arena.h"
#include "store/dictionary.h"
#include "store/recording.h"
#include "store/state.h"
#include "store/words.h"

enum { READ_SAMPLES, READ_TICKS, READ_STATEMENTS };

/* How many rows of a table there are, and their sum; marks after the dictionary's. */
struct recording_total {
	uint64_t rows, sum;
};

struct recording {
	struct sqlite3 *db;
	struct sqlite3_stmt *st[READ_STATEMENTS];
	bool unchecked;
	struct arena *arena;
	struct recording_total totals[DICTIONARY_TABLES + 1];

	const char **texts;
	struct report_frame *frames;
	struct recording_stack {
		const uint8_t *data;
		size_t len;
		struct state_stack decoded; /* once it was asked for: its frames are not NULL */
	} * stacks;
	struct recording_process *processes;
	struct recording_site *sites;
	struct recording_mark *marks;
	struct recording_tick *ticks;
	size_t ntexts, nframes, nstacks, nprocesses, nsites, nmarks, nticks, ticks_room;
};

/* A tick's words (schema.h). */
struct recording_tally {
	size_t nprocesses;
	const uint64_t *processes; /* numbers, in the words */
	uint64_t samples;
	struct recording_total totals[DICTIONARY_TABLES + 1];
};

/* 0 or -EBADMSG. */
int recording_tally_read(const struct words *state, struct recording_tally *out);

/* The tables that r->totals speaks of.  0, -EBADMSG, -ENOMEM. */
int recording_load(struct recording *r);

#endif
