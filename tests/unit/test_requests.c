// SPDX-License-Identifier: GPL-2.0
/* Large chunks that were asked for, and which of a heap's they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger_records.h"
#include "model/requested.h"
#include "model/sampling.h"

#define AT 0x7f0000000010ull

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

struct asked {
	struct requests all;
	struct requested kept;
	struct requested_look look;
	bool partly;
};

static void ask(struct asked *a, uint64_t chunk, uint32_t site)
{
	uint32_t gone = 0;

	assert_int_equal(requests_add(&a->all, chunk, site, count_gone, &gone), 0);
	a->all.all[a->all.n - 1].settled = true;
}

static void look_begin(struct asked *a)
{
	struct request *all = malloc((a->all.n + 1) * sizeof(*all));

	assert_non_null(all);
	if (a->all.n)
		memcpy(all, a->all.all, a->all.n * sizeof(*all));
	assert_int_equal(requested_begin(&a->look, &a->kept, all, a->all.n, !a->partly), 0);
}

static void look_end(struct asked *a, bool whole)
{
	uint32_t gone = 0;

	if (whole) {
		requested_conclude(&a->look, &a->kept);
		requests_keep(&a->all, a->kept.until, a->kept.serials, a->kept.nserials, count_gone,
			      &gone);
	}
	requested_look_end(&a->look);
}

/* Of which site the chunk there is, and whether that is sure; 0: of none. */
static uint32_t who(struct asked *a, uint64_t addr, uint64_t chunk, bool expected)
{
	bool sure;
	const struct request *r = requested_find(&a->look, addr, chunk, false, &sure);

	if (r)
		assert_int_equal(sure, expected);
	return r ? r->site : 0;
}

static void done(struct asked *a)
{
	requests_free(&a->all);
	requested_free(&a->kept);
}

/* The latest of as many bytes that has no chunk yet; sure where all are one's. */
static void test_latest(void **state)
{
	struct asked a = {.partly = true};

	(void)state;
	ask(&a, 65552, 3);
	ask(&a, 65552, 5);
	ask(&a, 98320, 7);
	ask(&a, 98320, 7);
	ask(&a, 98304, 11);
	look_begin(&a);
	assert_int_equal(who(&a, AT, 65552, false), 5);
	/* With what was too little for a chunk of its own, where none asked for just as much. */
	assert_int_equal(who(&a, AT + 0x100000, 98320, true), 7);
	assert_int_equal(who(&a, AT + 0x200000, 98336, true), 7);
	assert_int_equal(who(&a, AT + 0x300000, 98320, true), 11);
	assert_int_equal(who(&a, AT + 0x400000, 98320, true), 0);
	assert_int_equal(who(&a, AT + 0x500000, 65584, true), 0);
	assert_int_equal(who(&a, AT + 0x600000, 65536, true), 0);
	assert_true(requested_by(&a.look, 3, 65552));
	assert_true(requested_by(&a.look, 5, 65568));
	assert_true(requested_by(&a.look, 11, 98320));
	assert_true(requested_by(&a.look, 7, 98320));
	assert_false(requested_by(&a.look, 7, 98304));
	assert_false(requested_by(&a.look, 3, 98320));
	/* One of 65,552 bytes has no chunk yet. */
	assert_true(requested_by_others(&a.look, 5, 65552));
	assert_true(requested_by_others(&a.look, 5, 65568));
	assert_false(requested_by_others(&a.look, 3, 65552));
	assert_false(requested_by_others(&a.look, 3, 98320));
	look_end(&a, true);
	/* Who has no chunk is gone. */
	assert_int_equal(a.all.n, 4);
	look_begin(&a);
	assert_int_equal(who(&a, AT + 0x700000, 65552, true), 0);
	look_end(&a, true);
	done(&a);
}

/* What was there at the last look still is who it was, however many ask for as much since; it is
 * not sure where these are others'. */
