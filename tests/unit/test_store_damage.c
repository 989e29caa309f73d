// SPDX-License-Identifier: GPL-2.0
/*
 * test_store_damage: files cut, changed, forged or of somebody else: a recording is read as it was
 * written, or not at all.
 */
#include "recordings.h"

#include <sqlite3.h>

static void record(const char *name, int ticks)
{
	struct evolving *e = malloc(sizeof(*e));
	struct recorder *r;

	assert_non_null(e);
	ev_init(e, 3);
	assert_int_equal(recorder__new(name, true, &r), 0);
	for (int i = 0; i < ticks; i++)
		assert_int_equal(recorder__tick(r, ev_next(e)), 0);
	assert_int_equal(recorder__close(r), 0);
	free(e);
}

static void test_cut(void **state)
{
	size_t len;
	char *data;

	(void)state;
	record(file, TICKS);
	data = get(file, &len);
	for (size_t n = 0; n < len; n += 509) {
		put(scratch, data, n);
		assert_true(check_all(scratch) < 0);
	}
	put(scratch, data, len);
	assert_int_equal(check_all(scratch), TICKS);
	free(data);
}

/* What a changed byte spoils is told; where it spoils nothing, nothing is. */
static void test_wild_bytes(void **state)
{
	unsigned int seed = 7, told = 0;
	size_t len;
	char *data;

	(void)state;
	record(file, 5);
	data = get(file, &len);
	for (int i = 0; i < 1009; i++) {
		size_t at = (size_t)rand_r(&seed) % len;
		char was = data[at];
		int got;

		data[at] = (char)(was ^ (1 + rand_r(&seed) % 255));
		put(scratch, data, len);
		data[at] = was;
		got = check_all(scratch);
		told += got < 0;
		if (got >= 0)
			assert_int_equal(got, 5);
	}
	assert_in_range(told, 100, 1009);
	free(data);
}

static void test_newer(void **state)
{
	size_t len;
	char *data;

	(void)state;
	record(file, 2);
	data = get(file, &len);
	data[63]++; /* user_version, https://www.sqlite.org/fileformat2.html */
	put(scratch, data, len);
	assert_int_equal(check_all(scratch), -EPROTONOSUPPORT);
	data[63]--;
	data[68]++; /* application_id */
	put(scratch, data, len);
	assert_int_equal(check_all(scratch), -EINVAL);
	free(data);
}

static void change(const char *sql)
{
	sqlite3 *db;

	record(file, 5);
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void test_forged(void **state)
{
	static const char *const sqls[] = {
	    "CREATE VIEW v AS SELECT * FROM ticks",
	    "CREATE TRIGGER t AFTER INSERT ON ticks BEGIN DELETE FROM ticks; END",
	    "CREATE TABLE other(a)",
	    "CREATE INDEX i ON ticks(length(state))",
	    "DROP TABLE marks",
	    "DROP TABLE texts; CREATE VIEW texts AS SELECT 1 AS id, 'x' AS text",
	    "ALTER TABLE texts RENAME COLUMN text TO name",
	    "DELETE FROM samples WHERE tick = 3",
	    "DELETE FROM ticks WHERE id = 2",
	    "DELETE FROM texts WHERE id = 1",
	    "DELETE FROM stacks",
	    "UPDATE samples SET rss = rss + 1 WHERE tick = 2",
	    "UPDATE samples SET sites = zeroblob(9)",
	    "UPDATE samples SET state = NULL WHERE tick = 1",
	    "UPDATE ticks SET state = x'ffffffff'",
	    "UPDATE ticks SET elapsed_ns = 1",
	    "UPDATE frames SET pc = 1 WHERE id = 1",
	    "UPDATE texts SET text = 'other' WHERE id = 4",
	    "UPDATE sites SET stack = 1",
	    "UPDATE processes SET pid = 7",
	    "INSERT INTO texts VALUES(100000, 'x')",
	    "INSERT INTO marks VALUES(1, 2, 0, 'x')",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sqls) / sizeof(*sqls); i++) {
		change(sqls[i]);
		assert_int_equal(check_all(file), -EBADMSG);
	}
	/* SQLite's own housekeeping does no harm. */
	change("VACUUM");
	assert_int_equal(check_all(file), 5);
}

static void test_others(void **state)
{
	struct recorder *r;

	(void)state;
	assert_int_equal(check_all("/nonexistent"), -ENOENT);
	assert_int_equal(check_all("/"), -EISDIR);
	assert_int_equal(check_all("/dev/null"), -EINVAL);
	put(scratch, "", 0);
	assert_int_equal(check_all(scratch), -EINVAL);
	put(scratch,
	    "no database, but a text that is longer than its header would be: 100 bytes; "
	    "so that SQLite looks at it",
	    100);
	assert_int_equal(check_all(scratch), -EINVAL);
	assert_int_equal(recorder__new(scratch, true, &r), 0);
	assert_int_equal(recorder__close(r), 0);
	assert_int_equal(check_all(scratch), -ENODATA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cut),	   cmocka_unit_test(test_wild_bytes),
	    cmocka_unit_test(test_newer),  cmocka_unit_test(test_forged),
	    cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
