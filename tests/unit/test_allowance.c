// SPDX-License-Identifier: GPL-2.0
/* test_allowance: whether probes may stay, by what they cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/allowance.h"

#define S 1000000000ull

static bool step(struct allowance *a, uint64_t now, double run, double cost)
{
	return allowance_step(a, 0.01,
			      &(struct allowance_input){.now_ns = now * S,
							.run_ns = (uint64_t)(run * 1e9),
							.cost_ns = (uint64_t)(cost * 1e9)});
}

static void test_limit(void **state)
{
	struct allowance a = {0};

	(void)state;
	allowance_begin(&a, 100 * S);
	/* What it ran before is none of the probes' business. */
	assert_false(step(&a, 105, 50, 1));
	/* 1 s in 5: 10 ms in probes of 1010 ms are the limit. */
	assert_false(step(&a, 110, 51.01, 1.01));
	assert_float_equal(a.share, 0.01, 1e-9);
	assert_float_equal(a.load, 0.002, 1e-9);
	assert_true(step(&a, 115, 52.02, 1.0202));
	assert_true(a.withdrawn);
	assert_int_equal(a.until_ns, 175 * S);
	assert_false(allowance_over(&a, 174 * S));
	assert_true(allowance_over(&a, 175 * S));
}

/* A process that does nothing but a few mallocs is not worth it: 4 ms in 5 s. */
static void test_unnoticed(void **state)
{
	struct allowance a = {0};

	(void)state;
	allowance_begin(&a, 0);
	assert_false(step(&a, 5, 0.010, 0.002));
	assert_false(step(&a, 10, 0.020, 0.006));
	assert_true(a.share > 0.6);
	assert_true(step(&a, 15, 0.040, 0.012));
}

/* An estimate can be more than there was. */
static void test_more_than_all(void **state)
{
	struct allowance a = {0};

	(void)state;
	allowance_begin(&a, 0);
	assert_false(step(&a, 5, 1, 1));
	assert_true(step(&a, 10, 2, 3));
	assert_float_equal(a.share, 1, 1e-9);
}

static void test_pauses(void **state)
{
	static const uint64_t pauses[] = {60, 120, 240, 480, 960, 1920, 3600, 3600};
	struct allowance a = {0};
	uint64_t now = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(pauses) / sizeof(*pauses); i++) {
		allowance_begin(&a, now * S);
		assert_false(a.withdrawn);
		/* The counters start anew with the probes. */
		assert_false(step(&a, now + 5, (double)now, 0));
		assert_true(step(&a, now + 10, (double)now + 5, 1));
		assert_int_equal(a.until_ns, (now + 10 + pauses[i]) * S);
		now += 10 + pauses[i];
	}
	/* Ten good minutes, and the next pause is the shortest. */
	allowance_begin(&a, now * S);
	assert_false(step(&a, now + 5, 0, 0));
	assert_false(step(&a, now + 601, 600, 0));
	assert_true(step(&a, now + 606, 605, 1));
	assert_int_equal(a.until_ns, (now + 666) * S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_unnoticed),
	    cmocka_unit_test(test_more_than_all),
	    cmocka_unit_test(test_pauses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
