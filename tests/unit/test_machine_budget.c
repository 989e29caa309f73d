// SPDX-License-Identifier: GPL-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "inspect/machine_budget.h"

#define MS 1000000ull

static void spends_and_pays_back(void **state)
{
	struct machine_budget b = machine_budget_of(0, 3 * MS, 50 * MS);

	(void)state;
	assert_int_equal(b.per_second, 3 * MS);
	/* Not all of the credit at once. */
	assert_int_equal(machine_budget_tick(&b), 40 * MS);
	machine_budget_spend(&b, 45 * MS);
	assert_int_equal(machine_budget_tick(&b), 5 * MS);
	/* One look that took longer than there was time for: nothing until that is paid back. */
	machine_budget_spend(&b, 11 * MS);
	assert_int_equal(machine_budget_tick(&b), 0);
	machine_budget_refill(&b, 1000 * MS);
	assert_int_equal(machine_budget_tick(&b), 0);
	machine_budget_refill(&b, 1000 * MS);
	assert_int_equal(machine_budget_tick(&b), 0);
	machine_budget_refill(&b, 500 * MS);
	assert_int_equal(machine_budget_tick(&b), 1500000);
	/* What is not used is kept for two seconds. */
	machine_budget_refill(&b, 3600000 * MS);
	assert_int_equal(machine_budget_tick(&b), 6 * MS);
}

static void without_a_limit(void **state)
{
	struct machine_budget b = machine_budget_of(UINT64_MAX, 3 * MS, 0);

	(void)state;
	machine_budget_spend(&b, 1000000 * MS);
	machine_budget_refill(&b, 1000 * MS);
	assert_true(machine_budget_tick(&b) == UINT64_MAX);
	b = machine_budget_of(7 * MS, 3 * MS, 0);
	assert_int_equal(machine_budget_tick(&b), 0);
	machine_budget_refill(&b, 1000 * MS);
	assert_int_equal(machine_budget_tick(&b), 7 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(spends_and_pays_back),
	    cmocka_unit_test(without_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
