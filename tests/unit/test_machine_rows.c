// SPDX-License-Identifier: GPL-2.0
/* Columns, order, filter, tree and groups of a machine's processes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "machine_fixture.h"
#include "model/machine_rows.h"

/* "pid pid ..."; a group's row is its name. */
static const char *rows_of(const struct machine *m, const struct machine_order *o,
			   const struct machine_folds *folds)
{
	static char text[65536];
	struct machine_rows *r = machine_rows__new();
	const struct machine_folds none = {0};
	size_t used = 0;

	assert_int_equal(machine_rows__make(r, m, o, folds ? folds : &none), 0);
	text[0] = 0;
	for (size_t i = 0; i < machine_rows__count(r); i++) {
		const struct machine_row *row = machine_rows__at(r, i);
		const char *blank = i ? " " : "";

		if (row->group)
			used += (size_t)sprintf(text + used, "%s%s=%u", blank,
						row->process->cmdline, row->members);
		else
			used += (size_t)sprintf(text + used, "%s%.*s%u%s", blank, (int)row->depth,
						"....", row->process->pid, row->folded ? "+" : "");
	}
	machine_rows__free(r);
	return text;
}

static void order(void **state)
{
	const struct machine *m = fixture_machine();
	struct machine_order o = {.sort = COLUMN_RSS};

	(void)state;
	assert_string_equal(rows_of(m, &o, NULL), "50 41 42 1 40 61");
	o.invert = true;
	assert_string_equal(rows_of(m, &o, NULL), "61 40 1 42 41 50");
	o = (struct machine_order){.sort = COLUMN_PID, .kernel_threads = true};
	assert_string_equal(rows_of(m, &o, NULL), "1 2 3 40 41 42 50 61");
	/* What is unknown comes last, by pid. */
	o = (struct machine_order){.sort = COLUMN_FREE};
	assert_string_equal(rows_of(m, &o, NULL), "41 42 1 40 50 61");
	o.sort = COLUMN_GROWTH;
	assert_string_equal(rows_of(m, &o, NULL), "41 42 1 40 50 61");
	o.sort = COLUMN_USER;
	assert_string_equal(rows_of(m, &o, NULL), "61 50 1 40 41 42");
}

static void filters(void **state)
{
	const struct machine *m = fixture_machine();
	struct machine_order o = {.sort = COLUMN_PID};

	(void)state;
	strcpy(o.filter, "NGINX");
	assert_string_equal(rows_of(m, &o, NULL), "40 41 42");
	strcpy(o.filter, "master|redis");
	assert_string_equal(rows_of(m, &o, NULL), "40 50");
	strcpy(o.filter, "docker");
	assert_string_equal(rows_of(m, &o, NULL), "50");
	/* A pid as a whole. */
	strcpy(o.filter, "4");
	assert_string_equal(rows_of(m, &o, NULL), "50");
	strcpy(o.filter, "41");
	assert_string_equal(rows_of(m, &o, NULL), "41");
	strcpy(o.filter, "|");
	assert_string_equal(rows_of(m, &o, NULL), "1 40 41 42 50 61");
	strcpy(o.filter, "nowhere");
	assert_string_equal(rows_of(m, &o, NULL), "");
	o.filter[0] = 0;
	o.user = "www-data";
	assert_string_equal(rows_of(m, &o, NULL), "41 42");
}

static void tree(void **state)
{
	const struct machine *m = fixture_machine();
	struct machine_order o = {.sort = COLUMN_RSS, .tree = true};
	struct machine_folds folds = {0};

	(void)state;
	assert_string_equal(rows_of(m, &o, NULL), "1 .50 .40 ..41 ..42 .61");
	o.kernel_threads = true;
	assert_string_equal(rows_of(m, &o, NULL), "1 .50 .40 ..41 ..42 .61 2 .3");
	assert_int_equal(machine_folds_toggle(&folds, machine_row_key(&m->processes[3])), 0);
	assert_string_equal(rows_of(m, &o, &folds), "1 .50 .40+ .61 2 .3");
	assert_int_equal(machine_folds_toggle(&folds, machine_row_key(&m->processes[3])), 0);
	assert_string_equal(rows_of(m, &o, &folds), "1 .50 .40 ..41 ..42 .61 2 .3");
	/* A parent that is not shown: its children are roots. */
	strcpy(o.filter, "worker");
	o.kernel_threads = false;
	assert_string_equal(rows_of(m, &o, NULL), "41 42");
	machine_folds_free(&folds);
}

