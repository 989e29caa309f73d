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
#include "model/strata.h"

#define CHUNK  64u
#define BLOCKS 13u
#define SITES  4u
#define CHOSEN 5u
#define WEIGHT (100 * SEEN_ALL)

/* Sites have 7, 3, 2 and 1 blocks, which differ in size within their chunks. */
static const struct estimator_block heap[BLOCKS] = {
    {0, 41, WEIGHT, 1, .changed = false, .same = false},
    {1, 53, WEIGHT, 2, .changed = false, .same = false},
    {0, 47, WEIGHT, 3, .changed = false, .same = false},
    {2, 43, WEIGHT, 4, .changed = false, .same = false},
    {0, 56, WEIGHT, 5, .changed = false, .same = false},
    {3, 49, WEIGHT, 6, .changed = false, .same = false},
    {0, 44, WEIGHT, 7, .changed = false, .same = false},
    {1, 42, WEIGHT, 8, .changed = false, .same = false},
    {0, 55, WEIGHT, 9, .changed = false, .same = false},
    {2, 51, WEIGHT, 10, .changed = false, .same = false},
    {0, 46, WEIGHT, 11, .changed = false, .same = false},
    {1, 45, WEIGHT, 12, .changed = false, .same = false},
    {0, 50, WEIGHT, 13, .changed = false, .same = false},
};
static const double held[SITES] = {339, 140, 94, 49};
static const double blocks[SITES] = {7, 3, 2, 1};

/* Of the heap, the blocks in `chosen` are known. */
static void estimate(unsigned int chosen, struct estimates *out)
{
	struct estimator *e = estimator__new(NULL);

	assert_non_null(e);
	for (unsigned int i = 0; i < BLOCKS; i++)
		assert_int_equal(estimator__chunk(e, estimator_class(CHUNK), CHUNK,
						  chosen >> i & 1 ? &heap[i] : NULL),
				 0);
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
	struct estimator_block often = {5, 60, 300 * SEEN_ALL, 1, .changed = false, .same = false},
			       rarely = {7, 60, 100 * SEEN_ALL, 2, .changed = false, .same = false};
	struct estimator *e = estimator__new(NULL);
	struct estimates out;

	(void)state;
	assert_int_equal(estimator__chunk(e, estimator_class(80), 80, &often), 0);
	assert_int_equal(estimator__chunk(e, estimator_class(80), 80, &rarely), 0);
	for (int i = 0; i < 42; i++)
		assert_int_equal(estimator__chunk(e, estimator_class(80), 80, NULL), 0);
	assert_int_equal(estimator__finish(e, &out), 0);
	assert_int_equal(out.n, 2);
	assert_float_equal(out.sites[0].blocks, 33, 1e-9);
	assert_float_equal(out.sites[1].blocks, 11, 1e-9);
	assert_float_equal(out.bytes, 44 * 60, 1e-9);
	estimates_free(&out);
	estimator__free(e);
}

/*
 * Of 80 blocks 70 are one site's, of which one in ten was seen, in a window each; the other has 10,
 * and seems to have 5 more samples, whose addresses are used again, of so many that are gone.
 */
static void used_again(double gone, double gone_too, bool same, struct estimates *out)
{
	struct birth births[] = {{.site = 5, .class = 2, .blocks = gone * SEEN_ALL},
				 {.site = 3, .class = 2, .blocks = gone_too * SEEN_ALL}};
	struct estimator *e = estimator__new(NULL);

	assert_non_null(e);
	assert_int_equal(estimator_class(CHUNK), 2);
	assert_int_equal(estimator_class_of(41), 2);
	assert_int_equal(estimator_class_of(56), 2);
	assert_int_equal(estimator_class_of(57), 3);
	if (gone > 0)
		estimator__births(e, births, 2);
	for (uint32_t i = 0; i < 80; i++) {
		const struct estimator_block kept = {3, 41, 10 * SEEN_ALL, i, false, .same = same},
					     other = {5, 53,	10 * SEEN_ALL,
						      i, false, .same = same && i < 8};

		assert_int_equal(estimator__chunk(e, estimator_class(CHUNK), CHUNK,
						  i < 7	   ? &kept
						  : i < 13 ? &other
							   : NULL),
				 0);
	}
	assert_int_equal(estimator__finish(e, out), 0);
	assert_int_equal(out->n, 2);
	assert_float_equal(out->blocks, 80, 1e-9);
	estimator__free(e);
}

static void test_used_again(void **state)
{
	struct estimates out;

	(void)state;
	used_again(1e6, 70, false, &out);
	assert_float_equal(out.sites[0].blocks, 70, 0.01);
	assert_float_equal(out.sites[1].blocks, 10, 0.01);
	assert_float_equal(out.sites[0].bytes, 70 * 41, 0.5);
	estimates_free(&out);
	used_again(0, 0, false, &out);
	assert_float_equal(out.sites[0].blocks, 80 * 7 / 13.0, 1e-9);
	assert_float_equal(out.sites[1].blocks, 80 * 6 / 13.0, 1e-9);
	estimates_free(&out);
}

/* Both had as many that are gone; whose begin with what they did at first are there. */
static void test_same(void **state)
{
	struct estimates out;

	(void)state;
	used_again(1e4, 1e4, false, &out);
	assert_float_equal(out.sites[0].blocks, 45, 1);
	estimates_free(&out);
	used_again(1e4, 1e4, true, &out);
	assert_float_equal(out.sites[0].blocks, 70, 5);
	assert_float_equal(out.sites[1].blocks, 10, 5);
	estimates_free(&out);
}

