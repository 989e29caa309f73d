// SPDX-License-Identifier: GPL-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ledger_records.h"
#include "model/births.h"
#include "model/blocks.h"
#include "model/estimator.h"
#include "model/seen.h"

static double of(const struct birth *all, size_t n, uint32_t site, uint32_t class)
{
	for (size_t i = 0; i < n; i++)
		if (all[i].site == site && all[i].class == class)
			return all[i].blocks;
	return -1;
}

static double count(const struct births *b, uint32_t site, uint32_t class)
{
	size_t n = births__count(b);
	struct birth *all = calloc(n + 1, sizeof(*all));
	double found;

	assert_non_null(all);
	births__list(b, all);
	found = of(all, n, site, class);
	free(all);
	return found;
}

static void test_windows(void **state)
{
	struct births *b = births__new(), *child;

	(void)state;
	assert_non_null(b);
	for (uint32_t i = 0; i < 1009; i++)
		assert_int_equal(births__add(b, i, i % 7), 0);
	for (int i = 0; i < 12; i++)
		assert_int_equal(births__add(b, 3, 3), 0);
	assert_int_equal(births__drop(b, 3, 3, 0, true), 0);
	child = births__fork(b);
	assert_non_null(child);
	assert_int_equal(births__weigh(b, 101, 1), 0);
	assert_int_equal(births__count(b), 1009);
	assert_true(count(b, 3, 3) == 12 * 101);
	assert_true(count(b, 1008, 0) == 101);
	assert_true(count(b, 1008, 1) == -1);
	/* One of the window before. */
	assert_int_equal(births__drop(b, 3, 3, 101, false), 0);
	assert_int_equal(births__add(b, 3, 3), 0);
	assert_int_equal(births__weigh(b, 7, 1), 0);
	assert_true(count(b, 3, 3) == 11 * 101 + 7);
	/* What went on in the parent is not the child's, whose window is still open. */
	assert_true(count(child, 3, 3) == 0);
	assert_int_equal(births__weigh(child, 13, 1), 0);
	assert_true(count(child, 3, 3) == 12 * 13);
	births__free(b);
	assert_true(count(child, 7, 0) == 13);
	births__free(child);
}

/* Of 14 of one window one went in it, and one is not counted; of a time that all was seen of
 * nothing is. */
static void test_stay(void **state)
{
	struct births *b = births__new();
	struct birth all[2];

	(void)state;
	assert_non_null(b);
	for (int i = 0; i < 14; i++)
		assert_int_equal(births__add(b, 11, 5), 0);
	assert_int_equal(births__drop(b, 11, 5, 0, true), 0);
	births__leave_out(b, 11, 5);
	assert_int_equal(births__weigh(b, 101 * SEEN_ALL, 1.5), 0);
	assert_int_equal(births__add(b, 11, 5), 0);
	assert_int_equal(births__add(b, 7, 5), 0);
	assert_int_equal(births__add(b, 7, 5), 0);
	assert_int_equal(births__drop(b, 7, 5, 0, true), 0);
	assert_int_equal(births__weigh(b, SEEN_ALL, 1), 0);
	assert_int_equal(births__count(b), 2);
	births__list(b, all);
	qsort(all, 2, sizeof(*all), births_order);
	assert_int_equal(all[0].site, 7);
	assert_true(all[1].stayed == 18 && all[1].died == 1);
	assert_ptr_equal(births_find(all, 2, 11, 5), &all[1]);
	assert_null(births_find(all, 2, 11, 6));
	assert_null(births_find(NULL, 0, 11, 5));
	assert_float_equal(births_stay(&all[1]), 19 / 20.0, 1e-9);
	assert_float_equal(births_stay(&all[0]), 1, 1e-9);
	assert_float_equal(births_stay(NULL), 1, 1e-9);
	births__free(b);
}

#define CLASS(size) estimator_class_of(size)

static void level(struct ledger *l, uint16_t seen, uint16_t window, uint32_t weight)
{
	APPLY(l, hw_level, HW_LEVEL, .seen = seen, .window = window, .weight = weight);
}

