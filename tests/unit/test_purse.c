// SPDX-License-Identifier: GPL-2.0
/* test_purse: what children may take together for their beginnings, and forks for breakpoints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/purse.h"

/* Beginnings of 60 ms each, of which 78 ms of ten seconds of a core are planned with. */
static void test_purse(void **state)
{
	struct purse *p = purse__new(0.01);
	uint64_t now = 7000000000u;

	(void)state;
	assert_non_null(p);
	assert_true(purse_affords(p, 0));
	assert_false(purse_affords(p, 1));
	purse_record(p, now, 0, 0);
	purse_record(p, now += 100000000, 50000000, 17000000);
	assert_true(purse_affords(p, 0));
	purse_record(p, now += 100000000, 50000000, 19000000);
	assert_false(purse_affords(p, 0));
	/* Who ends at this moment is missing: nothing is given back for that. */
	purse_record(p, now += 100000000, 0, 0);
	assert_false(purse_affords(p, 0));
	/* It is over ten seconds ago. */
	for (int i = 0; i < 101; i++)
		purse_record(p, now += 100000000, 50000000, 19000000);
	assert_true(purse_affords(p, 0));
	/* Sixteen cores that are busy have room for more. */
	for (int i = 1; i < 101; i++)
		purse_record(p, now += 100000000, 50000000 + (uint64_t)i * 1600000000, 19000000);
	assert_true(purse_affords(p, 19));
	assert_false(purse_affords(p, 21));
	/* What forks pay counts too, for themselves and for beginnings. */
	assert_true(purse_affords_forks(p));
	purse_record_forks(p, now - 1000000000, 1000000);
	purse_record_forks(p, now, 1201000000);
	assert_true(purse_affords_forks(p));
	assert_false(purse_affords(p, 0));
	purse_record_forks(p, now, 1301000000);
	assert_false(purse_affords_forks(p));
	purse__free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_purse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
