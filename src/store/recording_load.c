// SPDX-License-Identifier: GPL-2.0
/* recording_load.c: the rows of a recording, each checked, into memory. */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "model/report.h"
#include "store/recording_parts.h"
#include "store/schema.h"

/* As many words as the first of them says. */
static void skip(struct words_reader *r)
{
	uint64_t n = words__take(r);

	if (n > r->from->n - r->at)
		r->bad = true;
	else
		r->at += n;
}

/* state_encode_report's part of a tick's words. */
static void skip_report(struct words_reader *r)
{
	uint64_t shares;

	skip(r);
	skip(r);
	shares = words__take(r);
	for (uint64_t i = 0; i < shares && !r->bad; i++)
		skip(r);
}

int recording_tally_read(const struct words *state, struct recording_tally *out)
{
	struct words_reader r = {.from = state};

	skip_report(&r);
	if (r.bad || r.at == state->n)
		return -EBADMSG;
	out->nprocesses = words__take(&r);
	out->processes = state->w + r.at;
	r.at--;
	skip(&r);
	out->samples = words__take(&r);
	for (int t = 0; t < DICTIONARY_TABLES + 1; t++) {
		out->totals[t].rows = words__take(&r);
		out->totals[t].sum = words__take(&r);
	}
	return r.bad || r.at != state->n ? -EBADMSG : 0;
}

static uint64_t column(sqlite3_stmt *st, int at)
{
	return (uint64_t)sqlite3_column_int64(st, at);
}

/* One row of a table into entry `i` of r's array; the sum goes on. */
typedef int (*load_fn)(struct recording *r, sqlite3_stmt *st, size_t i, uint32_t *sum);

static int load_text(struct recording *r, sqlite3_stmt *st, size_t i, uint32_t *sum)
{
	const char *text = (const char *)sqlite3_column_text(st, 1);
	size_t len = (size_t)sqlite3_column_bytes(st, 1);

	if (!text || strlen(text) != len)
		return -EBADMSG;
	*sum = schema_entry_sum(*sum, text, len);
	r->texts[i] = arena__string(r->arena, text);
	return r->texts[i] ? 0 : -ENOMEM;
}

/* The words of a dictionary's struct. */
static void take_words(sqlite3_stmt *st, void *entry, size_t n, uint32_t *sum)
{
	uint64_t *words = entry;

	for (size_t k = 0; k < n; k++)
		words[k] = column(st, (int)k + 1);
	*sum = schema_entry_sum(*sum, entry, n * sizeof(*words));
}

static int load_frame(struct recording *r, sqlite3_stmt *st, size_t i, uint32_t *sum)
{
	struct dictionary_frame f;

	take_words(st, &f, sizeof(f) / sizeof(uint64_t), sum);
	if (f.function > r->ntexts || f.file > r->ntexts || f.module > r->ntexts ||
	    f.line > UINT32_MAX)
		return -EBADMSG;
	r->frames[i] = (struct report_frame){.function = recording__text(r, f.function),
					     .file = recording__text(r, f.file),
					     .line = (uint32_t)f.line,
					     .module = recording__text(r, f.module),
					     .offset = f.offset,
					     .pc = f.pc};
	return 0;
}

static int load_stack(struct recording *r, sqlite3_stmt *st, size_t i, uint32_t *sum)
{
	const void *data = sqlite3_column_blob(st, 1);
	size_t len = (size_t)sqlite3_column_bytes(st, 1);
	uint8_t *copy = data ? arena__alloc(r->arena, len, 1) : NULL;

	if (!copy)
		return data ? -ENOMEM : -EBADMSG;
	memcpy(copy, data, len);
	*sum = schema_entry_sum(*sum, copy, len);
	r->stacks[i] = (struct recording_stack){.data = copy, .len = len};
	return 0;
}

