// SPDX-License-Identifier: GPL-2.0
/* Large chunks that were asked for: as many as there is room for, and what a ledger has of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ledger_records.h"
#include "model/requests.h"

static void count_gone(void *arg, const struct request *r)
{
	*(uint32_t *)arg += r->serial;
}

/* Where there is room for no more the older half of those goes that no look has found; of those
 * that were found no more than half of the room are kept, the latest. */
static void test_room(void **state)
{
	static uint32_t held[REQUESTS_MAX];
	struct requests r = {0}, copy = {0};
	uint32_t gone = 0;

	(void)state;
	for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
		assert_int_equal(requests_add(&r, 65552, 7, count_gone, &gone), 0);
		held[i] = i + 1;
	}
	assert_int_equal(r.n, REQUESTS_MAX);
	requests_keep(&r, REQUESTS_MAX - 4, held, REQUESTS_MAX - 4, count_gone, &gone);
	assert_int_equal(r.n, REQUESTS_MAX / 2 + 4);
	assert_int_equal(r.all[0].serial, REQUESTS_MAX / 2 - 3);
	for (uint32_t i = 0; r.n < REQUESTS_MAX; i++)
		assert_int_equal(requests_add(&r, 65552, 7, count_gone, &gone), 0);
	gone = 0;
	assert_int_equal(requests_add(&r, 65552, 7, count_gone, &gone), 0);
	assert_int_equal(r.n, REQUESTS_MAX - REQUESTS_MAX / 4 + 1);
	assert_true(r.all[0].held);
	assert_false(r.all[REQUESTS_MAX / 2].held);
	assert_int_equal(requests_copy(&copy, &r), 0);
	assert_int_equal(copy.n, r.n);
	assert_int_equal(copy.last, r.last);
	assert_false(copy.all[0].held);
	/* The first has gone, and what came after the look is still to be found. */
	gone = 0;
	requests_keep(&r, REQUESTS_MAX - 4, held + REQUESTS_MAX / 2 - 3, REQUESTS_MAX / 2 - 1,
		      count_gone, &gone);
	assert_int_equal(gone, REQUESTS_MAX / 2 - 3);
	assert_int_equal(r.n, REQUESTS_MAX - REQUESTS_MAX / 4);
	requests_free(&r);
	requests_free(&copy);
}

static uint32_t leave_one(void *arg, const uint64_t *pc, uint32_t nframes)
{
	(void)arg;
	(void)pc;
	return nframes > 1;
}

/* Blocks that the call of malloc holds in snapshots: of no size, to be there. */
static uint64_t blocks(const struct ledger *l)
{
	struct snapshot *s = ledger__snapshot(l, 0, 0);
	uint64_t n = 0;

	assert_non_null(s);
	for (size_t i = 0; i < s->nsites; i++)
		if (s->sites[i].kind == REPORT_HEAP && s->sites[i].pc[0] == A + 2)
			n += s->sites[i].blocks;
	snapshot__free(s);
	return n;
}

/* They are of the calls of malloc, hold a place in snapshots while they may be there, and a fork's
 * child has its parent's. */
static void test_ledger(void **state)
{
	struct ledger *l = fresh(), *child;
	struct request *all;
	uint32_t serial, gaps;
	size_t n;

	(void)state;
	APPLY(l, hw_level, HW_LEVEL, .seen = HW_SEEN_NONE, .requests = 1);
	APPLY(l, hw_request, HW_REQUEST, .chunk = 65552, .stack = A);
	APPLY(l, hw_request, HW_REQUEST, .chunk = 98320, .stack = A);
	assert_int_equal(ledger__requests(l, leave_one, NULL, &all, &n, &gaps), 0);
	assert_int_equal(n, 2);
	assert_int_equal(all[0].chunk, 65552);
	assert_int_equal(all[1].serial, 2);
	assert_int_equal(all[0].site, all[1].site);
	assert_int_not_equal(all[0].site, 0);
	serial = all[1].serial;
	free(all);
	child = ledger__fork(l);
	assert_int_equal(blocks(l), 2);
	ledger__keep_requests(l, serial, &serial, 1);
	assert_int_equal(blocks(l), 1);
	ledger__keep_requests(l, serial, NULL, 0);
	assert_int_equal(blocks(l), 0);
	assert_int_equal(ledger__requests(l, leave_one, NULL, &all, &n, &gaps), 0);
	assert_int_equal(n, 0);
	assert_int_equal(ledger__requests(child, leave_one, NULL, &all, &n, &gaps), 0);
	assert_int_equal(n, 2);
	assert_int_equal(gaps, 0);
	free(all);
	/* Where more is seen none is missed, but where nothing is. */
	APPLY(child, hw_level, HW_LEVEL, .seen = HW_SEEN_LARGE);
	APPLY(child, hw_level, HW_LEVEL, .seen = HW_SEEN_NONE, .requests = 1);
	APPLY(child, hw_level, HW_LEVEL, .seen = HW_SEEN_NONE);
	APPLY(child, hw_level, HW_LEVEL, .seen = HW_SEEN_NONE, .requests = 1);
	assert_int_equal(ledger__requests(child, leave_one, NULL, &all, &n, &gaps), 0);
	assert_int_equal(gaps, 1);
	free(all);
	ledger__free(child);
	ledger__free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_room),
	    cmocka_unit_test(test_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
