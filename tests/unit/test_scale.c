// SPDX-License-Identifier: GPL-2.0
/* test_scale: windows that stand for more or less than they should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/births.h"
#include "model/estimator.h"
#include "model/seen.h"

#define STRATA 4

/* Of each of some sizes a site keeps 97 blocks, of which one in 97 / 11 is a sample; and of the
 * last size another had as many, which are gone, and some of them seem to be there.  Windows stand
 * for `part` of what they should. */
static double told_of_gone(unsigned int sizes, double part)
{
	const uint32_t weight = (uint32_t)(part * 97 / 11 * SEEN_ALL);
	struct birth births[STRATA + 1];
	struct estimator *e = estimator__new(NULL);
	struct estimates out;
	double told = 0;

	assert_non_null(e);
	for (unsigned int s = 0; s < sizes; s++) {
		const uint64_t chunk = 48 + 16 * s;
		const unsigned int class = estimator_class(chunk);

		births[s] = (struct birth){
		    .site = 1, .class = class, .blocks = 11.0 * weight, .stayed = 11};
		for (uint32_t i = 0; i < 97; i++) {
			struct estimator_block b = {1,	       chunk - 8,	 weight,
						    1 + i % 5, .changed = false, .same = true};

			if (i >= 11 && i < 19 && s + 1 == sizes)
				b = (struct estimator_block){
				    2,	       chunk - 8,	 weight,
				    7 + i % 5, .changed = false, .same = false};
			assert_int_equal(
			    estimator__chunk(e, class, chunk,
					     i < 19 && (i < 11 || b.site == 2) ? &b : NULL),
			    0);
		}
	}
	births[sizes] = (struct birth){.site = 2,
				       .class = estimator_class(48 + 16 * (sizes - 1)),
				       .blocks = 110.0 * weight,
				       .stayed = 110};
	estimator__births(e, births, sizes + 1);
	assert_int_equal(estimator__finish(e, &out), 0);
	for (size_t i = 0; i < out.n; i++)
		if (out.sites[i].site == 2)
			told = out.sites[i].blocks;
	estimates_free(&out);
	estimator__free(e);
	return told;
}

/* What windows stand for is wrong by the same in all strata: what is there for sure says by how
 * much, and so that what seems to be there besides is not. */
static void test_scale(void **state)
{
	(void)state;
	/* Weights as they should be, and too low: too few strata to tell, and enough. */
	assert_true(told_of_gone(2, 1) < 2);
	assert_true(told_of_gone(2, 0.3) > 30);
	assert_true(told_of_gone(STRATA, 1) < 2);
	assert_true(told_of_gone(STRATA, 0.3) < 2);
	/* Too high: no other one is taken for less than it has. */
	assert_true(told_of_gone(STRATA, 3) < 2);
	/* By more than windows can be wrong by. */
	assert_true(told_of_gone(STRATA, 0.12) > 10);
}

/* Of some sizes a heap has 97 blocks each, and those that were seen stand for 10: the others came
 * when no window was open, and may be anybody's. */
static void between_windows(unsigned int sizes)
{
	struct estimator *e = estimator__new(NULL);
	struct estimates out;

	assert_non_null(e);
	for (unsigned int s = 0; s < sizes; s++)
		for (uint32_t i = 0; i < 97; i++) {
			const uint64_t chunk = 80 + 16 * s;
			const struct estimator_block b = {7 + s, chunk - 20,	   320,
							  1 + i, .changed = false, .same = true};

			assert_int_equal(
			    estimator__chunk(e, estimator_class(chunk), chunk, i < 8 ? &b : NULL),
			    0);
		}
	assert_int_equal(estimator__finish(e, &out), 0);
	assert_int_equal(out.n, sizes);
	for (unsigned int s = 0; s < sizes; s++) {
		const double block = 60 + 16 * s;

		assert_float_equal(out.sites[s].bytes, 97 * block, 1e-6);
		assert_true(out.sites[s].low <= 97 * block / 3);
	}
	estimates_free(&out);
	estimator__free(e);
}

static void test_between_windows(void **state)
{
	(void)state;
	between_windows(1);
	between_windows(4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_scale),
					   cmocka_unit_test(test_between_windows)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