static int load_process(struct recording *r, sqlite3_stmt *st, size_t i, uint32_t *sum)
{
	struct dictionary_process p;

	take_words(st, &p, sizeof(p) / sizeof(uint64_t), sum);
	if (p.pid > UINT32_MAX)
		return -EBADMSG;
	r->processes[i] = (struct recording_process){(uint32_t)p.pid, p.start_time};
	return 0;
}

static int load_site(struct recording *r, sqlite3_stmt *st, size_t i, uint32_t *sum)
{
	struct dictionary_site s;

	take_words(st, &s, sizeof(s) / sizeof(uint64_t), sum);
	if (!s.process || s.process > r->nprocesses || s.kind > REPORT_MAP || !s.stack ||
	    s.stack > r->nstacks)
		return -EBADMSG;
	r->sites[i] = (struct recording_site){s.process, (uint32_t)s.kind, s.key, s.stack};
	return 0;
}

static int load_mark(struct recording *r, sqlite3_stmt *st, size_t i, uint32_t *sum)
{
	const char *text = (const char *)sqlite3_column_text(st, 3);
	struct schema_mark m = {column(st, 1), column(st, 2), text};
	uint64_t start = r->ticks[0].time_ns - r->ticks[0].elapsed_ns;

	if (!text || strlen(text) != (size_t)sqlite3_column_bytes(st, 3) ||
	    m.process > r->nprocesses)
		return -EBADMSG;
	*sum = schema_mark_sum(*sum, &m);
	/* The wall clock may have been set meanwhile. */
	r->marks[i] =
	    (struct recording_mark){.time_ns = m.time_ns,
				    .elapsed_ns = m.time_ns > start ? m.time_ns - start : 0,
				    .process = m.process,
				    .text = arena__string(r->arena, text)};
	return r->marks[i].text ? 0 : -ENOMEM;
}

static const struct table {
	const char *sql;
	load_fn load;
	size_t list, count, size; /* of struct recording: the array, how many it has */
} tables[] = {
#define TABLE(sql, load, list)                                                                    \
	{                                                                                         \
		sql, load, offsetof(struct recording, list), offsetof(struct recording, n##list), \
		    sizeof(*((struct recording *)0)->list)                                        \
	}
    TABLE("SELECT * FROM texts ORDER BY id", load_text, texts),
    TABLE("SELECT * FROM frames ORDER BY id", load_frame, frames),
    TABLE("SELECT * FROM stacks ORDER BY id", load_stack, stacks),
    TABLE("SELECT * FROM processes ORDER BY id", load_process, processes),
    TABLE("SELECT * FROM sites ORDER BY id", load_site, sites),
    TABLE("SELECT * FROM marks ORDER BY id", load_mark, marks),
#undef TABLE
};

static int load_rows(struct recording *r, const struct table *t,
		     const struct recording_total *total)
{
	char *list = NULL;
	sqlite3_stmt *st;
	uint32_t sum = 0;
	size_t n = 0, room = 0;
	int err = 0, code;

	if (sqlite3_prepare_v2(r->db, t->sql, -1, &st, NULL))
		return -EBADMSG;
	while (!err && (code = sqlite3_step(st)) == SQLITE_ROW) {
		/* The array grows with the rows, not with what the file says that there are. */
		if (n == room) {
			room = room ? 2 * room : 64;
			list = realloc(*(void **)((char *)r + t->list), room * t->size);
			if (!list) {
				err = -ENOMEM;
				break;
			}
			*(void **)((char *)r + t->list) = list;
		}
		err = column(st, 0) == n + 1 ? t->load(r, st, n, &sum) : -EBADMSG;
		n++;
		*(size_t *)((char *)r + t->count) = n;
	}
	sqlite3_finalize(st);
	if (!err && code != SQLITE_DONE)
		err = -EBADMSG;
	if (!err && !r->unchecked && (n != total->rows || sum != total->sum))
		err = -EBADMSG;
	return err;
}

int recording_load(struct recording *r)
{
	int err = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables) && !err; i++)
		err = load_rows(r, &tables[i], &r->totals[i]);
	return err;
}

