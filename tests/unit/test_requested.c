// SPDX-License-Identifier: GPL-2.0
/* Which of a heap's large chunks are whose, by what was asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/requested.h"
#include "model/sampling.h"

#define AT 0x7f0000000010ull

static void count_gone(void *arg, const struct request *r)
{
	*(uint32_t *)arg += r->serial;
}

struct asked {
	struct requests all;
	struct requested kept;
	struct requested_look look;
	bool partly;
	bool sure[16]; /* what is expected of the chunks of this look, in their order */
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
	assert_int_equal(
	    requested_begin(&a->look, &a->kept, all, a->all.n, a->all.gaps, !a->partly), 0);
}

static void look_end(struct asked *a, bool whole)
{
	uint32_t gone = 0;

	requested_settle(&a->look);
	for (size_t i = 0; i < a->look.nthere; i++)
		if (a->look.there[i].serial)
			assert_int_equal(!a->look.there[i].unsure, a->sure[i]);
	if (whole) {
		requested_conclude(&a->look, &a->kept);
		requests_keep(&a->all, a->kept.until, a->kept.serials, a->kept.nserials, count_gone,
			      &gone);
	}
	requested_look_end(&a->look);
}

/* Of which site the chunk there is, and whether that will be sure; 0: of none. */
static uint32_t who(struct asked *a, uint64_t addr, uint64_t chunk, bool sure)
{
	const size_t i = a->look.nthere;
	const bool asked = requested_find(&a->look, addr, chunk, 7, false);

	assert_int_equal(a->look.nthere, i + 1);
	assert_int_equal(a->look.there[i].serial != 0, asked);
	assert_int_equal(a->look.there[i].stratum, 7);
	a->sure[i] = sure;
	return a->look.there[i].site;
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
	assert_int_equal(who(&a, AT, 65552, true), 3);
	assert_int_equal(who(&a, AT + 0x100000, 65552, true), 5);
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
	/* Where nobody asked for as much realloc made it larger; what is smaller is another. */
	look_begin(&a);
	assert_int_equal(who(&a, AT, 262160, false), 7);
	assert_int_equal(who(&a, AT + 0x100000, 49168, false), 0);
	look_end(&a, true);
	look_begin(&a);
	assert_int_equal(who(&a, AT, 262160, false), 7);
	look_end(&a, true);
	assert_int_equal(a.all.n, 1);
	done(&a);
}

/* Who asked for as much, and has no chunk, may have this one, whatever comes later. */
static void test_stays_unsure(void **state)
{
	struct asked a = {.partly = true};

	(void)state;
	ask(&a, 65552, 3);
	look_begin(&a);
	assert_int_equal(who(&a, AT, 65552, true), 3);
	look_end(&a, true);
	ask(&a, 65536, 5);
	for (int i = 0; i < 2; i++) {
		look_begin(&a);
		assert_int_equal(who(&a, AT, 65552, false), 3);
		look_end(&a, true);
	}
	done(&a);
}

/* At its first look a fork's child has what its parent's looks found, and not what that asked for
 * since, which may be gone. */
static void test_child(void **state)
{
	struct asked a = {.partly = true}, child = {.partly = true};

	(void)state;
	ask(&a, 65552, 3);
	look_begin(&a);
	assert_int_equal(who(&a, AT, 65552, true), 3);
	look_end(&a, true);
	ask(&a, 65552, 5);
	assert_int_equal(requests_copy(&child.all, &a.all), 0);
	look_begin(&child);
	assert_int_equal(who(&child, AT, 65552, false), 3);
	assert_int_equal(who(&child, AT + 0x100000, 65552, true), 0);
	look_end(&child, true);
	assert_int_equal(child.all.n, 1);
	done(&a);
	done(&child);
}

/* Who was there before anybody asked is not one of those who did; nor who was nobody's at two
 * looks: at one it may have come when the requests had been listed. */
static void test_old(void **state)
{
	struct asked a = {.partly = false};

	(void)state;
	look_begin(&a);
	assert_int_equal(who(&a, AT, 65552, true), 0);
	assert_false(requested_find(&a.look, AT + 0x100000, 65552, 7, true));
	look_end(&a, true);
	a.partly = true;
	ask(&a, 98320, 7);
	look_begin(&a);
	assert_int_equal(who(&a, AT, 65552, true), 0);
	assert_false(requested_find(&a.look, AT + 0x100000, 65552, 7, true));
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

/* Where some were not told of for a while it is not sure who has by now what was asked for before
 * that, found then or not. */
static void test_gap(void **state)
{
	struct asked a = {.partly = true};

	(void)state;
	ask(&a, 65552, 3);
	look_begin(&a);
	assert_int_equal(who(&a, AT, 65552, true), 3);
	look_end(&a, true);
	ask(&a, 131088, 5);
	a.all.gaps++;
	ask(&a, 98320, 7);
	for (int i = 0; i < 2; i++) {
		look_begin(&a);
		assert_int_equal(who(&a, AT, 65552, false), 3);
		assert_int_equal(who(&a, AT + 0x100000, 98320, true), 7);
		assert_int_equal(who(&a, AT + 0x200000, 131088, false), 5);
		look_end(&a, true);
	}
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
	const struct block b = {.addr = AT + 0x100000, .size = 131080, .site = 5, .born = 3};
	struct request *all = malloc(2 * sizeof(*all));
	struct seen_span *spans = malloc(sizeof(*spans));
	struct sampling s = {0};
	struct sampling_look l;

	(void)state;
	all[0] = (struct request){.chunk = 131088, .serial = 1, .site = 5, .settled = true};
	all[1] = (struct request){.chunk = 65552, .serial = 2, .site = 3, .settled = true};
	*spans = told;
	assert_int_equal(sampling_begin(&l, &s, true, spans, 1, NULL, 0), 0);
	assert_int_equal(sampling_requests(&l, all, 2, 0), 0);
	sampling_chunk(&l, AT, 65552, 0, NULL);
	sampling_chunk(&l, b.addr, 131088, 0, &b);
	sampling_chunk(&l, AT + 0x200000, 262160, 0, NULL);
	sampling_conclude(&l, true, has, NULL);
	sampling_look_end(&l);
	assert_int_equal(s.estimates.n, 2);
	assert_int_equal(s.estimates.sites[0].site, 3);
	assert_int_equal(s.estimates.sites[0].bytes, 65544);
	assert_int_equal(s.estimates.sites[0].high, 65544);
	assert_int_equal(s.estimates.sites[0].low, 65529);
	assert_int_equal(s.estimates.sites[1].site, 5);
	assert_int_equal(s.estimates.sites[1].bytes, 131080);
	assert_int_equal(s.requested.nserials, 1);
	assert_int_equal(s.requested.n, 3);
	assert_int_equal(s.requested.until, 2);
	sampling_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_latest), cmocka_unit_test(test_as_before),
	    cmocka_unit_test(test_old),	   cmocka_unit_test(test_stays_unsure),
	    cmocka_unit_test(test_child),  cmocka_unit_test(test_gap),
	    cmocka_unit_test(test_torn),   cmocka_unit_test(test_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
