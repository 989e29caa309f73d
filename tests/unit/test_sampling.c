// SPDX-License-Identifier: GPL-2.0
/* Looks at a heap, and whether estimates are of the last one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/crossings.h"
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

static void expect_found(const struct sampling *s, const bool *found, size_t n)
{
	assert_int_equal(s->ncrossed, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(s->crossed[i].found, found[i]);
}

/* What is known of a crossing stays with it, whichever come and go before and behind it; not with
 * another at the same place. */
static void test_kept(void **state)
{
	struct crossing c[4] = {{.start = 4064, .end = 4112, .serial = 3},
				{.start = 12256, .end = 12304, .serial = 1}};
	struct sampling s = {0};

	(void)state;
	assert_int_equal(sampling_keep_crossings(&s, c, 2), 0);
	sampling_peek_crossing(&s, 0, &c[0], 48, &(struct signature){0});
	sampling_peek_crossing(&s, 1, &c[1], 48, &(struct signature){0});
	c[3] = c[1];
	c[2] = (struct crossing){.end = 8000, .serial = 4};
	c[1] = c[0];
	c[0] = (struct crossing){.end = 64, .serial = 5};
	assert_int_equal(sampling_keep_crossings(&s, c, 4), 0);
	expect_found(&s, (bool[]){false, true, false, true}, 4);
	c[1].serial = 6;
	assert_int_equal(sampling_keep_crossings(&s, c + 1, 3), 0);
	expect_found(&s, (bool[]){false, false, true}, 3);
	sampling_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_stale),
					   cmocka_unit_test(test_kept)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
