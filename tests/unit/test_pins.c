// SPDX-License-Identifier: GPL-2.0
/* test_pins: pages that live blocks keep, by callsite and by size; and the set of live addresses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "inspect/glibc.h"
#include "inspect/liveset.h"
#include "inspect/pagemap.h"
#include "inspect/pins.h"

#define PAGE  4096ull
#define START 0x10000000ull

static void chunk(struct pins *p, uint64_t *at, uint64_t size, enum glibc_chunk_kind kind)
{
	struct glibc_chunk c = {.addr = *at, .size = size, .kind = kind};

	pins__chunk(p, &c);
	*at += size;
}

/* Blocks whose address has bit 4 set are of site 7, asked for with 9 bytes less than the chunk has;
 * the others were not seen. */
static struct pins_block find(void *arg, uint64_t addr, const struct glibc_chunk *c)
{
	assert_int_equal(c->addr, addr - 16);
	/* One in a heap was told of before. */
	assert_true(*(uint64_t *)arg >= addr || addr == 0x20000010);
	return addr & 16 ? (struct pins_block){true, 7, 87} : (struct pins_block){0};
}

static void soon(void *arg, uint64_t addr)
{
	*(uint64_t *)arg = addr;
}

static void test_by_size(void **state)
{
	struct pins *p = pins__new(NULL);
	uint8_t states[5] = {PAGE_ANON, PAGE_ANON, PAGE_ANON, PAGE_SWAPPED, PAGE_ANON};
	const struct pins_site *sites;
	struct pins_totals t;
	uint64_t at = START;
	size_t n;

	(void)state;
	pins__region(p, START, 5, states);
	/* Page 0: full.  Page 1: a live 96 and a live 48, the rest free.  Page 2: all free. */
	chunk(p, &at, PAGE, GLIBC_IN_USE);
	chunk(p, &at, 96, GLIBC_IN_USE);
	chunk(p, &at, 1952, GLIBC_BINNED);
	chunk(p, &at, 48, GLIBC_IN_USE);
	chunk(p, &at, 2000 + PAGE, GLIBC_BINNED);
	/* Page 3 is swapped: nothing is kept resident there.  Page 4: half and half. */
	chunk(p, &at, 64, GLIBC_IN_USE);
	chunk(p, &at, PAGE - 64, GLIBC_FAST);
	chunk(p, &at, 2048, GLIBC_IN_USE);
	chunk(p, &at, 1024, GLIBC_TCACHE);
	chunk(p, &at, 1024, GLIBC_TOP);
	assert_int_equal(pins__finish(p, &t, &sites, &n), 0);
	assert_int_equal(t.chunks, 5);
	assert_int_equal(t.seen, 0);
	assert_int_equal(t.older, PAGE + 96 + 48 + 2048);
	assert_int_equal(t.free, 1952 + 2000 + PAGE + 2048);
	assert_int_equal(t.sparse_pages, 2);
	assert_int_equal(t.sparse_free, 3952 + 2048);
	assert_int_equal(n, 3);
	/* 3952 by 96 : 48, and 2048 all of the one. */
	assert_true(sites[0].by_size && pins_size_limit(sites[0].key) == 96);
	assert_int_equal(sites[0].bytes, 2634);
	assert_int_equal(sites[0].pages, 1);
	assert_int_equal(pins_size_limit(sites[1].key), 2048);
	assert_int_equal(sites[1].bytes, 2048);
	assert_int_equal(pins_size_limit(sites[2].key), 48);
	assert_int_equal(sites[2].bytes, 1317);
	pins__free(p);
	pins__free(NULL);
}