/* ... and of a ledger: who went in the window that it came in. */
static void test_died(void **state)
{
	struct ledger *l = fresh();
	struct birth *all;
	size_t n;

	(void)state;
	alloc(l, P, 41, A);
	drop(l, P);
	level(l, HW_SEEN_LARGE, 0, SEEN_ALL);
	level(l, HW_SEEN_LARGE, 1, 0);
	for (uint64_t i = 1; i < 8; i++)
		alloc(l, P + i * 4096, 41, A);
	drop(l, P + 3 * 4096);
	drop(l, P + 2 * 4096);
	level(l, HW_SEEN_LARGE, 0, 101 * SEEN_ALL);
	/* Neither of this window ... */
	level(l, HW_SEEN_LARGE, 1, 0);
	drop(l, P + 1 * 4096);
	level(l, HW_SEEN_LARGE, 0, 101 * SEEN_ALL);
	assert_int_equal(ledger__births(l, &all, &n), 0);
	assert_int_equal(n, 1);
	/* ... and three of the first five, which stand for seven. */
	assert_true(all[0].died == 2);
	assert_float_equal(all[0].stayed, 3 * 7 / 5.0, 1e-9);
	free(all);
	/* While all is seen none is of a window. */
	level(l, HW_SEEN_ALL, 0, SEEN_ALL);
	alloc(l, Q, 41, A);
	drop(l, Q);
	level(l, HW_SEEN_LARGE, 0, SEEN_ALL);
	assert_int_equal(ledger__births(l, &all, &n), 0);
	assert_true(n == 1 && all[0].died == 2);
	free(all);
	ledger__free(l);
}

static double blocks_of(const struct ledger *l, uint64_t size)
{
	struct birth *all;
	double found = 0;
	size_t n;

	assert_int_equal(ledger__births(l, &all, &n), 0);
	for (size_t i = 0; i < n; i++)
		if (all[i].class == CLASS(size))
			found += all[i].blocks;
	free(all);
	return found;
}

/* What is live when not all is seen any more, what windows saw come, and not go. */
static void test_ledger(void **state)
{
	struct ledger *l = fresh(), *child;

	(void)state;
	for (uint64_t i = 0; i < 13; i++)
		alloc(l, P + i * 4096, 41, A);
	drop(l, P);
	assert_true(blocks_of(l, 41) == 0);
	level(l, HW_SEEN_LARGE, 0, SEEN_ALL);
	assert_true(blocks_of(l, 41) == 12 * SEEN_ALL);
	/* A large one is not of those whose frees are not seen. */
	alloc(l, Q + 101 * 4096, 1033, B);
	level(l, HW_SEEN_LARGE, 1, 0);
	for (uint64_t i = 13; i < 30; i++)
		alloc(l, P + i * 4096, 43, B);
	drop(l, P + 13 * 4096);
	begin(l, T1, P + 14 * 4096);
	end(l, T1, P + 14 * 4096, P + 40 * 4096, 97);
	level(l, HW_SEEN_LARGE, 0, 101 * SEEN_ALL);
	/* Of 18, the 97 and five of 43 bytes came last; 12 stand for all. */
	assert_true(blocks_of(l, 41) == (12 + 10 * 151.5) * SEEN_ALL);
	assert_true(blocks_of(l, 97) == 0);
	assert_true(blocks_of(l, 1033) == 0);
	child = ledger__fork(l);
	assert_false(ledger__repair(
	    l, &(struct block){.addr = P + 25 * 4096, .size = 43, .site = 2, .born = 2}));
	/* The heap says that it is free: it was born all the same. */
	assert_true(ledger__repair(
	    l, &(struct block){.addr = P + 15 * 4096, .size = 43, .site = 2, .born = 2}));
	assert_true(blocks_of(l, 41) == (12 + 10 * 151.5) * SEEN_ALL);
	level(l, HW_SEEN_LARGE, 1, 0);
	drop(l, P + 16 * 4096);
	level(l, HW_SEEN_LARGE, 0, 7 * SEEN_ALL);
	assert_true(blocks_of(l, 41) == (12 + 9 * 151.5) * SEEN_ALL);
	assert_true(blocks_of(child, 41) == (12 + 10 * 151.5) * SEEN_ALL);
	ledger__free(child);
	ledger__free(l);
}

/* Looked at while the window is open: who came before that, but for the last eighth, is a sample,
 * and those stand for all that came; who was freed is none. */
