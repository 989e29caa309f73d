// SPDX-License-Identifier: GPL-2.0
/* test_report: what all views say of a report's process in the same words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/report.h"

static void says(const char *estimates, double age, double older, uint64_t blocks, bool warns,
		 const char *what)
{
	const struct report_process p = {.estimates = estimates,
					 .inspection_age = age,
					 .estimates_older = older,
					 .outstanding_blocks = blocks};
	char line[128];

	assert_int_equal(report_estimates(&p, line, sizeof(line)), warns);
	assert_string_equal(line, what);
}

static void test_estimates(void **state)
{
	(void)state;
	says(NULL, 0, 0, 7, false, "");
	says("fresh", 9.4, 0, 7, false, "");
	says("fresh", 11, 2, 7, false, "estimates are of 13 s ago");
	says("stale", 1, 2, 7, true,
	     "the heap changed under the last look at it: estimates are of 3 s ago");
	says("missing", 1, 0, 7, true,
	     "no look has seen all of the heap: blocks are those that windows saw come and not go");
	says("missing", 1, 0, 0, false, "");
}

static void test_growth_seconds(void **state)
{
	struct report_site sites[] = {{.growth = {.known = true, .seconds = 11}},
				      {.growth = {.known = true, .seconds = 17}},
				      {.growth = {.known = false, .seconds = 19}}};
	struct report_process p = {.sites = sites, .nsites = 3};

	(void)state;
	assert_float_equal(report_growth_seconds(&p), 17, 0);
	p.heap_growth = (struct report_growth){.known = true, .seconds = 23};
	assert_float_equal(report_growth_seconds(&p), 23, 0);
	p.nsites = 0;
	p.heap_growth.known = false;
	assert_float_equal(report_growth_seconds(&p), 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_estimates),
					   cmocka_unit_test(test_growth_seconds)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
