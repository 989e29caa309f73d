// SPDX-License-Identifier: GPL-2.0
/* Looks at a heap, and whether estimates are of the last one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/sampling.h"

static bool has(const void *arg, uint64_t addr)
{
	(void)arg;
	(void)addr;
	return true;
}

/* A heap of one chunk, which is known. */
static void look(struct sampling *s, bool partly, bool whole)
{
	const struct block b = {.addr = 0x7f0000000010, .size = 40, .site = 5, .born = 3};
	struct sampling_look l;

	assert_int_equal(sampling_begin(&l, s, partly, NULL, 0, NULL, 0), 0);
	sampling_chunk(&l, b.addr, 48, 0, &b);
	sampling_conclude(&l, whole, has, NULL);
	sampling_look_end(&l);
}

static void test_stale(void **state)
{
	struct sampling s = {0};

	(void)state;
	/* The first look tore: nothing can be told. */
	look(&s, true, false);
	assert_false(s.told);
	look(&s, true, true);
	assert_true(s.told);
	assert_false(s.stale);
	assert_int_equal(s.estimates.n, 1);
	assert_int_equal(s.looks, 1);
	/* What was told stays, and is called old. */
	look(&s, true, false);
	assert_true(s.told);
	assert_true(s.stale);
	assert_int_equal(s.looks, 1);
	look(&s, true, true);
	assert_false(s.stale);
	assert_int_equal(s.looks, 2);
	/* Every call is seen again. */
	look(&s, false, true);
	assert_false(s.told);
	assert_false(s.stale);
	sampling_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_stale)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
