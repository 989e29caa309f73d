// SPDX-License-Identifier: GPL-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "inspect/glimpsed.h"
#include "inspect/signatures.h"
#include "model/blocks.h"

/* What a window gave: n blocks from `addr` on, 4096 apart, of this size. */
static void put(struct glimpsed *g, uint32_t id, uint32_t execs, uint64_t addr, size_t n,
		uint32_t born, uint64_t size)
{
	struct glimpsed_part part = {.id = id,
				     .execs = execs,
				     .blocks = calloc(n, sizeof(struct block)),
				     .chunks = calloc(n, sizeof(struct signatures_chunk)),
				     .n = n};

	assert_true(part.blocks && part.chunks);
	for (size_t i = 0; i < n; i++) {
		part.blocks[i].addr = part.chunks[i].addr = addr + i * 4096;
		part.blocks[i].born = born;
		part.blocks[i].size = part.chunks[i].size = size;
	}
	glimpsed__put(g, &part);
	assert_null(part.blocks);
}

static void expect(const struct glimpsed_part *part, size_t i, uint64_t addr, uint32_t born,
		   uint64_t size)
{
	assert_int_equal(part->blocks[i].addr, addr);
	assert_int_equal(part->chunks[i].addr, addr);
	assert_int_equal(part->blocks[i].born, born);
	assert_int_equal(part->blocks[i].size, size);
	assert_int_equal(part->chunks[i].size, size);
}

/* Windows that came before anybody asked are all there; what was given twice is the later one. */
static void test_windows(void **state)
{
	struct glimpsed *g = glimpsed__new();
	struct glimpsed_part part;

	(void)state;
	assert_non_null(g);
	put(g, 3, 1, 0x10000, 5, 11, 41);
	put(g, 5, 1, 0x10000, 7, 11, 43);
	put(g, 3, 1, 0x12000, 5, 13, 47); /* the last three of the first are others' now */
	put(g, 3, 1, 0x8000, 2, 17, 53);
	glimpsed__take(g, 3, 1, 17, &part);
	assert_int_equal(part.n, 9);
	expect(&part, 0, 0x8000, 17, 53);
	expect(&part, 1, 0x9000, 17, 53);
	expect(&part, 2, 0x10000, 11, 41);
	expect(&part, 3, 0x11000, 11, 41);
	for (size_t i = 0; i < 5; i++)
		expect(&part, 4 + i, 0x12000 + i * 4096, 13, 47);
	glimpsed_part_free(&part);
	glimpsed__take(g, 3, 1, 17, &part);
	assert_int_equal(part.n, 0);
	glimpsed_part_free(&part);
	glimpsed__take(g, 5, 1, 17, &part);
	assert_int_equal(part.n, 7);
	glimpsed_part_free(&part);
	glimpsed__free(g);
}

/* Who asks has the blocks of windows that are over: those of the open one stay. */
static void test_later(void **state)
{
	struct glimpsed *g = glimpsed__new();
	struct glimpsed_part part;

	(void)state;
	assert_non_null(g);
	put(g, 3, 1, 0x10000, 3, 11, 41);
	put(g, 3, 1, 0x20000, 2, 13, 43);
	glimpsed__take(g, 3, 1, 12, &part);
	assert_int_equal(part.n, 3);
	expect(&part, 2, 0x12000, 11, 41);
	glimpsed_part_free(&part);
	glimpsed__take(g, 3, 1, 13, &part);
	assert_int_equal(part.n, 2);
	expect(&part, 0, 0x20000, 13, 43);
	expect(&part, 1, 0x21000, 13, 43);
	glimpsed_part_free(&part);
	glimpsed__free(g);
}

/* After an exec what was there is not. */
static void test_exec(void **state)
{
	struct glimpsed *g = glimpsed__new();
	struct glimpsed_part part;

	(void)state;
	assert_non_null(g);
	put(g, 3, 1, 0x10000, 3, 11, 41);
	put(g, 3, 2, 0x20000, 2, 13, 43);
	glimpsed__take(g, 3, 2, 13, &part);
	assert_int_equal(part.n, 2);
	glimpsed_part_free(&part);
	put(g, 3, 2, 0x20000, 2, 13, 43);
	glimpsed__take(g, 3, 3, 13, &part);
	assert_int_equal(part.n, 0);
	glimpsed__take(g, 3, 2, 13, &part);
	assert_int_equal(part.n, 0);
	glimpsed__free(g);
}

/* Processes that nobody asks for any more do not add up. */
static void test_many(void **state)
{
	struct glimpsed *g = glimpsed__new();
	struct glimpsed_part part;
	size_t all = 0;

	(void)state;
	assert_non_null(g);
	for (uint32_t id = 1; id <= 307; id++)
		put(g, id, 0, 0x10000, 1, id, 41);
	for (uint32_t id = 1; id <= 307; id++) {
		glimpsed__take(g, id, 0, 307, &part);
		all += part.n;
		assert_int_equal(part.n, id > 51);
		glimpsed_part_free(&part);
	}
	assert_int_equal(all, 256);
	glimpsed__free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_windows), cmocka_unit_test(test_later),
	    cmocka_unit_test(test_exec), cmocka_unit_test(test_many)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
