// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "model/growth.h"
#include "model/growth_note.h"
#include "model/ledger.h"
#include "model/sampling.h"
#include "model/trend.h"

#define SECOND 1000000000ull

static struct growth_site exact(uint64_t key, double bytes)
{
	return (struct growth_site){.key = key, .class = GROWTH_EXACT, .bytes = bytes};
}

static void add(struct growth *g, uint64_t time_ns, const struct growth_site *sites, size_t n)
{
	assert_int_equal(growth__add(g, time_ns, sites, n), 0);
}

static void test_line(void **state)
{
	struct growth *g = growth__new();
	struct growth_rate rate;

	(void)state;
	for (uint64_t s = 0; s < 200; s++) {
		const struct growth_site sites[] = {exact(7, 1009 + 101.0 * (double)s),
						    exact(5, 5003)};
		const struct growth_site wrong[] = {exact(5, 9999)};

		add(g, s * SECOND, sites, 2);
		/* Too soon after the one before: not a point. */
		add(g, s * SECOND + 1000, wrong, 1);
		assert_true(growth__of(g, 7, &rate) == (s > 1));
		if (s < 2)
			continue;
		assert_true(fabs(rate.per_minute - 6060) < 0.001 && rate.error < 0.001);
		assert_true(rate.growing);
		assert_true(growth__of(g, 5, &rate));
		assert_true(fabs(rate.per_minute) < 0.001 && rate.error < 0.001);
		assert_false(rate.growing);
		assert_false(growth__of(g, 6, &rate));
		/* One minute, then up to two, then up to four. */
		assert_int_equal((int)rate.seconds, s < 120   ? s < 60 ? s : s / 2 * 2
						    : s < 240 ? s / 4 * 4
							      : 0);
	}
	growth__free(g);
}

/* After eight minutes the oldest points go, one by one. */
static void test_horizon(void **state)
{
	struct growth *g = growth__new();
	struct growth_rate rate;

	(void)state;
	for (uint64_t s = 0; s < 2000; s++) {
		const struct growth_site sites[] = {exact(7, 53.0 * (double)(s < 1000 ? s : 1000))};

		add(g, s * SECOND, sites, 1);
	}
	assert_true(growth__of(g, 7, &rate));
	assert_int_equal((int)rate.seconds, 59 * 8);
	assert_float_equal(rate.per_minute, 0, 1e-6);
	assert_false(rate.growing);
	growth__free(g);
}

/* Who is not there holds nothing: from 0 to 3,000 and away again is not growth. */
static void test_absent(void **state)
{
	struct growth *g = growth__new();
	struct growth_rate rate;

	(void)state;
	for (uint64_t s = 0; s < 40; s++) {
		const struct growth_site sites[] = {exact(5, 5003), exact(7, 100.0 * (double)s)};

		add(g, s * SECOND, sites, s >= 10 && s < 30 ? 2 : 1);
	}
	assert_true(growth__of(g, 7, &rate));
	assert_false(rate.growing);
	assert_true(rate.error > rate.per_minute);
	/* When it has been away for as long as points are kept, nothing is known of it. */
	for (uint64_t s = 40; s < 1000; s++) {
		const struct growth_site sites[] = {exact(5, 5003)};

		add(g, s * SECOND, sites, 1);
	}
	assert_false(growth__of(g, 7, &rate));
	growth__free(g);
}

/* A fill that is over for a third of the time is none any more. */
static void test_fill(void **state)
{
	struct growth *g = growth__new();
	struct growth_rate rate;

	(void)state;
	for (uint64_t s = 0; s < 58; s++) {
		const struct growth_site sites[] = {exact(7, 4001.0 * (double)(s < 38 ? s : 38))};

		add(g, s * SECOND, sites, 1);
		if (s == 40) {
			assert_true(growth__of(g, 7, &rate));
			assert_true(rate.growing);
		}
	}
	assert_true(growth__of(g, 7, &rate));
	assert_false(rate.growing);
	growth__free(g);
}

static double normal(uint64_t *random)
{
	double sum = 0;

	/* The sum of 12 uniform ones: near enough normal, deviation 1. */
	for (int i = 0; i < 12; i++) {
		*random ^= *random << 13;
		*random ^= *random >> 7;
		*random ^= *random << 17;
		sum += (double)(*random >> 11) / 9007199254740992.0 - 0.5;
	}
	return sum;
}

/* Nine times in ten the truth is within the error, however long errors stay; where that is told
 * wrongly, rather more often. */