static void test_by_site(void **state)
{
	uint64_t asked = 0;
	const struct pins_ledger ledger = {.find = find, .soon = soon, .arg = &asked};
	struct pins *p = pins__new(&ledger);
	uint8_t states[2] = {PAGE_ANON, PAGE_ANON};
	const struct pins_site *sites;
	struct pins_totals t;
	uint64_t at = START;
	size_t n;

	(void)state;
	pins__region(p, START, 2, states);
	/* The block of the first chunk is at ...10: seen.  That of the next at ...70: too. */
	chunk(p, &at, 96, GLIBC_IN_USE);
	chunk(p, &at, 96, GLIBC_IN_USE);
	chunk(p, &at, 3904 + 16, GLIBC_BINNED);
	/* This one's is at ...a0 + 1000: older. */
	chunk(p, &at, 112, GLIBC_IN_USE);
	chunk(p, &at, 2 * PAGE - 96 - 96 - 3920 - 112, GLIBC_TOP);
	assert_int_equal(at, START + 2 * PAGE);
	pins__mmapped(p, 0x20000000, 3 * PAGE, 2 * PAGE);
	assert_int_equal(pins__finish(p, &t, &sites, &n), 0);
	assert_int_equal(t.chunks, 4);
	assert_int_equal(t.seen, 87 * 3);
	assert_int_equal(t.overhead, 9 * 2 + 2 * PAGE - 87);
	assert_int_equal(t.older, 112);
	assert_int_equal(t.sparse_pages, 2);
	assert_int_equal(n, 2);
	assert_false(sites[1].by_size);
	assert_int_equal(sites[1].key, 7);
	/* Both blocks of one site on one page count the page once. */
	assert_int_equal(sites[1].pages, 1);
	assert_int_equal(sites[1].bytes, 2 * (3904 / 2));
	assert_true(sites[0].by_size);
	assert_int_equal(sites[0].bytes, PAGE - 112);
	pins__free(p);
}

/* Chunks wait to be looked up while the next region is told: they are of the one before. */
static void test_regions(void **state)
{
	uint64_t asked = 0, at = START, next = START + 64 * PAGE;
	const struct pins_ledger ledger = {.find = find, .soon = soon, .arg = &asked};
	static uint8_t states[64 * 1024] = {PAGE_ANON, PAGE_SWAPPED};
	struct pins *p = pins__new(&ledger);
	const struct pins_site *sites;
	struct pins_totals t;
	size_t n;

	(void)state;
	pins__region(p, START, 2, states);
	chunk(p, &at, 96, GLIBC_IN_USE);
	chunk(p, &at, PAGE - 96, GLIBC_BINNED);
	chunk(p, &at, 128, GLIBC_IN_USE);
	/* Larger by far, so that what was kept of the first one moves. */
	pins__region(p, next, sizeof(states), states);
	chunk(p, &next, 96, GLIBC_IN_USE);
	assert_int_equal(pins__finish(p, &t, &sites, &n), 0);
	assert_int_equal(t.chunks, 3);
	assert_int_equal(t.seen + t.overhead + t.older, 2 * 96);
	assert_int_equal(t.free, PAGE - 96);
	assert_int_equal(t.sparse_pages, 1);
	pins__free(p);
}

static void test_size_limits(void **state)
{
	(void)state;
	assert_int_equal(pins_size_limit(0), 32);
	assert_int_equal(pins_size_limit(1), 48);
	assert_int_equal(pins_size_limit(2), 64);
	assert_int_equal(pins_size_limit(3), 96);
	for (unsigned int i = 1; i < PINS_SIZES; i++)
		assert_true(pins_size_limit(i) > pins_size_limit(i - 1));
}

static void test_liveset(void **state)
{
	static const uint64_t addrs[] = {0x7f0000000010,
					 0x7f0000000020,
					 0x7f00000ffff0,
					 0x7f0000100000,
					 0x550000001000,
					 0x16,
					 0x10};
	struct liveset *s = liveset__new();

	(void)state;
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(liveset__add(s, addrs[i]), 0);
	for (size_t i = 0; i < 5; i++) {
		assert_true(liveset__has(s, addrs[i]));
		assert_false(liveset__has(s, addrs[i] + 8));
	}
	assert_false(liveset__has(s, 0x7f0000000030));
	assert_false(liveset__has(s, 0x7f0000200000));
	assert_false(liveset__has(s, 0x10));
	assert_true(liveset__memory(s) < 64 << 10);
	liveset__free(s);
	liveset__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_by_size), cmocka_unit_test(test_by_site),
	    cmocka_unit_test(test_regions), cmocka_unit_test(test_size_limits),
	    cmocka_unit_test(test_liveset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
