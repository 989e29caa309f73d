// SPDX-License-Identifier: GPL-2.0
#include "store/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/words.h"

enum {
	ADD_TEXT,
	ADD_FRAME,
	ADD_STACK,
	ADD_PROCESS,
	ADD_SITE,
	ADD_SAMPLE,
	ADD_TICK,
	ADD_MARK,
	ADD_NOTE,
	STATEMENTS,
};

static const char *const statements[STATEMENTS] = {
    [ADD_TEXT] = "INSERT INTO texts VALUES(?, ?)",
    [ADD_FRAME] = "INSERT INTO frames VALUES(?, ?, ?, ?, ?, ?, ?)",
    [ADD_STACK] = "INSERT INTO stacks VALUES(?, ?)",
    [ADD_PROCESS] = "INSERT INTO processes VALUES(?, ?, ?)",
    [ADD_SITE] = "INSERT INTO sites VALUES(?, ?, ?, ?, ?)",
    [ADD_SAMPLE] = "INSERT INTO samples VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [ADD_TICK] = "INSERT INTO ticks VALUES(?, ?, ?, ?, ?)",
    [ADD_MARK] = "INSERT INTO marks VALUES(?, ?, ?, ?)",
    [ADD_NOTE] = "INSERT OR REPLACE INTO info VALUES(?, ?)",
};

/* How long a tick waits for readers, ms. */
#define PATIENCE 50

struct rows {
	sqlite3 *db;
	sqlite3_stmt *st[STATEMENTS];
	size_t written[DICTIONARY_TABLES];
	uint32_t sums[DICTIONARY_TABLES];
	uint64_t marks;
	uint32_t marks_sum;
	bool open; /* a transaction is */
	int err;
};

static int code(int sqlite)
{
	switch (sqlite & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
		return -EBUSY;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return -EACCES;
	default:
		return -EIO;
	}
}

static int fail(struct rows *r, int err)
{
	if (err && !r->err)
		r->err = err;
	return r->err;
}

static void bind(struct rows *r, int statement, int at, uint64_t number)
{
	sqlite3_bind_int64(r->st[statement], at, (sqlite3_int64)number);
}

static void bind_blob(struct rows *r, int statement, int at, const void *data, size_t len)
{
	if (len)
		sqlite3_bind_blob64(r->st[statement], at, data, len, SQLITE_STATIC);
	else
		sqlite3_bind_null(r->st[statement], at);
}

static int run(struct rows *r, int statement)
{
	int err = code(sqlite3_step(r->st[statement]));

	sqlite3_reset(r->st[statement]);
	return fail(r, err);
}

static int begin(struct rows *r)
{
	if (r->err || r->open)
		return r->err;
	if (fail(r, code(sqlite3_exec(r->db, "BEGIN IMMEDIATE", NULL, NULL, NULL))))
		return r->err;
	r->open = true;
	return 0;
}

int rows__commit(struct rows *r)
{
	int err;

	if (r->err || !r->open)
		return r->err;
	err = code(sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL));
	if (err == -EBUSY)
		return err;
	r->open = false;
	return fail(r, err);
}

