/* SPDX-License-Identifier: GPL-2.0 */
/*
 * schema.h: the tables of a recording: an SQLite file of one writer.
 *   texts, frames, stacks, sites, processes: dictionary.h, by number; never changed once written
 *   ticks    one row an instant.  state: words.h changes of: the report's own fields; how many
 *            processes it has, which, in order; how many rows of samples; then for each of the
 *            tables above, and marks, how many rows it has by now and their CRC-32
 *   samples  one row for each process that changed.  The columns are for people and charts: bytes,
 *            NULL where not known.  state (state.h) and sites (changes.h) are what changed; sum is
 *            a CRC-32 of the row
 *   marks    what somebody, or an exec, said at a time
 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

struct sqlite3;

#define SCHEMA_ID      0x68707774 /* application_id: "hpwt", see file(1) */
#define SCHEMA_VERSION 1	  /* user_version */

/* A path as SQLite takes it for one (PATH_MAX bytes), whatever it begins with: "file:", ":memory:".
 * 0 or -ENAMETOOLONG. */
int schema_path(const char *path, char *name);

/* Make the tables in an empty file.  0 or SQLite's code. */
int schema_create(struct sqlite3 *db);

/* Is it a recording, of a version that we know, with exactly those tables and nothing else?
 * 0; else -EINVAL (none), -EPROTONOSUPPORT (newer), -EBADMSG (damaged), and why to *why. */
int schema_check(struct sqlite3 *db, const char **why);

#define SCHEMA_COLUMNS 9 /* of samples, from rss to exited */

struct schema_sample {
	uint64_t tick, process;
	int64_t columns[SCHEMA_COLUMNS]; /* below 0: NULL */
	const void *state, *sites;
	size_t state_len, sites_len;
};

struct schema_tick {
	uint64_t id, time_ns, elapsed_ns;
	const void *state;
	size_t state_len;
};

struct schema_mark {
	uint64_t time_ns, process; /* process: 0 for none */
	const char *text;
};

/* What their rows add up to; marks, one after the other, beginning with 0. */
uint32_t schema_sample_sum(const struct schema_sample *s);
uint32_t schema_tick_sum(const struct schema_tick *t);
uint32_t schema_mark_sum(uint32_t sum, const struct schema_mark *m);
/* Of an entry of the dictionary, likewise. */
uint32_t schema_entry_sum(uint32_t sum, const void *entry, size_t len);

#endif