static void test_as_before(void **state)
{
	struct asked a = {.partly = true};

	(void)state;
	ask(&a, 65552, 3);
	look_begin(&a);
	assert_int_equal(who(&a, AT, 65552, true), 3);
	look_end(&a, true);
	ask(&a, 65552, 3);
	look_begin(&a);
	assert_int_equal(who(&a, AT, 65552, true), 3);
	look_end(&a, true);
	ask(&a, 65552, 5);
	look_begin(&a);
	assert_int_equal(who(&a, AT, 65552, false), 3);
	assert_int_equal(who(&a, AT + 0x100000, 65552, false), 5);
	look_end(&a, true);
	/* Its chunk is another's, larger one. */
	ask(&a, 131088, 7);
	look_begin(&a);
	assert_int_equal(who(&a, AT, 131088, true), 7);
	assert_int_equal(who(&a, AT + 0x100000, 65552, true), 5);
	/* Who was found there cannot be elsewhere. */
	assert_int_equal(who(&a, AT + 0x200000, 65552, true), 0);
	look_end(&a, true);
	assert_int_equal(a.all.n, 2);
	/* ... nor where nobody asked for as much: realloc made it larger, or smaller. */
	look_begin(&a);
	assert_int_equal(who(&a, AT, 262160, false), 7);
	assert_int_equal(who(&a, AT + 0x100000, 49168, false), 5);
	look_end(&a, true);
	look_begin(&a);
	assert_int_equal(who(&a, AT, 262160, true), 7);
	look_end(&a, true);
	assert_int_equal(a.all.n, 1);
	done(&a);
}

/* Who was there before anybody asked is not one of those who did; nor who was nobody's at two
 * looks: at one it may have come when the requests had been listed. */
static void test_old(void **state)
{
	struct asked a = {.partly = false};
	bool sure;

	(void)state;
	look_begin(&a);
	assert_int_equal(who(&a, AT, 65552, true), 0);
	assert_null(requested_find(&a.look, AT + 0x100000, 65552, true, &sure));
	look_end(&a, true);
	a.partly = true;
	ask(&a, 98320, 7);
	look_begin(&a);
	assert_int_equal(who(&a, AT, 65552, true), 0);
	assert_null(requested_find(&a.look, AT + 0x100000, 65552, true, &sure));
	assert_int_equal(who(&a, AT + 0x200000, 65552, true), 0);
	assert_int_equal(who(&a, AT + 0x300000, 131088, true), 0);
	look_end(&a, true);
	ask(&a, 65552, 3);
	ask(&a, 65552, 3);
	ask(&a, 65552, 3);
	look_begin(&a);
	assert_int_equal(who(&a, AT, 65552, true), 0);
	/* Of this one something else was known: it was freed since, and is another. */
	assert_int_equal(who(&a, AT + 0x100000, 65552, true), 3);
	assert_int_equal(who(&a, AT + 0x200000, 65552, true), 3);
	assert_int_equal(who(&a, AT + 0x300000, 131088, true), 0);
	look_end(&a, true);
	ask(&a, 131088, 11);
	ask(&a, 131088, 11);
	look_begin(&a);
	assert_int_equal(who(&a, AT + 0x300000, 131088, true), 0);
	assert_int_equal(who(&a, AT + 0x400000, 131088, true), 11);
	look_end(&a, true);
	done(&a);
}

/* Where some were not told of for a while it is not sure any more who has what was there before. */
static void test_gap(void **state)
{
	struct asked a = {.partly = true};

	(void)state;
	ask(&a, 65552, 3);
	look_begin(&a);
	assert_int_equal(who(&a, AT, 65552, true), 3);
	look_end(&a, true);
	ask(&a, 98320, 7);
	for (size_t i = 0; i < a.all.n; i++)
		a.all.all[i].gaps = 1;
	look_begin(&a);
	assert_int_equal(who(&a, AT, 65552, false), 3);
	assert_int_equal(who(&a, AT + 0x100000, 98320, true), 7);
	look_end(&a, true);
	look_begin(&a);
	assert_int_equal(who(&a, AT, 65552, false), 3);
	assert_int_equal(who(&a, AT + 0x100000, 98320, true), 7);
	look_end(&a, true);
	done(&a);
}