static int statement(struct recording *r, int which, const char *sql, uint64_t after, uint64_t upto)
{
	if (!r->st[which] && sqlite3_prepare_v2(r->db, sql, -1, &r->st[which], NULL))
		return -EBADMSG;
	sqlite3_reset(r->st[which]);
	sqlite3_bind_int64(r->st[which], 1, (sqlite3_int64)after);
	sqlite3_bind_int64(r->st[which], 2, (sqlite3_int64)upto);
	return 0;
}

static const void *blob(sqlite3_stmt *st, int at, size_t *len)
{
	const void *data = sqlite3_column_blob(st, at);

	*len = data ? (size_t)sqlite3_column_bytes(st, at) : 0;
	return data;
}

int recording__samples(struct recording *r, uint64_t after, uint64_t upto, recording_sample_fn fn,
		       void *arg)
{
	static const char sql[] = "SELECT * FROM samples WHERE tick > ? AND tick <= ? "
				  "ORDER BY tick, process";
	uint64_t tick = after, process = 0;
	int err = statement(r, READ_SAMPLES, sql, after, upto), code = SQLITE_DONE;
	sqlite3_stmt *st = r->st[READ_SAMPLES];

	while (!err && (code = sqlite3_step(st)) == SQLITE_ROW) {
		struct schema_sample s = {.tick = column(st, 0), .process = column(st, 1)};

		for (int i = 0; i < SCHEMA_COLUMNS; i++)
			s.columns[i] = sqlite3_column_type(st, i + 2) == SQLITE_NULL
					   ? -1
					   : sqlite3_column_int64(st, i + 2);
		s.state = blob(st, SCHEMA_COLUMNS + 2, &s.state_len);
		s.sites = blob(st, SCHEMA_COLUMNS + 3, &s.sites_len);
		/* A broken tree may give rows again, or in another order. */
		if (s.tick < tick || s.tick > upto || (s.tick == tick && s.process <= process) ||
		    !s.process ||
		    (!r->unchecked && column(st, SCHEMA_COLUMNS + 4) != schema_sample_sum(&s)))
			err = -EBADMSG;
		tick = s.tick;
		process = s.process;
		if (!err)
			err = fn(arg, &s);
	}
	if (st)
		sqlite3_reset(st);
	return err || code == SQLITE_DONE ? err : -EBADMSG;
}

int recording__tick_states(struct recording *r, uint64_t after, uint64_t upto, recording_tick_fn fn,
			   void *arg)
{
	static const char sql[] = "SELECT * FROM ticks WHERE id > ? AND id <= ? ORDER BY id";
	int err = statement(r, READ_TICKS, sql, after, upto), code = SQLITE_DONE;
	sqlite3_stmt *st = r->st[READ_TICKS];

	while (!err && (code = sqlite3_step(st)) == SQLITE_ROW) {
		struct schema_tick t = {
		    .id = column(st, 0), .time_ns = column(st, 1), .elapsed_ns = column(st, 2)};

		t.state = blob(st, 3, &t.state_len);
		if (t.id != ++after || (!r->unchecked && column(st, 4) != schema_tick_sum(&t)))
			err = -EBADMSG;
		if (!err)
			err = fn(arg, &t);
	}
	if (st)
		sqlite3_reset(st);
	return err || code == SQLITE_DONE ? err : -EBADMSG;
}

const char *recording__note(const struct recording *r, const char *key)
{
	const char *value = NULL;
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(r->db, "SELECT value FROM info WHERE key = ?", -1, &st, NULL))
		return NULL;
	sqlite3_bind_text(st, 1, key, -1, SQLITE_TRANSIENT);
	if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_text(st, 0))
		value = arena__string(r->arena, (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	return value;
}
