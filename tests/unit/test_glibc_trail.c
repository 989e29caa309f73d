// SPDX-License-Identifier: GPL-2.0
/* A heap's chunks, written down and read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "inspect/glibc_trail.h"

/* Sizes around each length of the code, and the largest that a heap can have. */
static const uint64_t trail_sizes[] = {32,	496,	 512,	  65520,     65536,
				       8388592, 8388608, 1 << 30, 1ull << 46};

static void again(void *arg, struct glibc_chunk *c)
{
	static const enum glibc_chunk_kind kinds[] = {GLIBC_IN_USE, GLIBC_BINNED, GLIBC_TOP};
	unsigned int *i = arg;
	uint64_t addr = 0x1000;

	for (unsigned int k = 0; k < *i; k++)
		addr += trail_sizes[k % 9];
	assert_int_equal(c->addr, addr);
	assert_int_equal(c->size, trail_sizes[*i % 9]);
	assert_int_equal(c->kind, kinds[*i % 3]);
	assert_int_equal(c->signature, *i % 3 ? 0 : *i % 2 * 0x80000001u);
	++*i;
}

static void test_trail(void **state)
{
	static const enum glibc_chunk_kind kinds[] = {GLIBC_IN_USE, GLIBC_BINNED, GLIBC_TOP};
	struct glibc_trail t = {0};
	unsigned int seen = 0;

	(void)state;
	for (unsigned int i = 0; i < 2003; i++)
		assert_int_equal(
		    glibc_trail_add(&t, &(struct glibc_chunk){.size = trail_sizes[i % 9],
							      .kind = kinds[i % 3],
							      .signature = i % 2 * 0x80000001u}),
		    0);
	glibc_trail_each(&t, 0x1000, again, &seen);
	assert_int_equal(seen, 2003);
	glibc_trail_free(&t);
	for (unsigned int i = 0; i < 1009; i++)
		assert_int_equal(
		    glibc_trail_add(&t, &(struct glibc_chunk){.size = 496, .kind = GLIBC_IN_USE}),
		    0);
	assert_int_equal(t.n, 1009); /* a byte each */
	glibc_trail_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_trail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
