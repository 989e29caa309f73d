// SPDX-License-Identifier: GPL-2.0
/* Samples that still begin as they did, and those that do not, by site and size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "model/begins.h"
#include "model/blocks.h"
#include "model/cohort.h"
#include "model/estimator.h"
#include "model/seen.h"

#define MS 1000000ull

static const uint64_t words[SIGNATURE_WORDS] = {7, 11, 13, 17};

static void test_same(void **state)
{
	const struct block b = {.addr = 0x1000, .size = 57, .site = 3, .born = 5};
	const uint64_t other[SIGNATURE_WORDS] = {7, 11, 13, 19};
	struct begins *t = begins__new();

	(void)state;
	assert_false(begins__see(t, 0, &b, words));
	assert_false(begins__see(t, (BEGINS_OLD_MS - 1) * MS, &b, words));
	assert_true(begins__see(t, BEGINS_OLD_MS * MS, &b, words));
	/* One that was another once is not the same again. */
	assert_false(begins__see(t, BEGINS_OLD_MS * MS, &b, other));
	assert_false(begins__see(t, 2 * BEGINS_OLD_MS * MS, &b, words));
	begins__free(t);
}

/* What lies behind a block is another's. */
static void test_short(void **state)
{
	const struct block b = {.addr = 0x1000, .size = 17, .site = 3, .born = 5};
	const uint64_t behind[SIGNATURE_WORDS] = {7, 11, 13 + 256, 19};
	const uint64_t within[SIGNATURE_WORDS] = {7, 11, 13 + 128, 17};
	struct begins *t = begins__new();

	(void)state;
	begins__see(t, 0, &b, words);
	assert_true(begins__see(t, BEGINS_OLD_MS * MS, &b, behind));
	assert_false(begins__see(t, BEGINS_OLD_MS * MS, &b, within));
	begins__free(t);
}

/* Another site's or time's block at an address is another; what was not seen for a turn is
 * forgotten. */
static void test_turn(void **state)
{
	const struct block b = {.addr = 0x1000, .size = 57, .site = 3, .born = 5};
	const struct block later = {.addr = 0x1000, .size = 57, .site = 3, .born = 6};
	struct begins *t = begins__new();

	(void)state;
	begins__see(t, 0, &b, words);
	assert_false(begins__see(t, BEGINS_OLD_MS * MS, &later, words));
	begins__turn(t);
	assert_true(begins__see(t, BEGINS_OLD_MS * MS, &b, words));
	begins__turn(t);
	begins__turn(t);
	assert_false(begins__see(t, 2 * BEGINS_OLD_MS * MS, &b, words));
	for (uint64_t i = 0; i < 5003; i++)
		begins__see(t, 0, &(struct block){.addr = 16 * i, .size = 8}, words);
	for (uint64_t i = 0; i < 5003; i++)
		assert_true(begins__see(t, BEGINS_OLD_MS * MS,
					&(struct block){.addr = 16 * i, .size = 8}, words));
	begins__free(t);
}

/* From moment 10 on a block stands for ten. */
static const struct seen_span spans[] = {{.moment = 10, .weight = 10 * SEEN_ALL, .large = false}};

static void look(struct cohort *c, uint64_t ms, bool by_class, const struct block *b, size_t n,
		 uint64_t changed)
{
	size_t to_read;

	cohort__begin(c, ms * MS, by_class, spans, 1);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(cohort__add(c, &b[i]), 0);
	to_read = cohort__to_read(c);
	for (size_t i = 0; i < to_read; i++) {
		uint64_t now[SIGNATURE_WORDS] = {7};

		now[0] += cohort__block(c, i)->addr == changed;
		cohort__tell(c, i, now);
	}
	assert_int_equal(cohort__finish(c), 0);
}

/* Two samples of one window and one of another, of which one changes; a larger one; and one block
 * that stands for itself, which is no sample. */
static void test_parts(void **state)
{
	static const struct block b[] = {
	    {.addr = 0x1000, .size = 57, .site = 3, .born = 11},
	    {.addr = 0x2000, .size = 57, .site = 3, .born = 11},
	    {.addr = 0x3000, .size = 57, .site = 3, .born = 12},
	    {.addr = 0x4000, .size = 57, .site = 3, .born = 2},
	    {.addr = 0x5000, .size = 300, .site = 3, .born = 12},
	};
	struct cohort *c = cohort__new();
	const struct cohort_part *p;

	(void)state;
	look(c, 0, true, b, 5, 0);
	p = cohort__part(c, estimator_class_of(57), 3);
	assert_non_null(p);
	assert_float_equal(p->all, 3 * 80, 0);
	assert_float_equal(p->same, 0, 0);
	assert_float_equal(p->unit, 80 / 3.0, 1e-9);
	look(c, 4000, true, b, 5, 0x3000);
	assert_int_equal(cohort__looks(c), 2);
	assert_int_equal(cohort__parts(c, &p), 2);
	p = cohort__part(c, estimator_class_of(57), 3);
	assert_float_equal(p->all, 3 * 80, 0);
	assert_float_equal(p->same, 2 * 80, 0);
	assert_float_equal(p->unit, 2 * 80, 0);
	assert_float_equal(p->worth, 57 / 80.0, 1e-9);
	assert_null(cohort__part(c, estimator_class_of(57), 4));
	assert_int_equal(cohort__live(c, 3), 5);
	assert_int_equal(cohort__live(c, 4), 0);
	/* Where the heap's classes are not known 57 bytes are 64, 300 are 320. */
	look(c, 8000, false, b, 5, 0);
	assert_int_equal(cohort__parts(c, &p), 1);
	assert_float_equal(p->all, 3 * 64 + 320, 0);
	assert_float_equal(p->same, 2 * 64 + 320, 0);
	assert_float_equal(p->unit, (128.0 * 128 + 320 * 320) / 448, 1e-9);
	cohort__free(c);
}

/* Of very many some are read, the same ones each time. */
static void test_many(void **state)
{
	const size_t n = 3 * COHORT_READ_MAX;
	struct block *b = calloc(n, sizeof(*b));
	struct cohort *c = cohort__new();
	const struct cohort_part *p;

	(void)state;
	for (size_t i = 0; i < n; i++)
		b[i] = (struct block){.addr = 64 * i, .size = 57, .site = 3, .born = 11};
	look(c, 0, true, b, n, 0);
	assert_in_range(cohort__to_read(c), 1, COHORT_READ_MAX);
	look(c, 4000, true, b, n, 0);
	assert_int_equal(cohort__parts(c, &p), 1);
	assert_float_equal(p->all, 80.0 * (double)n, 0);
	assert_float_equal(p->same, 80.0 * (double)n, 1);
	cohort__free(c);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_same),  cmocka_unit_test(test_short), cmocka_unit_test(test_turn),
	    cmocka_unit_test(test_parts), cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