static void branches(void **state)
{
	const struct machine *m = fixture_machine();
	const struct machine_order o = {.sort = COLUMN_RSS, .tree = true};
	const struct machine_folds none = {0};
	struct machine_rows *r = machine_rows__new();

	(void)state;
	assert_int_equal(machine_rows__make(r, m, &o, &none), 0);
	/* 41: below 40, which has a sibling behind it. */
	assert_int_equal(machine_rows__at(r, 3)->process->pid, 41);
	assert_int_equal(machine_rows__at(r, 3)->branches, 2);
	assert_false(machine_rows__at(r, 3)->last);
	assert_true(machine_rows__at(r, 4)->last);
	assert_int_equal(machine_rows__at(r, 4)->branches, 2);
	assert_true(machine_rows__at(r, 5)->last);
	machine_rows__free(r);
}

/* Parents are read one after the other: they can form a circle, and a chain of any length. */
static void odd_trees(void **state)
{
	enum { LONG = 20000 };
	struct machine_process *p = calloc(LONG, sizeof(*p));
	struct machine m = {.processes = p, .nprocesses = 3};
	const struct machine_order o = {.sort = COLUMN_PID, .tree = true};
	const struct machine_folds none = {0};
	struct machine_rows *r = machine_rows__new();

	(void)state;
	assert_non_null(p);
	p[0] = fixture_process(5, 6, "u", "a", "a", "", 1);
	p[1] = fixture_process(6, 5, "u", "b", "b", "", 1);
	p[2] = fixture_process(7, 7, "u", "c", "c", "", 1);
	assert_string_equal(rows_of(&m, &o, NULL), "5 6 7");
	for (uint32_t i = 0; i < LONG; i++)
		p[i] = fixture_process(i + 1, i, "u", "a", "a", "", 1);
	m.nprocesses = LONG;
	assert_int_equal(machine_rows__make(r, &m, &o, &none), 0);
	assert_int_equal(machine_rows__count(r), LONG);
	assert_int_equal(machine_rows__at(r, LONG - 1)->depth, LONG - 1);
	machine_rows__free(r);
	free(p);
}

static void groups(void **state)
{
	const struct machine *m = fixture_machine();
	struct machine_order o = {.sort = COLUMN_RSS, .groups = GROUP_USER};
	struct machine_rows *r = machine_rows__new();
	struct machine_folds folds = {0};
	const struct machine_process *sum;

	(void)state;
	assert_string_equal(rows_of(m, &o, NULL), "redis=1 www-data=2 root=2 ann=1");
	assert_int_equal(machine_rows__make(r, m, &o, &folds), 0);
	sum = machine_rows__at(r, 1)->process;
	assert_int_equal(sum->rss, 216 * MIB);
	assert_int_equal(sum->shared, 8 * MIB);
	assert_int_equal(sum->heap.system, 180 * MIB);
	assert_int_equal(sum->heap.in_use, 106 * MIB);
	assert_int_equal(sum->heap.quality, MACHINE_EXACT);
	assert_int_equal(sum->growth, 67 * MIB);
	assert_true(sum->events.mmap_rate == 12.5);
	/* Of root's two one is estimated, of the other nothing is known. */
	assert_int_equal(machine_rows__at(r, 2)->process->heap.quality, MACHINE_ESTIMATED);
	assert_int_equal(machine_rows__at(r, 3)->process->heap.held, MACHINE_UNKNOWN);
	assert_int_equal(machine_folds_toggle(&folds, machine_rows__at(r, 1)->key), 0);
	assert_string_equal(rows_of(m, &o, &folds), "redis=1 www-data=2 .41 .42 root=2 ann=1");
	o.groups = GROUP_CGROUP;
	o.kernel_threads = true;
	assert_string_equal(rows_of(m, &o, NULL),
			    "docker 0123456789ab=1 nginx.service=3 init.scope=1 session-3.scope=1 "
			    "(kernel)=2");
	machine_folds_free(&folds);
	machine_rows__free(r);
}

