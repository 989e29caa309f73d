// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/growth.h"

#define SECOND 1000000000ull

static void test_line(void **state)
{
	struct growth *g = growth__new();
	double rate, error;

	(void)state;
	for (uint64_t s = 0; s < 2; s++)
		assert_int_equal(growth__add(g, s * SECOND, 7, 1009 + 101.0 * (double)s, 0), 0);
	assert_false(growth__of(g, 7, &rate, &error));
	/* More points than are kept. */
	for (uint64_t s = 2; s < 200; s++) {
		assert_int_equal(growth__add(g, s * SECOND, 7, 1009 + 101.0 * (double)s, 0), 0);
		assert_int_equal(growth__add(g, s * SECOND, 5, 5003, 0), 0);
		/* Too soon after the one before: not a point. */
		assert_int_equal(growth__add(g, s * SECOND + 1000, 5, 9999, 0), 0);
	}
	assert_true(growth__of(g, 7, &rate, &error));
	assert_true(fabs(rate - 6060) < 0.001 && error < 0.001);
	assert_true(growth__of(g, 5, &rate, &error));
	assert_true(fabs(rate) < 0.001 && error < 0.001);
	assert_false(growth__of(g, 6, &rate, &error));
	growth__free(g);
}

/* Nine times in ten the truth is within the error. */
static void test_error(void **state)
{
	uint64_t random = 88172645463325252ull;
	int inside = 0;

	(void)state;
	for (int round = 0; round < 500; round++) {
		struct growth *g = growth__new();
		double rate, error;

		for (uint64_t s = 0; s < 20; s++) {
			double noise = 0;

			/* The sum of 12 uniform ones: near enough normal, deviation 1. */
			for (int i = 0; i < 12; i++) {
				random ^= random << 13;
				random ^= random >> 7;
				random ^= random << 17;
				noise += (double)(random >> 11) / 9007199254740992.0 - 0.5;
			}
			growth__add(g, s * SECOND, 1, 1e6 + 1000.0 * (double)s + 5000 * noise, 0);
		}
		assert_true(growth__of(g, 1, &rate, &error));
		inside += fabs(rate - 60000) <= error;
		growth__free(g);
	}
	assert_true(inside >= 425 && inside <= 475);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_line),
					   cmocka_unit_test(test_error)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
