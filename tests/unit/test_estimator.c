// SPDX-License-Identifier: GPL-2.0
/*
 * What the estimator says on average: each way in which a window could have fallen is gone through,
 * so that there is no chance in it and what is expected is exact.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/births.h"
#include "model/estimator.h"
#include "model/seen.h"

#define CHUNK  64u
#define BLOCKS 13u
#define SITES  4u
#define CHOSEN 5u
#define WEIGHT (100 * SEEN_ALL)

/* Sites have 7, 3, 2 and 1 blocks, which differ in size within their chunks. */
static const struct estimator_block heap[BLOCKS] = {
    {0, 41, WEIGHT, 1},	 {1, 53, WEIGHT, 2},  {0, 47, WEIGHT, 3},  {2, 43, WEIGHT, 4},
    {0, 56, WEIGHT, 5},	 {3, 49, WEIGHT, 6},  {0, 44, WEIGHT, 7},  {1, 42, WEIGHT, 8},
    {0, 55, WEIGHT, 9},	 {2, 51, WEIGHT, 10}, {0, 46, WEIGHT, 11}, {1, 45, WEIGHT, 12},
    {0, 50, WEIGHT, 13},
};
static const double held[SITES] = {339, 140, 94, 49};
static const double blocks[SITES] = {7, 3, 2, 1};

/* Of the heap, the blocks in `chosen` are known. */
static void estimate(unsigned int chosen, struct estimates *out)
{
	struct estimator *e = estimator__new();

	assert_non_null(e);
	for (unsigned int i = 0; i < BLOCKS; i++)
		assert_int_equal(estimator__chunk(e, CHUNK, chosen >> i & 1 ? &heap[i] : NULL), 0);
	assert_int_equal(estimator__finish(e, out), 0);
	estimator__free(e);
}

struct sums {
	double bytes[SITES], blocks[SITES];
	unsigned int ways, bars, inside;
};

static void every_way(struct sums *s)
{
	*s = (struct sums){0};
	for (unsigned int chosen = 0; chosen < 1u << BLOCKS; chosen++) {
		struct estimates e;

		if (__builtin_popcount(chosen) != (int)CHOSEN)
			continue;
		estimate(chosen, &e);
		s->ways++;
		assert_float_equal(e.blocks, BLOCKS, 1e-9);
		assert_float_equal(e.nobodys, 0, 0);
		for (size_t i = 0; i < e.n; i++) {
			const struct estimate *x = &e.sites[i];

			assert_false(x->exact);
			s->bytes[x->site] += x->bytes;
			s->blocks[x->site] += x->blocks;
			s->bars++;
			s->inside += held[x->site] >= x->low && held[x->site] <= x->high;
		}
		estimates_free(&e);
	}
}

static void test_average(void **state)
{
	struct sums s;

	(void)state;
	every_way(&s);
	assert_int_equal(s.ways, 1287); /* 5 of 13 */
	for (unsigned int i = 0; i < SITES; i++) {
		assert_float_equal(s.bytes[i] / s.ways, held[i], 1e-9);
		assert_float_equal(s.blocks[i] / s.ways, blocks[i], 1e-9);
	}
}

static void test_bars(void **state)
{
	struct sums s;

	(void)state;
	every_way(&s);
	/* By hypergeometric counts a site of k blocks is seen in C(13,5) - C(13-k,5) ways. */
	assert_int_equal(s.bars, (1287 - 6) + (1287 - 252) + (1287 - 462) + (1287 - 792));
	assert_true(s.inside * 10 >= s.bars * 9);
}

static void test_weights(void **state)
{
	struct estimator_block often = {5, 60, 300 * SEEN_ALL, 1},
			       rarely = {7, 60, 100 * SEEN_ALL, 2};
	struct estimator *e = estimator__new();
	struct estimates out;

	(void)state;
	assert_int_equal(estimator__chunk(e, 80, &often), 0);
	assert_int_equal(estimator__chunk(e, 80, &rarely), 0);
	for (int i = 0; i < 42; i++)
		assert_int_equal(estimator__chunk(e, 80, NULL), 0);
	assert_int_equal(estimator__finish(e, &out), 0);
	assert_int_equal(out.n, 2);
	assert_float_equal(out.sites[0].blocks, 33, 1e-9);
	assert_float_equal(out.sites[1].blocks, 11, 1e-9);
	assert_float_equal(out.bytes, 44 * 60, 1e-9);
	estimates_free(&out);
	estimator__free(e);
}

/* Of 80 blocks 70 are one site's, of which one in ten was seen; the other has 10, and seems to have
 * 5 more samples, whose addresses are used again, of a million that are gone. */
static void used_again(bool told, struct estimates *out)
{
	const struct estimator_block kept = {3, 41, 10 * SEEN_ALL, 1},
				     gone = {5, 53, 10 * SEEN_ALL, 2};
	struct birth births[] = {{.site = 5, .class = 2, .blocks = 1e6 * SEEN_ALL},
				 {.site = 3, .class = 2, .blocks = 70 * SEEN_ALL}};
	struct estimator *e = estimator__new();

	assert_non_null(e);
	assert_int_equal(estimator_class(CHUNK), 2);
	assert_int_equal(estimator_class_of(41), 2);
	assert_int_equal(estimator_class_of(56), 2);
	assert_int_equal(estimator_class_of(57), 3);
	if (told)
		estimator__births(e, births, 2);
	for (int i = 0; i < 80; i++)
		assert_int_equal(estimator__chunk(e, CHUNK,
						  i < 7	   ? &kept
						  : i < 13 ? &gone
							   : NULL),
				 0);
	assert_int_equal(estimator__finish(e, out), 0);
	assert_int_equal(out->n, 2);
	assert_float_equal(out->blocks, 80, 1e-9);
	estimator__free(e);
}

static void test_used_again(void **state)
{
	struct estimates out;

	(void)state;
	used_again(true, &out);
	assert_float_equal(out.sites[0].blocks, 70, 0.01);
	assert_float_equal(out.sites[1].blocks, 10, 0.01);
	assert_float_equal(out.sites[0].bytes, 70 * 41, 0.5);
	estimates_free(&out);
	used_again(false, &out);
	assert_float_equal(out.sites[0].blocks, 80 * 7 / 13.0, 1e-9);
	assert_float_equal(out.sites[1].blocks, 80 * 6 / 13.0, 1e-9);
	estimates_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_average),
	    cmocka_unit_test(test_bars),
	    cmocka_unit_test(test_weights),
	    cmocka_unit_test(test_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
