// SPDX-License-Identifier: GPL-2.0
/* test_growth_kinds: samples of two kinds, of windows and crossings: each a part of the estimates
 * of its own, and what growth makes of both. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/births.h"
#include "model/crossed.h"
#include "model/crossings.h"
#include "model/estimator.h"
#include "model/growth.h"
#include "model/sampling.h"
#include "model/seen.h"

#define SECOND 1000000000ull
#define POINTS 31
#define CLASS  3
#define PAGE   4096ull

/* ---- growth ---- */

/* One point a second for half a minute; series that grow by `by` bytes each. */
struct row {
	struct growth_site site;
	double by;
};

static struct growth *grown(const struct row *rows, size_t n)
{
	struct growth *g = growth__new();

	assert_non_null(g);
	for (unsigned int s = 0; s < POINTS; s++) {
		struct growth_site sites[8];

		for (size_t i = 0; i < n; i++) {
			sites[i] = rows[i].site;
			sites[i].bytes = rows[i].site.bytes + rows[i].by * s;
			sites[i].same = sites[i].bytes * rows[i].site.stays;
		}
		assert_int_equal(growth__add(g, s * SECOND, sites, n), 0);
	}
	return g;
}

/* What the heap has of a class. */
static struct row all_of(uint32_t class)
{
	return (struct row){{.key = GROWTH_CLASS, .class = class, .bytes = 1e6}, 1009};
}

/* Samples that stand for `each`. */
static struct row samples(uint64_t key, uint32_t class, double by, double each, double stays)
{
	return (struct row){
	    {.key = key, .class = class, .sample = each, .unit = each, .stays = stays, .worth = 1},
	    by};
}

static struct growth_rate rate_of(const struct row *rows, size_t n, uint64_t key)
{
	struct growth *g = grown(rows, n);
	struct growth_rate rate = {0};

	assert_true(growth__of(g, key, &rate));
	growth__free(g);
	return rate;
}

/* The surer kind counts more; both together are surer than each. */
static void test_surer(void **state)
{
	const struct row fine[] = {all_of(CLASS), samples(8, CLASS, 1009, 100, 1)};
	const struct row coarse[] = {all_of(CLASS | GROWTH_ALSO),
				     samples(8, CLASS | GROWTH_ALSO, 509, 1000, 1),
				     samples(6, CLASS | GROWTH_ALSO, 500, 1000, 1)};
	const struct row both[] = {fine[0], fine[1], coarse[0], coarse[1], coarse[2]};
	struct growth_rate a = rate_of(fine, 2, 8), b = rate_of(coarse, 3, 8),
			   r = rate_of(both, 5, 8), other = rate_of(both, 5, 6);
	double part = b.error * b.error / (a.error * a.error + b.error * b.error);

	(void)state;
	assert_float_equal(a.per_minute, 60 * 1009, 1);
	assert_float_equal(b.per_minute, 60 * 509, 1);
	assert_true(a.error > 0 && a.error < b.error);
	assert_float_equal(r.per_minute, part * a.per_minute + (1 - part) * b.per_minute, 1e-6);
	assert_float_equal(r.error, hypot(part * a.error, (1 - part) * b.error), 1e-6 * r.error);
	assert_true(r.error < a.error);
	/* Who is of one kind is as that says. */
	assert_float_equal(other.per_minute, 60 * 500, 1);
}

/* Blocks that stand for themselves are not what samples stand for: they say nothing of those. */
static void test_exact_ones(void **state)
{
	const struct row rows[] = {
	    all_of(CLASS),
	    {{.key = 8, .class = CLASS, .bytes = 5003, .worth = 1}, 0},
	    all_of(CLASS | GROWTH_ALSO),
	    samples(8, CLASS | GROWTH_ALSO, 1009, 1000, 1),
	};
	struct growth_rate r = rate_of(rows, 4, 8);

	(void)state;
	assert_float_equal(r.per_minute, 60 * 1009, 1);
	assert_true(r.growing);
}

/* Of a callsite whose crossings are gone again as a rule those that seem to be there may be
 * another's by now. */
static void test_goes(void **state)
{
	const struct row rows[] = {all_of(CLASS | GROWTH_ALSO),
				   samples(8, CLASS | GROWTH_ALSO, 1009, 100, 0.25)};
	const struct row gone[] = {rows[0], samples(8, CLASS | GROWTH_ALSO, 1009, 100, 0)};
	struct growth_rate r = rate_of(rows, 2, 8);

	(void)state;
	assert_false(r.growing);
	assert_true(r.error >= 0.75 * r.per_minute);
	/* Nobody's are there. */
	r = rate_of(gone, 2, 8);
	assert_false(r.growing);
	assert_float_equal(r.per_minute, 0, 1e-9);
	assert_true(r.error >= 60 * 1009);
}

/* ---- estimates ---- */