static void test_glimpse(void **state)
{
	struct ledger *l = fresh();
	struct block *blocks;
	size_t n;

	(void)state;
	level(l, HW_SEEN_LARGE, 0, SEEN_ALL);
	assert_int_equal(ledger__glimpse(l, 100, &blocks, &n), 0);
	assert_int_equal(n, 0);
	free(blocks);
	level(l, HW_SEEN_LARGE, 1, 0);
	for (uint64_t i = 17; i-- > 0;)
		alloc(l, P + i * 4096, 41, A);
	drop(l, P + 16 * 4096);
	assert_int_equal(ledger__glimpse(l, 100, &blocks, &n), 0);
	/* Of 17 the last two are left out, and the first is freed. */
	assert_int_equal(n, 14);
	for (uint64_t i = 0; i < 14; i++)
		assert_int_equal(blocks[i].addr, P + (i + 2) * 4096);
	free(blocks);
	for (uint64_t i = 20; i < 33; i++)
		alloc(l, P + i * 4096, 43, B);
	drop(l, P + 15 * 4096);
	level(l, HW_SEEN_LARGE, 0, 101 * SEEN_ALL);
	/* 17 came until then; 15 may be samples, of which 13 are left. */
	assert_true(blocks_of(l, 41) == 13.0 * (101 * SEEN_ALL * 17 / 15));
	assert_int_equal(ledger__fresh(l, &blocks, &n), 0);
	assert_int_equal(n, 13);
	free(blocks);
	/* Of many only the first are. */
	level(l, HW_SEEN_LARGE, 1, 0);
	for (uint64_t i = 50; i < 60; i++)
		alloc(l, P + i * 4096, 97, B);
	assert_int_equal(ledger__glimpse(l, 5, &blocks, &n), 0);
	assert_int_equal(n, 5);
	free(blocks);
	level(l, HW_SEEN_LARGE, 0, 101 * SEEN_ALL);
	assert_true(blocks_of(l, 97) == 5 * 202 * SEEN_ALL);
	/* The next one is not looked at: a third is left out. */
	level(l, HW_SEEN_LARGE, 1, 0);
	for (uint64_t i = 40; i < 46; i++)
		alloc(l, P + i * 4096, 57, B);
	level(l, HW_SEEN_LARGE, 0, 101 * SEEN_ALL);
	assert_true(blocks_of(l, 57) == 4 * 151.5 * SEEN_ALL);
	ledger__free(l);
}

/* The next window is open already when somebody asks: those of the last are told, but for one whose
 * address is another's by now; the others when that has ended. */
static void test_fresh_while_open(void **state)
{
	struct ledger *l = fresh();
	struct block *blocks;
	size_t n;

	(void)state;
	level(l, HW_SEEN_LARGE, 0, SEEN_ALL);
	level(l, HW_SEEN_LARGE, 1, 0);
	for (uint64_t i = 0; i < 12; i++)
		alloc(l, P + i * 4096, 41, A);
	assert_int_equal(ledger__fresh(l, &blocks, &n), 0);
	assert_int_equal(n, 0);
	free(blocks);
	assert_int_equal(ledger__glimpse(l, 100, &blocks, &n), 0);
	assert_int_equal(n, 11);
	free(blocks);
	level(l, HW_SEEN_LARGE, 0, 101 * SEEN_ALL);
	level(l, HW_SEEN_LARGE, 1, 0);
	drop(l, P);
	alloc(l, P, 43, B);
	alloc(l, P + 30 * 4096, 43, B);
	assert_int_equal(ledger__fresh(l, &blocks, &n), 0);
	assert_int_equal(n, 10);
	for (uint64_t i = 0; i < 10; i++)
		assert_int_equal(blocks[i].addr, P + (i + 1) * 4096);
	free(blocks);
	assert_int_equal(ledger__glimpse(l, 100, &blocks, &n), 0);
	assert_int_equal(n, 2);
	free(blocks);
	level(l, HW_SEEN_LARGE, 0, 101 * SEEN_ALL);
	assert_int_equal(ledger__fresh(l, &blocks, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(blocks[0].addr, P);
	assert_int_equal(blocks[1].addr, P + 30 * 4096);
	free(blocks);
	ledger__free(l);
}

/* Births of when all was seen stand for themselves. */
static void test_whole(void **state)
{
	struct births *b = births__new();
	struct birth one;

	(void)state;
	assert_non_null(b);
	for (int i = 0; i < 17; i++)
		assert_int_equal(births__add(b, 3, 3), 0);
	assert_int_equal(births__weigh(b, SEEN_ALL, 1), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(births__add(b, 3, 3), 0);
	assert_int_equal(births__weigh(b, 101 * SEEN_ALL, 1), 0);
	assert_int_equal(births__drop(b, 3, 3, SEEN_ALL, false), 0);
	assert_int_equal(births__drop(b, 3, 3, 101 * SEEN_ALL, false), 0);
	births__list(b, &one);
	assert_true(one.whole == 16 * SEEN_ALL);
	assert_true(one.blocks == (16 + 4 * 101) * SEEN_ALL);
	births__free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(windows), TEST(stay),	 TEST(died),
					   TEST(ledger),  TEST(glimpse), TEST(fresh_while_open),
					   TEST(whole)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