static void known(struct estimator *e, uint32_t stratum, unsigned int n,
		  const struct estimator_block *b, unsigned int samples)
{
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(estimator__chunk(e, stratum, CHUNK, i < samples ? b : NULL), 0);
}

/* Of two kinds of the same size each site has one, and of each kind another part was sampled; of a
 * third there are too few samples to tell, and two kinds have none but of blocks that changed. */
static void test_strata(void **state)
{
	const struct estimator_block a = {3, 41, 10 * SEEN_ALL, 1, .changed = false, .same = false},
				     b = {5, 43, 10 * SEEN_ALL, 1, .changed = false, .same = false},
				     c = {7, 47, 10 * SEEN_ALL, 1, .changed = false, .same = false},
				     d = {11, 53, 10 * SEEN_ALL, 1, .changed = true, .same = false};
	struct strata *strata = strata__new();
	unsigned int class = estimator_class(CHUNK);
	uint32_t s[5];
	struct estimator *e;
	struct estimates out;

	(void)state;
	assert_non_null(strata);
	for (uint32_t i = 0; i < 5; i++)
		s[i] = strata__of(strata, class, i * 101);
	assert_int_equal(s[0], class);
	assert_int_equal(strata__of(strata, class, 101), s[1]);
	assert_int_equal(strata__class(strata, s[4]), class);
	assert_int_equal(strata__count(strata), ESTIMATOR_CLASSES + 4);
	e = estimator__new(strata);
	assert_non_null(e);
	known(e, s[0], 70, &a, 7);
	known(e, s[1], 130, &b, 5);
	/* Three samples: told as those without a signature are. */
	known(e, s[2], 30, &c, 3);
	/* Nobody's sample began as one of these: they become it. */
	known(e, s[3], 50, &d, 4);
	/* Where there is one, it is another block by now. */
	known(e, s[1], 1, &d, 1);
	assert_int_equal(estimator__finish(e, &out), 0);
	assert_int_equal(out.n, 4);
	assert_float_equal(out.sites[0].blocks, 70, 1e-9);
	assert_float_equal(out.sites[1].blocks, 131, 1e-9);
	assert_float_equal(out.sites[1].bytes, 131 * 43, 1e-9);
	assert_float_equal(out.sites[2].blocks, 30, 1e-9);
	assert_float_equal(out.sites[3].blocks, 50, 1e-9);
	assert_float_equal(out.nobodys, 0, 0);
	estimates_free(&out);
	estimator__free(e);
	strata__free(strata);
}

/* A site of which all that is known stands for itself may have some that no window saw. */
static void test_unseen(void **state)
{
	const struct estimator_block
	    large = {3, 4000, SEEN_ALL, 1, .changed = false, .same = false},
	    small = {5, 40, 10 * SEEN_ALL, 1, .changed = false, .same = false};
	struct estimator *e = estimator__new(NULL);
	struct estimates out;

	(void)state;
	assert_non_null(e);
	assert_int_equal(estimator__chunk(e, estimator_class(4016), 4016, &large), 0);
	known(e, estimator_class(CHUNK), 50, &small, 5);
	assert_int_equal(estimator__finish(e, &out), 0);
	assert_int_equal(out.n, 2);
	assert_true(out.sites[0].exact);
	assert_float_equal(out.sites[0].bytes, 4000, 0);
	assert_float_equal(out.sites[0].low, 4000, 0);
	assert_float_equal(out.sites[0].high, 4000 + 3 * 10 * 40, 1e-9);
	estimates_free(&out);
	estimator__free(e);
}

/* Some came while nothing was seen: they may be of who had such before. */
static void test_open(void **state)
{
	const struct estimator_block before = {3, 40, SEEN_ALL, 1, .crossing = false};
	struct estimator *e = estimator__new(NULL);
	struct estimates out;

	(void)state;
	assert_non_null(e);
	known(e, estimator_class(CHUNK), 13, &before, 2);
	estimator__older(e, estimator_class(CHUNK), 4 * CHUNK);
	assert_int_equal(estimator__finish(e, &out), 0);
	assert_int_equal(out.n, 1);
	assert_false(out.sites[0].exact);
	assert_float_equal(out.sites[0].bytes, 2 * 40, 0);
	assert_float_equal(out.sites[0].low, 2 * 40, 0);
	assert_float_equal(out.sites[0].high, 9 * 40, 1e-9);
	assert_float_equal(out.nobodys, 11 * CHUNK, 0);
	estimates_free(&out);
	estimator__free(e);
	/* All others are older. */
	e = estimator__new(NULL);
	assert_non_null(e);
	known(e, estimator_class(CHUNK), 13, &before, 2);
	estimator__older(e, estimator_class(CHUNK), 11 * CHUNK);
	assert_int_equal(estimator__finish(e, &out), 0);
	assert_true(out.sites[0].exact);
	assert_float_equal(out.sites[0].high, 2 * 40, 0);
	estimates_free(&out);
	estimator__free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_average), cmocka_unit_test(test_bars),
	    cmocka_unit_test(test_weights), cmocka_unit_test(test_used_again),
	    cmocka_unit_test(test_same),    cmocka_unit_test(test_open),
	    cmocka_unit_test(test_strata),  cmocka_unit_test(test_unseen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
