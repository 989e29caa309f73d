// SPDX-License-Identifier: GPL-2.0
/* test_sieve: what suppressions, processes and --top leave; and two instants compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "out/diff.h"
#include "out/sieve.h"
#include "two_reports.h"

/* What one pattern leaves of the first process's three sites: their sizes. */
static void leaves(const char *pattern, const char *want)
{
	char line[256], got[64] = "";
	struct sieve *s = sieve__new();
	const struct report *r;
	struct sieve_count count;
	uint64_t bytes = 0;
	size_t at;

	snprintf(line, sizeof(line), "# why\n\n  leak:%s \r\n", pattern);
	assert_int_equal(sieve__suppress(s, line, &at), 0);
	r = sieve__apply(s, &report_1, &count);
	assert_non_null(r);
	assert_int_equal(r->nprocesses, 2);
	for (size_t i = 0; i < r->processes[0].nsites; i++) {
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%llu ",
			 (unsigned long long)r->processes[0].sites[i].bytes);
		bytes += r->processes[0].sites[i].bytes;
	}
	assert_string_equal(got, want);
	/* Nothing gets lost: what is not shown is counted. */
	assert_int_equal(bytes + r->processes[0].hidden_bytes, 1009 + 211 + 17);
	sieve__free(s);
}

static void test_patterns(void **state)
{
	(void)state;
	leaves("read_rows", "211 17 ");
	leaves("rows.c", "211 17 ");
	leaves("/usr/bin/app", "17 ");
	leaves("libx", "1009 17 ");
	leaves("^read", "211 17 ");
	leaves("^rows", "1009 211 17 ");
	leaves("rows$", "211 17 ");
	leaves("read$", "1009 211 17 ");
	leaves("^read_rows$", "211 17 ");
	leaves("r*s", "17 ");
	leaves("^r*d*s$", "211 17 ");
	leaves("^r*x*s$", "1009 211 17 ");
	leaves("*", "17 ");
	leaves("^main$", "211 17 ");
	leaves("nothing of it", "1009 211 17 ");
	leaves("ns::call<a;b>", "1009 17 ");
}

static void test_wrong_lines(void **state)
{
	static const char *const wrong[] = {"leak", "leak:", "race:x", "leak:a\nfoo", "x leak:a"};
	struct sieve *s = sieve__new();
	size_t line;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(sieve__suppress(s, wrong[i], &line), -EINVAL);
	assert_int_equal(sieve__suppress(s, "leak:a\n#\nfoo\n", &line), -EINVAL);
	assert_int_equal(line, 3);
	assert_int_equal(sieve__suppress(s, "", &line), 0);
	sieve__free(s);
}

static void test_processes(void **state)
{
	struct sieve *s = sieve__new();
	struct sieve_count count;
	const struct report *r;

	(void)state;
	assert_int_equal(sieve__process(s, "4713"), 0);
	r = sieve__apply(s, &report_1, &count);
	assert_int_equal(r->nprocesses, 1);
	assert_int_equal(count.processes, 1);
	assert_int_equal(r->processes[0].pid, 4713);
	assert_int_equal(sieve__process(s, "app"), 0);
	assert_int_equal(sieve__apply(s, &report_1, &count)->nprocesses, 2);
	sieve__free(s);
	s = sieve__new();
	assert_int_equal(sieve__process(s, "ap"), 0);
	assert_int_equal(sieve__apply(s, &report_1, &count)->nprocesses, 0);
	sieve__free(s);
}

static void test_top(void **state)
{
	struct sieve *s = sieve__new();
	struct sieve_count count;
	const struct report *r;
	size_t line;

	(void)state;
	sieve__top(s, 1);
	assert_int_equal(sieve__suppress(s, "leak:read_rows", &line), 0);
	r = sieve__apply(s, &report_1, &count);
	assert_int_equal(r->processes[0].nsites, 1);
	assert_int_equal(r->processes[0].sites[0].bytes, 211);
	assert_int_equal(r->processes[0].hidden_bytes, 1009 + 17);
	assert_int_equal(count.sites, 2);
	assert_int_equal(count.bytes, 1009 + 101);
	sieve__free(s);
}

static void equals(const char *name, int json)
{
	char want[8192] = "", *got = NULL;
	size_t len;
	FILE *f = open_memstream(&got, &len), *golden = fopen(name, "re");
	const struct diff_style style = {.top = 3, .frames = 3};

	assert_non_null(golden);
	assert_int_equal(json ? diff_write_json(f, &report_1, &report_2)
			      : diff_write(f, &report_1, &report_2, &style),
			 0);
	fclose(f);
	assert_in_range(fread(want, 1, sizeof(want) - 1, golden), 1, sizeof(want) - 2);
	fclose(golden);
	assert_string_equal(got, want);
	free(got);
}

static void test_diff(void **state)
{
	(void)state;
	equals("tests/golden/diff.txt", 0);
}

static void test_diff_json(void **state)
{
	(void)state;
	equals("tests/golden/diff.json", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_patterns),  cmocka_unit_test(test_wrong_lines),
	    cmocka_unit_test(test_processes), cmocka_unit_test(test_top),
	    cmocka_unit_test(test_diff),      cmocka_unit_test(test_diff_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