static int create(const char *path, bool replace)
{
	struct stat st;
	int fd;

	if (replace && !lstat(path, &st)) {
		if (!S_ISREG(st.st_mode))
			return -EEXIST;
		if (unlink(path))
			return -errno;
	}
	fd = open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int open_db(struct rows *r, const char *path)
{
	/* DELETE: nothing stays beside the file.  OFF: see the header. */
	static const char setup[] = "PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF; "
				    "PRAGMA secure_delete = OFF; PRAGMA temp_store = MEMORY; "
				    "PRAGMA mmap_size = 0; BEGIN IMMEDIATE";
	char name[PATH_MAX];
	int err =
	    schema_path(path, name)
		? SQLITE_CANTOPEN
		: sqlite3_open_v2(name, &r->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (!err) {
		sqlite3_busy_timeout(r->db, PATIENCE);
		err = sqlite3_exec(r->db, setup, NULL, NULL, NULL);
	}
	if (!err)
		err = schema_create(r->db);
	for (int i = 0; i < STATEMENTS && !err; i++)
		err = sqlite3_prepare_v3(r->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
					 &r->st[i], NULL);
	r->open = !err;
	return err ? code(err) : rows__commit(r);
}

void rows__free(struct rows *r)
{
	if (!r)
		return;
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(r->st[i]);
	sqlite3_close(r->db);
	free(r);
}

int rows__new(const char *path, bool replace, struct rows **out)
{
	struct rows *r = calloc(1, sizeof(*r));
	int err = r ? create(path, replace) : -ENOMEM;

	if (err) {
		free(r);
		return err;
	}
	err = open_db(r, path);
	if (err) {
		rows__free(r);
		unlink(path);
		return err;
	}
	*out = r;
	return 0;
}

void rows__patience(struct rows *r, int ms)
{
	sqlite3_busy_timeout(r->db, ms);
}

int rows__limit(struct rows *r, unsigned int pages)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %u", pages);
	return fail(r, code(sqlite3_exec(r->db, sql, NULL, NULL, NULL)));
}

int rows__note(struct rows *r, const char *key, const char *value)
{
	if (begin(r))
		return r->err;
	sqlite3_bind_text(r->st[ADD_NOTE], 1, key, -1, SQLITE_TRANSIENT);
	sqlite3_bind_text(r->st[ADD_NOTE], 2, value, -1, SQLITE_TRANSIENT);
	return run(r, ADD_NOTE);
}

int rows__mark(struct rows *r, uint64_t time_ns, uint64_t process, const char *text)
{
	const struct schema_mark mark = {time_ns, process, text};

	if (begin(r))
		return r->err;
	r->marks_sum = schema_mark_sum(r->marks_sum, &mark);
	bind(r, ADD_MARK, 1, ++r->marks);
	bind(r, ADD_MARK, 2, time_ns);
	bind(r, ADD_MARK, 3, process);
	sqlite3_bind_text(r->st[ADD_MARK], 4, text, -1, SQLITE_TRANSIENT);
	return run(r, ADD_MARK);
}

/* Bind the entry's columns from the second on. */
static int bind_entry(struct rows *r, int table, const void *entry, size_t len)
{
	const int first = ADD_TEXT; /* statements are in the order of the tables */
	const uint64_t *words = entry;

	switch ((enum dictionary_table)table) {
	case DICTIONARY_TEXTS:
		sqlite3_bind_text64(r->st[ADD_TEXT], 2, entry, len, SQLITE_STATIC, SQLITE_UTF8);
		return ADD_TEXT;
	case DICTIONARY_STACKS:
		bind_blob(r, ADD_STACK, 2, entry, len);
		return ADD_STACK;
	case DICTIONARY_FRAMES:
	case DICTIONARY_PROCESSES:
	case DICTIONARY_SITES:
	case DICTIONARY_TABLES:
		break;
	}
	for (size_t i = 0; i < len / sizeof(*words); i++)
		bind(r, first + table, (int)i + 2, words[i]);
	return first + table;
}

int rows__dictionary(struct rows *r, const struct dictionary *d)
{
	int err = begin(r);

	if (!err)
		err = fail(r, dictionary__error(d));
	for (int t = 0; t < DICTIONARY_TABLES && !err; t++) {
		while (!err && r->written[t] < dictionary__count(d, t)) {
			uint64_t number = ++r->written[t];
			size_t len;
			const void *entry = dictionary__get(d, t, number, &len);
			int statement = bind_entry(r, t, entry, len);

			bind(r, statement, 1, number);
			r->sums[t] = schema_entry_sum(r->sums[t], entry, len);
			err = run(r, statement);
		}
	}
	return err;
}

int rows__sample(struct rows *r, const struct schema_sample *s)
{
	const int columns = 3, blobs = columns + SCHEMA_COLUMNS;

	if (begin(r))
		return r->err;
	bind(r, ADD_SAMPLE, 1, s->tick);
	bind(r, ADD_SAMPLE, 2, s->process);
	for (int i = 0; i < SCHEMA_COLUMNS; i++) {
		bind(r, ADD_SAMPLE, columns + i, (uint64_t)s->columns[i]);
		if (s->columns[i] < 0)
			sqlite3_bind_null(r->st[ADD_SAMPLE], columns + i);
	}
	bind_blob(r, ADD_SAMPLE, blobs, s->state, s->state_len);
	bind_blob(r, ADD_SAMPLE, blobs + 1, s->sites, s->sites_len);
	bind(r, ADD_SAMPLE, blobs + 2, schema_sample_sum(s));
	return run(r, ADD_SAMPLE);
}

int rows__tick(struct rows *r, const struct schema_tick *t)
{
	if (begin(r))
		return r->err;
	bind(r, ADD_TICK, 1, t->id);
	bind(r, ADD_TICK, 2, t->time_ns);
	bind(r, ADD_TICK, 3, t->elapsed_ns);
	bind_blob(r, ADD_TICK, 4, t->state, t->state_len);
	bind(r, ADD_TICK, 5, schema_tick_sum(t));
	return run(r, ADD_TICK);
}

void rows__totals(const struct rows *r, struct words *out)
{
	for (int t = 0; t < DICTIONARY_TABLES; t++) {
		words__add(out, r->written[t]);
		words__add(out, r->sums[t]);
	}
	words__add(out, r->marks);
	words__add(out, r->marks_sum);
}
