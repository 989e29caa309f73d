// SPDX-License-Identifier: GPL-2.0
/* test_blocks: the table of live blocks against its contract, and against a naive array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "model/blocks.h"

#define BASE 0x7f5a12340000ull

static struct block block_of(uint64_t addr, uint64_t size, uint32_t site, uint32_t born)
{
	return (struct block){.addr = addr, .size = size, .site = site, .born = born};
}

static void assert_block(const struct block *is, const struct block *should)
{
	assert_int_equal(is->addr, should->addr);
	assert_int_equal(is->size, should->size);
	assert_int_equal(is->site, should->site);
	assert_int_equal(is->born, should->born);
}

static void test_put_take_find(void **state)
{
	struct blocks *b = blocks__new();
	struct block one = block_of(BASE, 1009, 7, 11), two = block_of(BASE, 13, 17, 19), out;

	(void)state;
	assert_non_null(b);
	assert_int_equal(blocks__count(b), 0);
	assert_false(blocks__find(b, BASE, &out));
	assert_int_equal(blocks__take(b, BASE, &out), -ENOENT);

	assert_int_equal(blocks__put(b, &one, NULL), 0);
	assert_int_equal(blocks__count(b), 1);
	assert_true(blocks__find(b, BASE, &out));
	assert_block(&out, &one);
	assert_false(blocks__find(b, BASE + 8, NULL));

	assert_int_equal(blocks__put(b, &two, &out), 1);
	assert_block(&out, &one);
	assert_int_equal(blocks__count(b), 1);
	assert_int_equal(blocks__put(b, &two, NULL), 1);

	assert_int_equal(blocks__take(b, BASE, &out), 0);
	assert_block(&out, &two);
	assert_int_equal(blocks__count(b), 0);
	assert_int_equal(blocks__take(b, BASE, NULL), -ENOENT);
	blocks__free(b);
	blocks__free(NULL);
}

static void test_bounds(void **state)
{
	struct blocks *b = blocks__new();
	struct block most =
	    block_of((1ull << 48) - 8, BLOCK_SIZE_MAX, BLOCK_SITE_MAX, BLOCK_BORN_MAX);
	struct block least = block_of(8, 0, 0, 0), late = block_of(16, 1, 1, UINT32_MAX), out;

	(void)state;
	assert_int_equal(blocks__put(b, &most, NULL), 0);
	assert_true(blocks__find(b, most.addr, &out));
	assert_block(&out, &most);
	assert_int_equal(blocks__put(b, &least, NULL), 0);
	assert_true(blocks__find(b, 8, &out));
	assert_block(&out, &least);
	assert_int_equal(blocks__put(b, &late, NULL), 0);
	assert_true(blocks__find(b, 16, &out));
	assert_int_equal(out.born, BLOCK_BORN_MAX);

	for (int i = 0; i < 5; i++) {
		struct block bad = block_of(BASE, 1, 1, 1);

		if (i == 0)
			bad.addr = 1ull << 48;
		else if (i == 1)
			bad.addr = BASE + 4;
		else if (i == 2)
			bad.size = BLOCK_SIZE_MAX + 1;
		else if (i == 3)
			bad.site = BLOCK_SITE_MAX + 1;
		else
			bad.addr = 0;
		assert_int_equal(blocks__put(b, &bad, NULL), -ERANGE);
	}
	assert_int_equal(blocks__count(b), 3);
	/* Not the block at the address rounded down. */
	assert_int_equal(blocks__take(b, 8 + 4, NULL), -ENOENT);
	assert_false(blocks__find(b, (1ull << 48) + 8, NULL));
	assert_false(blocks__find(b, 0, NULL));
	blocks__free(b);
}

static int count_until(void *arg, const struct block *blk)
{
	size_t *left = arg;

	assert_int_equal(blk->size, blk->addr >> 5);
	return --*left ? 0 : 97;
}

static void test_each(void **state)
{
	struct blocks *b = blocks__new();
	size_t left = 1000;

	(void)state;
	for (uint64_t i = 1; i <= 997; i++) {
		struct block blk = block_of(i << 5, i, 3, 5);

		assert_int_equal(blocks__put(b, &blk, NULL), 0);
	}
	assert_int_equal(blocks__each(b, count_until, &left), 0);
	assert_int_equal(left, 3);
	left = 101;
	assert_int_equal(blocks__each(b, count_until, &left), 97);
	assert_int_equal(left, 0);
	blocks__free(b);
}

/* Every count on the way up to 300007 and down again, through growth, splits and merges. */
static void test_memory(void **state)
{
	const uint64_t n = 300007;
	struct blocks *b = blocks__new();

	(void)state;
	for (uint64_t i = 1; i <= n; i++) {
		struct block blk = block_of(i * 48, i, 1, 1);

		assert_int_equal(blocks__put(b, &blk, NULL), 0);
		if (i > 1000 && i % 31 == 0)
			assert_in_range(blocks__memory(b), 16 * i, 32 * i);
	}
	assert_int_equal(blocks__count(b), n);
	for (uint64_t i = 1; i <= n; i++) {
		struct block out;

		assert_int_equal(blocks__take(b, i * 48, &out), 0);
		assert_int_equal(out.size, i);
		if (n - i > 1000 && i % 31 == 0)
			assert_in_range(blocks__memory(b), 16 * (n - i), 32 * (n - i));
	}
	assert_int_equal(blocks__count(b), 0);
	assert_in_range(blocks__memory(b), 1, 1000);
	blocks__free(b);
}