/* A look that did not see all concludes nothing. */
static void test_torn(void **state)
{
	struct asked a = {.partly = true};

	(void)state;
	ask(&a, 65552, 3);
	look_begin(&a);
	look_end(&a, false);
	assert_int_equal(a.all.n, 1);
	assert_int_equal(a.kept.n, 0);
	look_begin(&a);
	assert_int_equal(who(&a, AT, 65552, true), 3);
	look_end(&a, true);
	done(&a);
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
	uint32_t serial;
	size_t n;

	(void)state;
	APPLY(l, hw_level, HW_LEVEL, .seen = HW_SEEN_NONE, .requests = 1);
	APPLY(l, hw_request, HW_REQUEST, .chunk = 65552, .stack = A);
	APPLY(l, hw_request, HW_REQUEST, .chunk = 98320, .stack = A);
	assert_int_equal(ledger__requests(l, leave_one, NULL, &all, &n), 0);
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
	assert_int_equal(ledger__requests(l, leave_one, NULL, &all, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(ledger__requests(child, leave_one, NULL, &all, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(all[0].gaps, 0);
	free(all);
	/* Where more is seen none is missed, but where nothing is. */
	APPLY(child, hw_level, HW_LEVEL, .seen = HW_SEEN_LARGE);
	APPLY(child, hw_level, HW_LEVEL, .seen = HW_SEEN_NONE, .requests = 1);
	APPLY(child, hw_level, HW_LEVEL, .seen = HW_SEEN_NONE);
	APPLY(child, hw_level, HW_LEVEL, .seen = HW_SEEN_NONE, .requests = 1);
	assert_int_equal(ledger__requests(child, leave_one, NULL, &all, &n), 0);
	assert_int_equal(all[1].gaps, 1);
	free(all);
	ledger__free(child);
	ledger__free(l);
}

static bool has(const void *arg, uint64_t addr)
{
	(void)arg;
	(void)addr;
	return true;
}

/* A chunk that was asked for is a callsite's, and one that a window saw stands for itself alone
 * where all others were told of. */
static void test_look(void **state)
{
	static const struct seen_span told = {
	    .moment = 2, .weight = 1009 * SEEN_ALL, .requests = true};
	const struct block b = {.addr = AT + 0x100000, .size = 65544, .site = 5, .born = 3};
	struct request *all = malloc(2 * sizeof(*all));
	struct seen_span *spans = malloc(sizeof(*spans));
	struct sampling s = {0};
	struct sampling_look l;

	(void)state;
	all[0] = (struct request){.chunk = 65536, .serial = 1, .site = 5, .settled = true};
	all[1] = (struct request){.chunk = 65552, .serial = 2, .site = 3, .settled = true};
	*spans = told;
	assert_int_equal(sampling_begin(&l, &s, true, spans, 1, NULL, 0), 0);
	assert_int_equal(sampling_requests(&l, all, 2), 0);
	sampling_chunk(&l, AT, 65552, 0, NULL);
	sampling_chunk(&l, b.addr, 65552, 0, &b);
	sampling_chunk(&l, AT + 0x200000, 131088, 0, NULL);
	sampling_conclude(&l, true, has, NULL);
	sampling_look_end(&l);
	assert_int_equal(s.estimates.n, 2);
	assert_int_equal(s.estimates.sites[0].site, 3);
	assert_int_equal(s.estimates.sites[0].bytes, 65544);
	assert_int_equal(s.estimates.sites[0].high, 65544);
	assert_int_equal(s.estimates.sites[0].low, 65529);
	assert_int_equal(s.estimates.sites[1].site, 5);
	assert_int_equal(s.estimates.sites[1].bytes, 65544);
	assert_int_equal(s.requested.nserials, 1);
	assert_int_equal(s.requested.n, 3);
	assert_int_equal(s.requested.until, 2);
	sampling_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_room),      cmocka_unit_test(test_latest),
	    cmocka_unit_test(test_as_before), cmocka_unit_test(test_old),
	    cmocka_unit_test(test_torn),      cmocka_unit_test(test_gap),
	    cmocka_unit_test(test_ledger),    cmocka_unit_test(test_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
