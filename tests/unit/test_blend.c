// SPDX-License-Identifier: GPL-2.0
/* Crossings and windows, each for what it tells of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/estimator.h"
#include "model/seen.h"

/* Sites of crossings (crossings.h) share it all where no other block came to where they were; where
 * windows tell more of it, by blocks that begin as they did, they do. */
static void test_crossings(void **state)
{
	(void)state;
	for (uint32_t windows = 0; windows < 5; windows++) {
		struct estimator *e = estimator__new(NULL);
		struct estimates out;

		for (uint32_t i = 0; i < 3; i++) {
			struct estimator_block b = {.site = i < 2 ? 5 : 7,
						    .size = 68,
						    .weight = 1690 * SEEN_ALL,
						    .moment = 1u << 30 | i,
						    .crossing = true};

			assert_int_equal(estimator__chunk(e, estimator_class(80), 80, &b), 0);
		}
		for (uint32_t i = 0; i < windows; i++) {
			struct estimator_block b = {.site = 9,
						    .size = 65,
						    .weight = 100 * SEEN_ALL,
						    .moment = i,
						    .same = true};

			assert_int_equal(estimator__chunk(e, estimator_class(80), 80, &b), 0);
		}
		for (uint32_t i = 3 + windows; i < 36; i++)
			assert_int_equal(estimator__chunk(e, estimator_class(80), 80, NULL), 0);
		assert_int_equal(estimator__chunk(e, estimator_class(96), 96, NULL), 0);
		assert_int_equal(estimator__finish(e, &out), 0);
		assert_float_equal(out.nobodys, 96, 1e-9);
		assert_int_equal(out.n, windows ? windows < 3 ? 3 : 1 : 2);
		assert_int_equal(out.sites[0].site, windows < 3 ? 5 : 9);
		assert_float_equal(out.sites[0].blocks, windows < 3 ? 24 : 36, 1e-9);
		assert_float_equal(out.sites[0].bytes, windows < 3 ? 24 * 68 : 36 * 65, 1e-9);
		if (windows && windows < 3) {
			/* Whether none of it came later is not sure. */
			assert_float_equal(out.sites[2].bytes, 0, 1e-9);
			assert_false(out.sites[2].exact);
			assert_true(out.sites[2].high > 65);
		}
		assert_false(out.sites[0].exact);
		estimates_free(&out);
		estimator__free(e);
	}
}

/* Where half of the places of crossings have other blocks, half of all is shared out by windows;
 * without a sample of these it is taken to be as the rest, and is no surer than that. */
static void test_places(void **state)
{
	struct estimator_block crossing = {.site = 5,
					   .size = 68,
					   .weight = 10 * SEEN_ALL,
					   .moment = 1u << 30,
					   .same = true,
					   .crossing = true};

	(void)state;
	for (uint32_t windows = 0; windows < 5; windows += 4) {
		struct estimator *e = estimator__new(NULL);
		const double theirs = windows ? 0.5 * 4 / 4.5 : 0, all = 240;
		struct estimates out;

		for (uint32_t i = 0; i < all; i++) {
			const struct estimator_block b = {
			    .site = 9, .size = 65, .weight = 100 * SEEN_ALL, .moment = i};

			assert_int_equal(
			    estimator__chunk(e, estimator_class(80), 80, i < windows ? &b : NULL),
			    0);
			if (i >= 12)
				continue;
			crossing.moment++;
			assert_int_equal(estimator__know(e, estimator_class(80), 80, &crossing), 0);
			estimator__others(e, estimator_class(80), 800, true);
		}
		assert_int_equal(estimator__finish(e, &out), 0);
		assert_float_equal(out.nobodys, 0, 1e-6);
		assert_int_equal(out.n, windows ? 2 : 1);
		assert_float_equal(out.sites[0].bytes, (1 - theirs) * all * 68, 1e-6);
		/* 1.645 times half of it */
		assert_true(windows || out.sites[0].low <= 0.2 * all * 68);
		assert_true(windows || out.sites[0].low > 0);
		if (windows)
			assert_float_equal(out.sites[1].bytes, theirs * all * 65, 1e-6);
		estimates_free(&out);
		estimator__free(e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_crossings),
					   cmocka_unit_test(test_places)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
