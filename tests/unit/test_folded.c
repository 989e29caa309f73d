// SPDX-License-Identifier: GPL-2.0
/* test_folded: folded stacks to the byte, against tests/golden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "out/folded.h"
#include "two_reports.h"

static void equals(const char *name, const struct report *r, const struct report *before)
{
	char want[4096] = "", *got = NULL;
	size_t len;
	FILE *f = open_memstream(&got, &len), *golden = fopen(name, "re");

	assert_non_null(golden);
	assert_int_equal(folded_write(f, r, before), 0);
	fclose(f);
	assert_in_range(fread(want, 1, sizeof(want) - 1, golden), 1, sizeof(want) - 2);
	fclose(golden);
	assert_string_equal(got, want);
	free(got);
}

static void test_folded(void **state)
{
	(void)state;
	equals("tests/golden/report.folded", &report_1, NULL);
}

static void test_difference(void **state)
{
	(void)state;
	equals("tests/golden/diff.folded", &report_2, &report_1);
}

/* Stacks that differ only in what their names do not tell are one line. */
static void test_summed(void **state)
{
	static const struct report_frame other = {.function = "mmap64", .pc = 5};
	const struct report_site sites[] = {
	    {.stack = 1, .bytes = 101, .nframes = 1, .frames = frames_c},
	    {.stack = 2, .bytes = 13, .nframes = 1, .frames = &other},
	    {.stack = 3, .bytes = 0, .nframes = 1, .frames = frames_a},
	};
	const struct report_process p = {.pid = 7, .comm = "x", .nsites = 3, .sites = sites};
	char *got = NULL;
	size_t len;
	FILE *f = open_memstream(&got, &len);

	(void)state;
	assert_int_equal(folded_write(f, &(struct report){.nprocesses = 1, .processes = &p}, NULL),
			 0);
	fclose(f);
	assert_string_equal(got, "x-7;mmap64 114\n");
	free(got);
}

static void test_full_disk(void **state)
{
	FILE *f = fopen("/dev/full", "we");

	(void)state;
	assert_non_null(f);
	assert_int_equal(folded_write(f, &report_1, NULL), -EIO);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_folded),
	    cmocka_unit_test(test_difference),
	    cmocka_unit_test(test_summed),
	    cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
