// SPDX-License-Identifier: GPL-2.0
/* test_crossings: blocks that reach into new memory: which chunk, whose, and what they stand for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heapwatch/event.h"
#include "heapwatch/mix.h"
#include "model/crossings.h"
#include "model/stacks.h"

#define PAGE 4096ull

static void count_gone(void *arg, const struct crossing *c)
{
	*(uint64_t *)arg += c->site;
}

static struct crossing listed[8];

static int list(void *arg, struct crossing *c)
{
	size_t *n = arg;

	listed[(*n)++] = *c;
	return 0;
}

static size_t list_all(struct crossings *c)
{
	size_t n = 0;

	assert_int_equal(crossings_each(c, list, &n), 0);
	assert_int_equal(n, c->n);
	return n;
}

static int touch(struct crossings *c, uint64_t start, uint64_t end, uint32_t pages, uint32_t site,
		 uint64_t *gone)
{
	const struct hw_heap_touch e = {.start = start, .end = end, .pages = pages, .faults = 1};

	return crossings_touch(c, &e, site, count_gone, gone);
}

/* In order of their ends, however they came; each page has one; what is lost is by what was written
 * behind the chunk. */
static void test_touches(void **state)
{
	const uint64_t far = 3 * (64ull << 20) + 7 * PAGE;
	struct crossings c = {0}, copy;
	uint64_t gone = 0;
	uint32_t changes;
	size_t n;

	(void)state;
	assert_int_equal(touch(&c, far - 48, far + 64, 1, 11, &gone), 0);
	assert_int_equal(touch(&c, 10 * PAGE - 64, 10 * PAGE + 16, 3, 5, &gone), 0);
	assert_int_equal(touch(&c, 7 * PAGE - 32, 7 * PAGE, 1, 7, &gone), 0);
	n = list_all(&c);
	assert_int_equal(n, 3);
	assert_int_equal(listed[0].site, 7);
	assert_int_equal(listed[1].site, 5);
	assert_int_equal(listed[1].pages, 3);
	assert_int_equal(listed[2].site, 11);
	assert_int_equal(listed[0].serial, 3);
	assert_int_equal(gone, 0);
	changes = c.changes;
	/* The same page, from its first word to its last. */
	assert_int_equal(touch(&c, 11 * PAGE - 64, 11 * PAGE - 16, 1, 13, &gone), 0);
	assert_int_equal(touch(&c, 10 * PAGE - 64, 10 * PAGE, 1, 17, &gone), 0);
	assert_int_equal(c.changes, changes);
	assert_int_equal(touch(&c, 11 * PAGE - 64, 11 * PAGE, 1, 19, &gone), 0);
	assert_int_equal(touch(&c, 10 * PAGE - 64, 10 * PAGE - 16, 1, 23, &gone), 0);
	assert_int_equal(gone, 0);
	assert_int_not_equal(c.changes, changes);
	assert_int_equal(list_all(&c), 5);
	assert_int_equal(crossings_copy(&copy, &c), 0);
	gone = 0;
	crossings_lose(&c, 8 * PAGE, 9 * PAGE, count_gone, &gone);
	assert_int_equal(gone, 0);
	crossings_lose(&c, 8 * PAGE, 10 * PAGE, count_gone, &gone);
	assert_int_equal(gone, 23);
	crossings_lose(&c, 10 * PAGE, 11 * PAGE, count_gone, &gone);
	assert_int_equal(gone, 23 + 5);
	crossings_lose(&c, 0, UINT64_MAX, count_gone, &gone);
	assert_int_equal(gone, 23 + 5 + 7 + 19 + 11);
	assert_int_equal(c.n, 0);
	assert_int_equal(c.nregions, 0);
	assert_int_equal(list_all(&copy), 5);
	assert_int_equal(listed[4].site, 11);
	crossings_free(&c);
	crossings_free(&copy);
}

