// SPDX-License-Identifier: GPL-2.0
#include "store/schema.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

static const char *const tables[] = {
    "CREATE TABLE info(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID",
    "CREATE TABLE texts(id INTEGER PRIMARY KEY, text TEXT)",
    "CREATE TABLE frames(id INTEGER PRIMARY KEY, function INT, file INT, line INT, module INT, "
    "\"offset\" INT, pc INT)",
    "CREATE TABLE stacks(id INTEGER PRIMARY KEY, frames BLOB)",
    "CREATE TABLE processes(id INTEGER PRIMARY KEY, pid INT, start_time INT)",
    "CREATE TABLE sites(id INTEGER PRIMARY KEY, process INT, kind INT, \"key\" INT, stack INT)",
    "CREATE TABLE ticks(id INTEGER PRIMARY KEY, time_ns INT, elapsed_ns INT, state BLOB, sum INT)",
    "CREATE TABLE samples(tick INT, process INT, rss INT, shared INT, held INT, in_use INT, "
    "outstanding INT, mapped INT, events INT, lost INT, exited INT, state BLOB, sites BLOB, "
    "sum INT, PRIMARY KEY(tick, process)) WITHOUT ROWID",
    "CREATE TABLE marks(id INTEGER PRIMARY KEY, time_ns INT, process INT, text TEXT)",
};

#define TABLES (sizeof(tables) / sizeof(*tables))

int schema_path(const char *path, char *name)
{
	int n = snprintf(name, PATH_MAX, "%s%s", path[0] == '/' ? "" : "./", path);

	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int schema_create(struct sqlite3 *db)
{
	char pragma[128];
	int err = SQLITE_OK;

	for (size_t i = 0; i < TABLES && !err; i++)
		err = sqlite3_exec(db, tables[i], NULL, NULL, NULL);
	snprintf(pragma, sizeof(pragma), "PRAGMA application_id = %d; PRAGMA user_version = %d",
		 SCHEMA_ID, SCHEMA_VERSION);
	return err ? err : sqlite3_exec(db, pragma, NULL, NULL, NULL);
}

/* The first column of the first row, or -1. */
static int64_t number(struct sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st;
	int64_t n = -1;

	if (!sqlite3_prepare_v2(db, sql, -1, &st, NULL) && sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

static int check_tables(struct sqlite3 *db)
{
	sqlite3_stmt *st;
	size_t n = 0;
	int err = 0;

	if (sqlite3_prepare_v2(db, "SELECT type, sql FROM sqlite_schema ORDER BY rowid", -1, &st,
			       NULL))
		return -EBADMSG;
	while (!err && sqlite3_step(st) == SQLITE_ROW) {
		const char *type = (const char *)sqlite3_column_text(st, 0);
		const char *sql = (const char *)sqlite3_column_text(st, 1);

		if (n == TABLES || !type || strcmp(type, "table") || !sql || strcmp(sql, tables[n]))
			err = -EBADMSG;
		n++;
	}
	if (n != TABLES)
		err = -EBADMSG;
	return sqlite3_finalize(st) ? -EBADMSG : err;
}

int schema_check(struct sqlite3 *db, const char **why)
{
	int64_t id = number(db, "PRAGMA application_id");
	int64_t version = number(db, "PRAGMA user_version");

	if (id != SCHEMA_ID) {
		*why = id < 0 ? sqlite3_errmsg(db)
		       : number(db, "SELECT count(*) FROM sqlite_schema") == 0
			   ? "it is empty: its recorder died before it had begun"
			   : "it is a database of another program";
		return -EINVAL;
	}
	if (version > SCHEMA_VERSION) {
		*why = "a newer heapwatch wrote it: use that one, or a later one, to read it";
		return -EPROTONOSUPPORT;
	}
	if (version != SCHEMA_VERSION || check_tables(db)) {
		*why = "damaged: its tables are not those of a recording";
		return -EBADMSG;
	}
	return 0;
}

uint32_t schema_entry_sum(uint32_t sum, const void *entry, size_t len)
{
	/* crc32 of no bytes at no address is another question. */
	return len ? (uint32_t)crc32_z(sum, entry, len) : sum;
}

static uint32_t add(uint32_t sum, uint64_t word)
{
	return schema_entry_sum(sum, &word, sizeof(word));
}

uint32_t schema_sample_sum(const struct schema_sample *s)
{
	uint32_t sum = add(add(0, s->tick), s->process);

	sum = schema_entry_sum(sum, s->columns, sizeof(s->columns));
	sum = add(add(sum, s->state_len), s->sites_len);
	return schema_entry_sum(schema_entry_sum(sum, s->state, s->state_len), s->sites,
				s->sites_len);
}

uint32_t schema_tick_sum(const struct schema_tick *t)
{
	return schema_entry_sum(add(add(add(0, t->id), t->time_ns), t->elapsed_ns), t->state,
				t->state_len);
}

uint32_t schema_mark_sum(uint32_t sum, const struct schema_mark *m)
{
	return schema_entry_sum(add(add(sum, m->time_ns), m->process), m->text, strlen(m->text));
}