static void test_error(void **state)
{
	static const struct {
		double stays;
		size_t n;
		int least, most;
	} cases[] = {{0, 20, 440, 475},	  {0, 60, 440, 475},	{0.5, 60, 430, 475},
		     {0.9, 60, 445, 500}, {0.95, 60, 445, 500}, {1, 60, 425, 475},
		     {1, 8, 425, 475}};
	uint64_t random = 88172645463325252ull;

	(void)state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(*cases); c++) {
		int inside = 0;

		for (int round = 0; round < 500; round++) {
			double x[60], y[60], off = 0;
			struct trend trend;

			for (int i = 0; i < 100; i++)
				off = cases[c].stays * off + normal(&random);
			for (size_t i = 0; i < cases[c].n; i++) {
				off = cases[c].stays * off + normal(&random);
				x[i] = (double)i;
				y[i] = 1e6 + 1000.0 * x[i] + 5000 * off;
			}
			assert_true(trend_fit(x, y, cases[c].n, &trend));
			inside += fabs(trend.slope - 1000) <= trend.error;
		}
		assert_in_range(inside, cases[c].least, cases[c].most);
	}
}

static void test_few(void **state)
{
	const double x[] = {0, 1}, y[] = {0, 7};
	struct trend trend;

	(void)state;
	assert_false(trend_fit(x, y, 2, &trend));
}

/*
 * Two callsites of a class: of a leak 3,000 of its samples' bytes are new each second, which is
 * what the heap grows by; a busy one seems to hold as many more again, for some of its samples are
 * of blocks that are gone, of which one in eight is found.
 */
static void test_stale(void **state)
{
	struct growth *g = growth__new();
	struct growth_rate rate;

	(void)state;
	for (uint64_t s = 0; s < 60; s++) {
		double t = (double)s;
		const struct growth_site sites[] = {
		    {.key = GROWTH_CLASS, .class = 3, .bytes = 100000 + 3000 * t},
		    {.key = 4, .class = 3, .bytes = 3000 * t, .sample = 100, .worth = 0.75},
		    {.key = 6, .class = 3, .bytes = 3000 * t, .sample = 100, .gone = 400 * t}};

		add(g, s * SECOND, sites, 3);
	}
	assert_true(growth__of(g, 4, &rate));
	assert_true(rate.growing);
	assert_float_equal(rate.per_minute, 0.75 * 180000, 0.75 * 500);
	assert_true(growth__of(g, 6, &rate));
	assert_false(rate.growing);
	assert_float_equal(rate.per_minute, 0, 500);
	growth__free(g);
}

/*
 * Two callsites of a class: a leak's samples stay, one in each window; those of a busy one mostly
 * change, and of all that was seen of it three in five are known to be gone.  Who grows is clear,
 * and by how much the heap says, but for who may have had a sample instead.
 */
static void test_shares(void **state)
{
	struct growth *g = growth__new();
	struct growth_rate rate;

	(void)state;
	for (uint64_t s = 0; s < 60; s++) {
		double t = (double)s;
		const struct growth_site sites[] = {
		    {.key = GROWTH_CLASS, .class = 3, .bytes = 100000 + 3000 * t},
		    {.key = 4,
		     .class = 3,
		     .bytes = 1e6 * t,
		     .sample = 1e6,
		     .same = 80 * t,
		     .unit = 80,
		     .stays = 1,
		     .worth = 0.75},
		    {.key = 6,
		     .class = 3,
		     .bytes = 9e6 * t,
		     .sample = 1e6,
		     .same = 80 * t,
		     .unit = 80,
		     .stays = 0.25}};

		add(g, s * SECOND, sites, 3);
	}
	assert_true(growth__of(g, 4, &rate));
	assert_float_equal(rate.per_minute, 0.75 * 180000, 0.75 * 1000);
	assert_in_range(rate.error, 0.75 * 180000 / 59, 0.75 * 180000 / 20);
	assert_true(rate.growing);
	assert_true(growth__of(g, 6, &rate));
	assert_false(rate.growing);
	assert_float_equal(rate.per_minute, 0, 1000);
	growth__free(g);
}

/* One sample more or less there might be, though what there is lies on a line. */
static void test_one_sample(void **state)
{
	struct growth *g = growth__new();
	struct growth_rate rate;

	(void)state;
	for (uint64_t s = 0; s < 31; s++) {
		const struct growth_site sites[] = {
		    {.key = 4, .class = 3, .bytes = 1000.0 * (double)s, .sample = 6000}};

		add(g, s * SECOND, sites, 1);
	}
	assert_true(growth__of(g, 4, &rate));
	assert_float_equal(rate.per_minute, 60000, 1e-6);
	assert_float_equal(rate.error, 1.645 * 6000 * 2, 1e-6);
	growth__free(g);
}