static void texts(void **state)
{
	static const struct {
		double bytes;
		const char *text;
	} cases[] = {
	    {0, "0"},
	    {0.4, "0"},
	    {1, "1B"},
	    {999, "999B"},
	    {1000, "0.98K"},
	    {1024, "1.00K"},
	    {10239, "10.0K"},
	    {1023 * 1024.0, "1.00M"},
	    {998 * MIB, "998M"},
	    {1.5 * MIB, "1.50M"},
	    {-3 * MIB, "-3.00M"},
	    {1e18, "888P"},
	};
	const struct machine_process *p = fixture_machine()->processes;
	char buf[MACHINE_CELL];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(machine_bytes_text(buf, cases[i].bytes), cases[i].text);
	assert_string_equal(machine_column_text(COLUMN_GROWTH, &p[4], buf), "+70.0M");
	assert_string_equal(machine_column_text(COLUMN_GROWTH, &p[5], buf), "-3.00M");
	assert_string_equal(machine_column_text(COLUMN_GROWTH, &p[0], buf), "-");
	assert_string_equal(machine_column_text(COLUMN_GROWTH, &p[1], buf), "");
	assert_string_equal(machine_column_text(COLUMN_IN_USE, &p[0], buf), "~3.00M");
	assert_string_equal(machine_column_text(COLUMN_IN_USE, &p[4], buf), "30.0M");
	assert_string_equal(machine_column_text(COLUMN_FREE_PERCENT, &p[4], buf), "61");
	assert_string_equal(machine_column_text(COLUMN_FREE, &p[0], buf), "-");
	assert_string_equal(machine_column_text(COLUMN_MMAP_RATE, &p[4], buf), "12");
	assert_string_equal(machine_column_text(COLUMN_PRIVATE, &p[4], buf), "112M");
	assert_string_equal(machine_column_text(COLUMN_WATCHED, &p[7], buf), "!");
	assert_string_equal(machine_column_text(COLUMN_COMMAND, &p[2], buf), "kworker/0:1");
}

static void chosen_columns(void **state)
{
	struct machine_columns c;
	char bad[32];

	(void)state;
	assert_int_equal(machine_columns_parse("pid,free-percent,command", &c, bad), 0);
	assert_int_equal(c.n, 3);
	assert_int_equal(c.v[1], COLUMN_FREE_PERCENT);
	assert_int_equal(machine_columns_parse("pid,nosuch,rss", &c, bad), -EINVAL);
	assert_string_equal(bad, "nosuch");
	assert_int_equal(machine_columns_parse("pid,pid", &c, bad), -EINVAL);
	assert_int_equal(machine_columns_parse("", &c, bad), -EINVAL);
	assert_int_equal(machine_columns_parse("pid,", &c, bad), -EINVAL);
	/* The narrowest has pid, RSS and the command; each is found by its own name. */
	machine_columns_fit(10, true, &c);
	assert_int_equal(c.n, 3);
	assert_int_equal(c.v[0], COLUMN_PID);
	assert_int_equal(c.v[1], COLUMN_RSS);
	assert_int_equal(c.v[2], COLUMN_COMMAND);
	machine_columns_fit(1000, true, &c);
	for (size_t i = 0; i < c.n; i++)
		assert_int_equal(machine_column_find(machine_column_info(c.v[i])->name), c.v[i]);
	assert_int_equal(c.n, 21);
	machine_columns_fit(1000, false, &c);
	assert_int_equal(c.n, 17);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(order),	cmocka_unit_test(filters),	  cmocka_unit_test(tree),
	    cmocka_unit_test(branches), cmocka_unit_test(odd_trees),	  cmocka_unit_test(groups),
	    cmocka_unit_test(texts),	cmocka_unit_test(chosen_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