static void test_fork_shares(void **state)
{
	struct blocks *b = blocks__new(), *child, *grandchild;
	struct block out, blk;
	size_t before;

	(void)state;
	for (uint64_t i = 1; i <= 150001; i++) {
		blk = block_of(i * 16, i, 2, 3);
		assert_int_equal(blocks__put(b, &blk, NULL), 0);
	}
	before = blocks__memory(b);
	child = blocks__fork(b);
	grandchild = blocks__fork(child);
	assert_non_null(grandchild);
	assert_int_equal(blocks__memory(child), before);
	assert_int_equal(blocks__count(grandchild), 150001);

	/* A write is seen by the writer alone. */
	assert_int_equal(blocks__take(child, 16 * 7919, &out), 0);
	assert_int_equal(out.size, 7919);
	blk = block_of(16 * 104729, 5, 5, 5);
	assert_int_equal(blocks__put(grandchild, &blk, &out), 1);
	assert_int_equal(out.size, 104729);
	blk = block_of(16 * 200003, 7, 7, 7);
	assert_int_equal(blocks__put(b, &blk, NULL), 0);

	assert_int_equal(blocks__count(b), 150002);
	assert_int_equal(blocks__count(child), 150000);
	assert_int_equal(blocks__count(grandchild), 150001);
	assert_true(blocks__find(b, 16 * 7919, NULL));
	assert_false(blocks__find(child, 16 * 7919, NULL));
	assert_true(blocks__find(grandchild, 16 * 7919, NULL));
	assert_true(blocks__find(child, 16 * 104729, &out));
	assert_int_equal(out.size, 104729);
	assert_true(blocks__find(grandchild, 16 * 104729, &out));
	assert_int_equal(out.size, 5);
	assert_false(blocks__find(child, 16 * 200003, NULL));

	/* Each outlives the one that it came from. */
	blocks__free(b);
	for (uint64_t i = 1; i <= 150001; i++)
		assert_int_equal(blocks__take(grandchild, i * 16, NULL), 0);
	assert_int_equal(blocks__count(grandchild), 0);
	blocks__free(grandchild);
	assert_true(blocks__find(child, 16 * 150001, &out));
	assert_int_equal(out.size, 150001);
	blocks__free(child);
}

#define MODEL_ADDRS  120011
#define MODEL_TABLES 4

struct model {
	struct blocks *b;
	struct block *at; /* by address / 16; size BLOCK_SIZE_MAX: none */
	size_t n;
};

static uint64_t rng_state;

static uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	return rng_state ^= rng_state << 17;
}

static int check_one(void *arg, const struct block *blk)
{
	struct model *m = arg;

	assert_block(blk, &m->at[(blk->addr - BASE) / 16]);
	m->n--;
	return 0;
}

static void model_check(struct model *m)
{
	size_t n = m->n;

	assert_int_equal(blocks__count(m->b), n);
	assert_int_equal(blocks__each(m->b, check_one, m), 0);
	assert_int_equal(m->n, 0);
	m->n = n;
}

static void model_step(struct model *m, unsigned int puts)
{
	uint64_t r = rng(), i = r % MODEL_ADDRS, addr = BASE + i * 16;
	bool is = m->at[i].addr != 0;
	struct block out, blk = block_of(addr, rng() >> 24, rng() >> 40, rng() >> 45);

	if ((r >> 40) % 100 >= puts) {
		assert_int_equal(blocks__take(m->b, addr, &out), is ? 0 : -ENOENT);
		if (is)
			assert_block(&out, &m->at[i]);
		m->at[i].addr = 0;
		m->n -= is;
		return;
	}
	assert_int_equal(blocks__put(m->b, &blk, &out), is ? 1 : 0);
	if (is)
		assert_block(&out, &m->at[i]);
	m->at[i] = blk;
	m->n += !is;
}

static void model_free(struct model *m)
{
	blocks__free(m->b);
	free(m->at);
	*m = (struct model){0};
}

/* Tables fork from one another and die at random; phases that mostly put and mostly take. */
static void test_model(void **state)
{
	struct model m[MODEL_TABLES] = {0};
	const size_t size = MODEL_ADDRS * sizeof(struct block);

	(void)state;
	rng_state = 0x9e3779b97f4a7c15ull;
	m[0].b = blocks__new();
	m[0].at = calloc(1, size);
	for (uint64_t i = 0; i < 200000; i++) {
		unsigned int puts = i / 25000 % 4 < 2 ? 90 : 15;
		/* The first half in one table, so that it splits; the last quarter in all. */
		size_t k = i < 100000 ? 0 : rng() % MODEL_TABLES, to = (k + 1) % MODEL_TABLES;

		while (!m[k].b)
			k = (k + 1) % MODEL_TABLES;
		model_step(&m[k], i < 95000 ? 95 : puts);
		if (i < 95000 || i % 3001 || to == k)
			continue;
		model_free(&m[to]);
		m[to] = (struct model){blocks__fork(m[k].b), malloc(size), m[k].n};
		memcpy(m[to].at, m[k].at, size);
		for (size_t t = 0; t < MODEL_TABLES; t++)
			if (m[t].b)
				model_check(&m[t]);
	}
	for (size_t t = 0; t < MODEL_TABLES; t++) {
		if (m[t].b)
			model_check(&m[t]);
		model_free(&m[t]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_put_take_find), cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_each),	  cmocka_unit_test(test_memory),
	    cmocka_unit_test(test_fork_shares),	  cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