/* Begin and end are the chunk's; one that grew where it was ends later, in the same page, and one
 * that realloc made smaller is there as long as it reaches to that page. */
static void test_of(void **state)
{
	const struct crossing all[] = {{.start = 7 * PAGE - 32, .end = 7 * PAGE},
				       {.start = 10 * PAGE - 64, .end = 10 * PAGE + 16}};

	(void)state;
	assert_ptr_equal(crossing_of(all, 2, 7 * PAGE - 32, 7 * PAGE), &all[0]);
	assert_ptr_equal(crossing_of(all, 2, 10 * PAGE - 64, 10 * PAGE + 16), &all[1]);
	assert_ptr_equal(crossing_of(all, 2, 7 * PAGE - 32, 8 * PAGE - 16), &all[0]);
	assert_null(crossing_of(all, 2, 7 * PAGE - 32, 8 * PAGE));
	assert_null(crossing_of(all, 2, 7 * PAGE - 48, 7 * PAGE));
	assert_null(crossing_of(all, 2, 7 * PAGE - 32, 7 * PAGE - 16));
	assert_ptr_equal(crossing_of(all, 2, 10 * PAGE - 64, 10 * PAGE), &all[1]);
	assert_null(crossing_of(all, 2, 10 * PAGE - 64, 10 * PAGE - 16));
	assert_null(crossing_of(all, 0, 7 * PAGE - 32, 7 * PAGE));
	assert_true(crossing_fits(&all[1], 80));
	assert_true(crossing_fits(&all[1], 64));
	assert_false(crossing_fits(&all[1], 48));
	assert_true(crossing_fits(&all[1], 96));
	assert_false(crossing_fits(&all[1], PAGE + 64));
}

/* As many pages as one was drawn of, or a larger one itself; and of faults whose size nobody asked
 * for, so many times as much. */
static void test_bytes(void **state)
{
	const struct crossing one = {.pages = 1, .faults = 1}, four = {.pages = 4, .faults = 3};

	(void)state;
	assert_int_equal(crossing_bytes(&one, 48), PAGE);
	assert_int_equal(crossing_bytes(&one, 5 * PAGE), 5 * PAGE);
	assert_int_equal(crossing_bytes(&four, 48), 12 * PAGE);
	assert_int_equal(crossing_bytes(&four, 3 * PAGE), 12 * PAGE);
	assert_int_equal(crossing_bytes(&four, 5 * PAGE), 15 * PAGE);
}

/* A large block's own mapping: found by its whole pages, lost with them and not with its
 * neighbours, also where something is behind it. */
static void test_mapped(void **state)
{
	struct crossings c = {0}, copy;
	uint64_t gone = 0;
	size_t n;

	(void)state;
	assert_int_equal(crossings_map(&c, 7 * PAGE, 2 * PAGE, 5), 0);
	assert_int_equal(crossings_map(&c, 9 * PAGE, 3 * PAGE, 7), 0);
	assert_int_equal(touch(&c, 12 * PAGE - 32, 12 * PAGE + 16, 1, 11, &gone), 0);
	assert_int_equal(touch(&c, 6 * PAGE, 7 * PAGE, 1, 13, &gone), 0);
	assert_int_equal(gone, 0);
	assert_int_equal(c.nmapped, 2);
	n = list_all(&c);
	assert_int_equal(n, 4);
	assert_int_equal(crossing_of(listed, n, 7 * PAGE, 9 * PAGE)->site, 5);
	assert_int_equal(crossing_of(listed, n, 9 * PAGE, 12 * PAGE)->site, 7);
	assert_null(crossing_of(listed, n, 7 * PAGE, 9 * PAGE - 16));
	assert_null(crossing_of(listed, n, 7 * PAGE, 8 * PAGE));
	assert_null(crossing_of(listed, n, 8 * PAGE, 9 * PAGE));
	assert_int_equal(crossing_bytes(crossing_of(listed, n, 7 * PAGE, 9 * PAGE), 2 * PAGE),
			 2 * PAGE);
	assert_int_equal(crossings_copy(&copy, &c), 0);
	assert_int_equal(copy.nmapped, 2);
	crossings_lose(&c, 7 * PAGE, 9 * PAGE, count_gone, &gone);
	assert_int_equal(gone, 13 + 5);
	crossings_lose(&c, 9 * PAGE, 12 * PAGE, count_gone, &gone);
	assert_int_equal(gone, 13 + 5 + 7);
	assert_int_equal(c.nmapped, 0);
	assert_int_equal(c.n, 1);
	crossings_free(&c);
	crossings_free(&copy);
}