static void add(struct estimator *e, uint64_t chunk, const struct estimator_block *b)
{
	assert_int_equal(estimator__chunk(e, estimator_class(chunk), chunk, b), 0);
}

/* Site 5: two windows of three and one blocks, and crossings; site 7: crossings alone. */
static void test_parts(void **state)
{
	const uint32_t of = 10 * SEEN_ALL, cross = 1000 * SEEN_ALL;
	struct estimator *e = estimator__new(NULL);
	struct estimates out;

	(void)state;
	assert_non_null(e);
	for (uint32_t i = 0; i < 4; i++)
		add(e, 64, &(struct estimator_block){5, 50, of, i < 3 ? 1 : 2, .same = false});
	for (uint32_t i = 0; i < 5; i++)
		add(e, 64,
		    &(struct estimator_block){i < 2 ? 5 : 7, 52, cross, 10 + i, .same = i % 2,
					      .crossing = true});
	add(e, 64, &(struct estimator_block){5, 41, SEEN_ALL, 0, .same = false});
	for (uint32_t i = 0; i < 90; i++)
		add(e, 64, NULL);
	assert_int_equal(estimator__finish(e, &out), 0);
	assert_int_equal(out.nparts, 3);
	assert_int_equal(out.parts[0].site, 5);
	assert_false(out.parts[0].crossing);
	assert_float_equal(out.parts[0].chunks, 40 * 64 + 64, 1e-6);
	assert_float_equal(out.parts[0].blocks, 41, 1e-6);
	assert_float_equal(out.parts[0].squares, (30 * 30 + 10 * 10) * 64.0 * 64, 1e-3);
	assert_float_equal(out.parts[0].worth, (40 * 50 + 41) / (41 * 64.0), 1e-9);
	for (unsigned int i = 1; i < 3; i++) {
		const struct estimate_part *p = &out.parts[i];
		unsigned int n = i == 1 ? 2 : 3;

		assert_true(p->crossing);
		assert_int_equal(p->site, i == 1 ? 5 : 7);
		assert_float_equal(p->chunks, n * 64000.0, 1e-6);
		assert_float_equal(p->squares, n * 64000.0 * 64000, 1e-3);
		assert_float_equal(p->same, 64000, 1e-6);
		assert_float_equal(p->worth, 52 / 64.0, 1e-9);
	}
	assert_float_equal(out.class_bytes[estimator_class(64)], 100 * 64, 1e-6);
	estimates_free(&out);
	estimator__free(e);
}

/* Of site 5 two of three were found, and one of these is as it was; of site 7 both; of site 9 none.
 * Who was not looked at yet is not counted. */
static void test_stays(void **state)
{
	const struct crossing all[] = {{.site = 5}, {.site = 7}, {.site = 5}, {.site = 0},
				       {.site = 5}, {.site = 7}, {.site = 7}, {.site = 9}};
	const struct sampling_crossed crossed[] = {{.looked = true, .found = true, .same = true},
						   {.looked = true, .found = true, .same = true},
						   {.looked = true},
						   {.looked = true, .found = true, .same = true},
						   {.looked = true, .found = true},
						   {.looked = true, .found = true, .same = true},
						   {.looked = false},
						   {.looked = true}};
	struct estimate_part parts[] = {{.site = 5, .stays = 0.25},
					{.site = 5, .crossing = true},
					{.site = 7, .crossing = true},
					{.site = 11, .crossing = true}};
	struct estimates e = {.parts = parts, .nparts = 4};
	size_t n;
	struct crossed *c = crossed_by_site(all, crossed, 8, &n);

	(void)state;
	assert_non_null(c);
	assert_int_equal(n, 3);
	assert_int_equal(c[0].looked, 3);
	assert_int_equal(c[0].found, 2);
	assert_int_equal(c[0].same, 1);
	assert_float_equal(crossed_own(crossed_of(c, n, 5)), 0.5, 1e-9);
	assert_float_equal(crossed_own(crossed_of(c, n, 7)), 1, 1e-9);
	assert_float_equal(crossed_own(crossed_of(c, n, 9)), 0, 1e-9);
	assert_null(crossed_of(c, n, 11));
	estimates_crossings(&e, c, n);
	assert_float_equal(parts[0].stays, 0.25, 0);
	assert_float_equal(parts[1].stays, 1 / 3.0, 1e-9);
	assert_float_equal(parts[2].stays, 1, 1e-9);
	assert_float_equal(parts[3].stays, 0, 0);
	free(c);
}

/* ---- a crossing that had gone when it was looked at first ---- */

static bool nobody(const void *arg, uint64_t addr)
{
	(void)arg;
	(void)addr;
	return true;
}

/* Of site 5 and of site 7, each of the chunk of 80 bytes that ends 16 behind that page's start. */
static struct crossing *two_crossings(uint64_t from, uint64_t next)
{
	struct crossing *c = calloc(2, sizeof(*c));