/* ---- what is noted of a process ---- */

/* Two sites of malloc's and one of mappings; the second of malloc's grows by a prime number. */
static void note(struct growth *g, uint64_t second, uint64_t grown, uint64_t heap)
{
	static const struct sampling none;
	struct snapshot_site sites[] = {
	    {.kind = REPORT_HEAP, .site = 2, .bytes = 1 << 20},
	    {.kind = REPORT_MAP, .site = 3, .bytes = (1 << 20) - 1},
	    {.kind = REPORT_HEAP, .site = 3, .bytes = grown},
	};
	struct snapshot s = {.nsites = 3, .sites = sites, .outstanding_bytes = (1 << 20) + grown};

	assert_int_equal(growth__note(g, &(struct growth_look){.time_ns = second * SECOND,
							       .snapshot = &s,
							       .sampling = &none,
							       .has_heap = heap > 0,
							       .heap_bytes = heap}),
			 0);
}

static void test_exact(void **state)
{
	struct growth *g = growth__new();
	struct growth_rate rate;

	(void)state;
	for (uint64_t s = 0; s < 20; s++)
		note(g, s, 1009 * s, (5 << 20) + 1009 * s);
	assert_true(growth__of(g, growth_key(3, false), &rate));
	assert_float_equal(rate.per_minute, 60 * 1009, 1e-6);
	assert_float_equal(rate.error, 0, 1e-6);
	assert_true(rate.growing);
	assert_true(growth__of(g, GROWTH_HEAP, &rate));
	assert_float_equal(rate.per_minute, 60 * 1009, 1e-6);
	assert_true(growth__of(g, growth_key(3, true), &rate));
	assert_float_equal(rate.per_minute, 0, 1e-6);
	assert_false(rate.growing);
	growth__free(g);
}

/* What is seen grows and the heap does not: these are new blocks in the place of older ones. */
static void test_replaced(void **state)
{
	struct growth *g = growth__new();
	struct growth_rate rate;

	(void)state;
	for (uint64_t s = 0; s < 20; s++)
		note(g, s, 1009 * s, 5 << 20);
	assert_true(growth__of(g, growth_key(3, false), &rate));
	assert_float_equal(rate.per_minute, 60 * 1009, 1e-6);
	assert_false(rate.growing);
	assert_true(rate.replacing);
	growth__free(g);
}

/* Another way of knowing, or another program: what was held before is not compared. */
static void test_anew(void **state)
{
	struct growth *g = growth__new();
	struct sampling sampled = {.told = true};
	struct snapshot s = {0};
	struct growth_rate rate;

	(void)state;
	for (uint64_t t = 0; t < 20; t++)
		note(g, t, 1009 * t, 0);
	assert_true(growth__of(g, growth_key(3, false), &rate));
	assert_int_equal(growth__note(g, &(struct growth_look){.time_ns = 20 * SECOND,
							       .snapshot = &s,
							       .sampling = &sampled}),
			 0);
	assert_false(growth__of(g, growth_key(3, false), &rate));
	growth__free(g);
}

/* Of the small ones those that grow are kept. */
static void test_cut(void **state)
{
	struct growth *g = growth__new();
	struct snapshot_site sites[] = {
	    {.kind = REPORT_HEAP, .site = 2, .bytes = 1 << 20},
	    {.kind = REPORT_MAP, .site = 3, .bytes = (1 << 20) - 1},
	    {.kind = REPORT_HEAP, .site = 3, .bytes = 20000},
	};
	struct snapshot s = {.nsites = 3, .sites = sites};

	(void)state;
	for (uint64_t t = 0; t < 20; t++)
		note(g, t, 1009 * t, 0);
	growth_cut(g, &s, 1, 0);
	assert_int_equal(s.nsites, 2);
	assert_int_equal(s.sites[0].site, 2);
	assert_int_equal(s.sites[1].site, 3);
	assert_int_equal(s.sites[1].kind, REPORT_HEAP);
	assert_int_equal(s.hidden_bytes, (1 << 20) - 1);
	growth__free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_line),       cmocka_unit_test(test_horizon),
	    cmocka_unit_test(test_absent),     cmocka_unit_test(test_fill),
	    cmocka_unit_test(test_error),      cmocka_unit_test(test_few),
	    cmocka_unit_test(test_stale),      cmocka_unit_test(test_shares),
	    cmocka_unit_test(test_one_sample), cmocka_unit_test(test_exact),
	    cmocka_unit_test(test_replaced),   cmocka_unit_test(test_anew),
	    cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
