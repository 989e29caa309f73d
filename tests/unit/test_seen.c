// SPDX-License-Identifier: GPL-2.0
/* What a block stands for is told by the moment of its birth, however soon windows follow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/blocks.h"
#include "model/seen.h"

static void level(struct seen *s, enum hw_seen seen, bool window, uint32_t weight, uint32_t second)
{
	const struct hw_level e = {.seen = (uint16_t)seen, .window = window, .weight = weight};

	assert_int_equal(seen_apply(s, &e, second), 0);
}

static uint32_t weight(const struct seen *s, uint32_t moment, uint64_t size)
{
	return seen_weight(s->spans, s->n, moment, size);
}

/* All was seen, then two windows, all in one second. */
static void test_one_second(void **state)
{
	uint32_t whole, between, first, second, small = 56, large = 2000;
	struct seen s = {0};

	(void)state;
	level(&s, HW_SEEN_ALL, false, 0, 5);
	whole = seen_moment(&s, 7);
	assert_true(seen_whole(&s, whole));
	level(&s, HW_SEEN_LARGE, false, 0, 7);
	between = seen_moment(&s, 7);
	level(&s, HW_SEEN_LARGE, true, 0, 7);
	first = seen_moment(&s, 7);
	level(&s, HW_SEEN_LARGE, false, 11 * SEEN_ALL, 7);
	level(&s, HW_SEEN_LARGE, true, 0, 7);
	second = seen_moment(&s, 7);
	level(&s, HW_SEEN_LARGE, false, 13 * SEEN_ALL, 7);
	assert_true(whole < between && between < first && first < second);
	assert_int_equal(weight(&s, whole, small), SEEN_ALL);
	assert_int_equal(weight(&s, between, large), SEEN_ALL);
	assert_int_equal(weight(&s, first, small), 11 * SEEN_ALL);
	assert_int_equal(weight(&s, first, large), SEEN_ALL);
	assert_int_equal(weight(&s, second, small), 13 * SEEN_ALL);
	/* Seconds go on, and so do moments. */
	assert_int_equal(seen_moment(&s, 9), second + 2);
	level(&s, HW_SEEN_ALL, false, 0, 9);
	assert_false(seen_whole(&s, second + 2));
	assert_true(seen_whole(&s, seen_moment(&s, 9)));
	assert_int_equal(weight(&s, seen_moment(&s, 9), small), SEEN_ALL);
	seen_free(&s);
}

/* Since when requests for large chunks are told of is known of each moment; windows change nothing
 * of that. */
static void test_requested(void **state)
{
	const struct hw_level on = {.seen = HW_SEEN_NONE, .requests = 1},
			      open = {.seen = HW_SEEN_NONE, .requests = 1, .window = 1},
			      closed = {.seen = HW_SEEN_NONE, .requests = 1, .weight = 7919},
			      off = {.seen = HW_SEEN_NONE};
	uint32_t before, after, window, last;
	struct seen s = {0};

	(void)state;
	level(&s, HW_SEEN_ALL, false, 0, 5);
	level(&s, HW_SEEN_NONE, false, 0, 6);
	before = seen_moment(&s, 6);
	assert_int_equal(seen_apply(&s, &on, 6), 0);
	after = seen_moment(&s, 6);
	assert_int_equal(seen_apply(&s, &open, 7), 0);
	window = seen_moment(&s, 7);
	assert_int_equal(seen_apply(&s, &closed, 7), 0);
	assert_int_equal(seen_apply(&s, &off, 9), 0);
	last = seen_moment(&s, 9);
	assert_false(seen_requests(s.spans, s.n, 0));
	assert_false(seen_requests(s.spans, s.n, before));
	assert_true(seen_requests(s.spans, s.n, after));
	assert_true(seen_requests(s.spans, s.n, window));
	assert_int_equal(weight(&s, window, 56), 7919);
	assert_false(seen_requests(s.spans, s.n, last));
	seen_free(&s);
}

/* After SEEN_AHEAD windows those of one second share a moment; none is later than a block can be.
 */
static void test_many_windows(void **state)
{
	struct seen s = {0};
	uint32_t moment;

	(void)state;
	level(&s, HW_SEEN_NONE, false, 0, 0);
	for (unsigned int i = 1; i < SEEN_AHEAD; i++) {
		level(&s, HW_SEEN_NONE, true, 0, 0);
		level(&s, HW_SEEN_NONE, false, SEEN_ALL + i, 0);
	}
	moment = seen_moment(&s, 0);
	assert_int_equal(moment, SEEN_AHEAD);
	assert_int_equal(weight(&s, moment, 56), SEEN_ALL + SEEN_AHEAD - 1);
	assert_int_equal(weight(&s, moment - 1, 56), SEEN_ALL + SEEN_AHEAD - 2);
	level(&s, HW_SEEN_NONE, true, 0, 0);
	level(&s, HW_SEEN_NONE, false, 17 * SEEN_ALL, 0);
	assert_int_equal(seen_moment(&s, 0), moment);
	assert_int_equal(weight(&s, moment, 56), 17 * SEEN_ALL);
	assert_int_equal(seen_moment(&s, BLOCK_BORN_MAX), BLOCK_BORN_MAX);
	seen_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_requested),
	    cmocka_unit_test(test_one_second),
	    cmocka_unit_test(test_many_windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