struct sums {
	uint64_t pages, n, odd;
};

static int sum(void *arg, struct crossing *c)
{
	struct sums *s = arg;

	s->pages += c->pages * c->faults;
	s->n++;
	s->odd += c->end / PAGE & 1 ? c->pages * c->faults : 0;
	return 0;
}

/* Of too many about each second is forgotten, and the others stand for it; a block as large as what
 * one stands for then stays, and so do mappings. */
static void test_halved(void **state)
{
	const uint64_t base = 5ull << 30, pages = 5 * CROSSINGS_MAX;
	struct crossings c = {0};
	struct sums s = {0};
	uint64_t gone = 0;

	(void)state;
	for (uint64_t i = 0; i < 3; i++) {
		assert_int_equal(crossings_map(&c, (1 + i) << 40, PAGE, 0), 0);
		assert_int_equal(touch(&c, base - (i + 1) * 16 * PAGE, base - i * 16 * PAGE - 4000,
				       1, 1000000, &gone),
				 0);
	}
	for (uint64_t i = 0; i < pages; i++)
		assert_int_equal(touch(&c, base + i * PAGE, base + i * PAGE + 48, 1, 1, &gone), 0);
	assert_int_equal(crossings_each(&c, sum, &s), 0);
	assert_int_equal(s.n, c.n);
	assert_int_equal(c.halved, 3);
	assert_int_equal(c.nmapped, 3);
	assert_in_range(c.n, CROSSINGS_MAX / 2, CROSSINGS_MAX + 3);
	/* The large ones and the mappings; of the others each stands for eight: within four
	 * standard deviations of a binomial of 81,920 pages. */
	s.n -= 6;
	s.pages -= 3 + 3 * 8;
	assert_int_equal(s.pages, 8 * s.n);
	assert_in_range(s.pages, pages - 4 * 757, pages + 4 * 757);
	assert_in_range(s.odd, pages / 2 - 4 * 536, pages / 2 + 4 * 536);
	/* As many were told of as gone as came and are not there: at each halving half of them. */
	assert_in_range(gone, 3 * CROSSINGS_MAX / 2 - 400, 3 * CROSSINGS_MAX / 2 + 400);
	crossings_free(&c);
}

static uint64_t key_of(uint64_t image, const uint64_t *pc, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		image = hw_mix(image, pc[i]);
	return hw_mixed_key(image, n);
}

/* As a walk that began in the caller would have it. */
static void test_key_without(void **state)
{
	uint64_t pc[61];
	struct stack s = {.pc = pc};

	(void)state;
	for (uint32_t i = 0; i < 61; i++)
		pc[i] = 0x7f0000000000ull + i * 0x123457ull * (i % 7);
	for (uint32_t n = 1; n <= 61; n++) {
		s.nframes = n;
		s.key = key_of(0xfeedfacecafef00dull, pc, n);
		for (uint32_t left = 0; left < n; left++)
			assert_int_equal(stack_key_without(&s, left),
					 key_of(0xfeedfacecafef00dull, pc + left, n - left));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_touches), cmocka_unit_test(test_of),
	    cmocka_unit_test(test_bytes),   cmocka_unit_test(test_mapped),
	    cmocka_unit_test(test_halved),  cmocka_unit_test(test_key_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