	assert_non_null(c);
	c[0] = (struct crossing){from - 64,   from + 16,   .pages = 1,
				 .faults = 1, .serial = 1, .site = 5};
	c[1] = (struct crossing){next - 64,   next + 16,   .pages = 1,
				 .faults = 1, .serial = 2, .site = 7};
	return c;
}

/* The first of two crossings is looked at when its block has gone, for a smaller chunk is in its
 * place: what fits there later is another one's. */
static void test_gone(void **state)
{
	const uint64_t from = 100 * PAGE, next = 133 * PAGE;
	struct crossing *c;
	struct sampling kept = {.have_older = true};
	struct seen_span *spans = calloc(1, sizeof(*spans));
	struct sampling_look look;

	(void)state;
	c = two_crossings(from, next);
	assert_int_equal(sampling_keep_crossings(&kept, c, 2), 0);
	sampling_peek_crossing(&kept, 0, &c[0], 32, &(struct signature){.content = 1});
	assert_true(kept.crossed[0].looked && !kept.crossed[0].found);
	sampling_peek_crossing(&kept, 0, &c[0], 80, &(struct signature){.content = 1});
	assert_false(kept.crossed[0].found);
	sampling_peek_crossing(&kept, 1, &c[1], 80, &(struct signature){.content = 1});
	assert_true(kept.crossed[1].found);
	assert_true(kept.crossed[1].same);

	assert_non_null(spans);
	assert_int_equal(sampling_begin(&look, &kept, true, spans, 1, NULL, 0), 0);
	assert_int_equal(sampling_crossings(&look, c, 2), 0);
	sampling_chunk(&look, from - 64 + 16, 80, 0, NULL);
	sampling_chunk(&look, next - 64 + 16, 80, 0, NULL);
	sampling_conclude(&look, true, nobody, NULL);
	assert_int_equal(kept.estimates.nparts, 1);
	assert_int_equal(kept.estimates.parts[0].site, 7);
	assert_float_equal(kept.estimates.parts[0].stays, 1, 1e-9);
	sampling_look_end(&look);
	sampling_free(&kept);
}

/* Of 100 that were looked at a quarter was known to be gone, and so another seems to be there;
 * where windows show that a tenth stays, that tenth is among those 75. */
static void test_own(void **state)
{
	const struct crossed c = {.site = 5, .looked = 100, .found = 75},
			     none = {.site = 7, .looked = 100, .found = 41};

	(void)state;
	assert_float_equal(crossed_own(&c), 2 / 3.0, 1e-9);
	assert_float_equal(crossed_own_of(&c, 0.5), 2 / 3.0, 1e-9);
	assert_float_equal(crossed_own_of(&c, 1), 2 / 3.0, 1e-9);
	assert_float_equal(crossed_own_of(&c, 0.1), 10 / 75.0, 1e-9);
	assert_float_equal(crossed_own_of(NULL, 0.1), 0.1, 1e-9);
	assert_float_equal(crossed_own_of(NULL, 1), 1, 1e-9);
	assert_float_equal(crossed_own_of(&none, 1), 0, 1e-9);
}

/* Of site 7 windows saw 109 such blocks, of which none was there at their ends; of site 5 all
 * stayed. What was found at the places of either is the crossing's own by that. */
static void test_soon_gone(void **state)
{
	const uint64_t from = 100 * PAGE, next = 133 * PAGE;
	struct crossing *c = two_crossings(from, next);
	struct birth *births = calloc(2, sizeof(*births));
	struct seen_span *spans = calloc(1, sizeof(*spans));
	struct sampling kept = {.have_older = true};
	struct sampling_look look;

	(void)state;
	assert_true(births && spans);
	births[0] = (struct birth){.site = 7, .class = estimator_class(80), .died = 109};
	births[1] = (struct birth){.site = 5, .class = estimator_class(80), .stayed = 109};
	assert_int_equal(sampling_begin(&look, &kept, true, spans, 1, births, 2), 0);
	assert_int_equal(sampling_crossings(&look, c, 2), 0);
	sampling_chunk(&look, from - 64 + 16, 80, 0, NULL);
	sampling_chunk(&look, next - 64 + 16, 80, 0, NULL);
	sampling_conclude(&look, true, nobody, NULL);
	assert_int_equal(kept.estimates.nparts, 2);
	assert_int_equal(kept.estimates.parts[0].site, 5);
	assert_float_equal(kept.estimates.parts[0].chunks, PAGE, 1);
	/* A 110th of a page is less than the one that is there. */
	assert_int_equal(kept.estimates.parts[1].site, 7);
	assert_float_equal(kept.estimates.parts[1].chunks, 80, 1);
	sampling_look_end(&look);
	sampling_free(&kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_surer), cmocka_unit_test(test_exact_ones),
	    cmocka_unit_test(test_goes),  cmocka_unit_test(test_parts),
	    cmocka_unit_test(test_stays), cmocka_unit_test(test_gone),
	    cmocka_unit_test(test_own),	  cmocka_unit_test(test_soon_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
