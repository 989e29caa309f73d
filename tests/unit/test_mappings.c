// SPDX-License-Identifier: GPL-2.0
/* test_mappings: single cases in primes of pages, then many at random against a page array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "model/mappings.h"

#define PAGE	 4096ull
#define SITES	 4
#define AT(page) (0x10000000ull + (page)*PAGE)

struct sums {
	int64_t bytes[SITES], extents[SITES];
};

static void changed(void *arg, uint32_t site, int64_t bytes, int64_t extents)
{
	struct sums *s = arg;

	assert_true(site < SITES);
	s->bytes[site] += bytes;
	s->extents[site] += extents;
}

static void expect(const struct mappings *m, enum mapping_owner owner, uint64_t pages,
		   uint64_t extents)
{
	struct mapping_totals t;

	mappings__totals(m, &t);
	assert_int_equal(t.bytes[owner], pages * PAGE);
	assert_int_equal(t.extents[owner], extents);
}

static void expect_site(const struct sums *s, uint32_t site, int64_t pages, int64_t extents)
{
	assert_int_equal(s->bytes[site], pages * (int64_t)PAGE);
	assert_int_equal(s->extents[site], extents);
}

static void test_cut(void **state)
{
	struct sums s = {0};
	struct mappings *m = mappings__new(changed, &s);
	struct mapping e;

	(void)state;
	assert_int_equal(mappings__add(m, AT(0), 101 * PAGE - 7, MAPPING_PROGRAM, 1), 0);
	expect(m, MAPPING_PROGRAM, 101, 1);
	/* Out of the middle, then the head, then the tail. */
	assert_int_equal(mappings__remove(m, AT(41), 13 * PAGE), 0);
	expect_site(&s, 1, 88, 2);
	assert_int_equal(mappings__remove(m, AT(0), 3 * PAGE), 0);
	assert_int_equal(mappings__remove(m, AT(96), 100 * PAGE), 0);
	expect_site(&s, 1, 80, 2);
	expect(m, MAPPING_PROGRAM, 80, 2);
	assert_true(mappings__find(m, AT(54), &e));
	assert_true(e.addr == AT(54) && e.len == 42 * PAGE && e.site == 1);
	assert_false(mappings__find(m, AT(41), &e));
	assert_false(mappings__find(m, AT(2), &e));
	/* MAP_FIXED over the end of one, the gap and the start of the other. */
	assert_int_equal(mappings__add(m, AT(37), 19 * PAGE, MAPPING_PROGRAM, 2), 0);
	expect_site(&s, 1, 74, 2);
	expect_site(&s, 2, 19, 1);
	/* The same again changes nothing. */
	assert_int_equal(mappings__add(m, AT(37), 19 * PAGE, MAPPING_PROGRAM, 2), 0);
	expect_site(&s, 1, 74, 2);
	expect_site(&s, 2, 19, 1);
	mappings__free(m);
	mappings__free(NULL);
}

static void test_merge(void **state)
{
	struct sums s = {0};
	struct mappings *m = mappings__new(changed, &s);
	struct mapping e;

	(void)state;
	assert_int_equal(mappings__add(m, AT(0), 7 * PAGE, MAPPING_PROGRAM, 1), 0);
	assert_int_equal(mappings__add(m, AT(11), 5 * PAGE, MAPPING_PROGRAM, 1), 0);
	expect_site(&s, 1, 12, 2);
	assert_int_equal(mappings__add(m, AT(7), 4 * PAGE, MAPPING_PROGRAM, 1), 0);
	expect_site(&s, 1, 16, 1);
	assert_true(mappings__find(m, AT(15), &e));
	assert_true(e.addr == AT(0) && e.len == 16 * PAGE);
	/* Another site, and another owner, do not join. */
	assert_int_equal(mappings__add(m, AT(16), PAGE, MAPPING_PROGRAM, 2), 0);
	assert_int_equal(mappings__add(m, AT(17), PAGE, MAPPING_ALLOCATOR, 2), 0);
	expect(m, MAPPING_PROGRAM, 17, 2);
	expect(m, MAPPING_ALLOCATOR, 1, 1);
	/* Owners without sites join whatever the site is. */
	assert_int_equal(mappings__add(m, AT(18), 2 * PAGE, MAPPING_ALLOCATOR, 3), 0);
	expect(m, MAPPING_ALLOCATOR, 3, 1);
	mappings__free(m);
}

static void test_older(void **state)
{
	struct sums s = {0};
	struct mappings *m = mappings__new(changed, &s);
	struct mapping_totals t;

	(void)state;
	assert_int_equal(mappings__add(m, AT(0), 53 * PAGE, MAPPING_OLDER, 0), 0);
	assert_int_equal(mappings__remove(m, AT(5), 11 * PAGE), 0);
	assert_int_equal(mappings__add(m, AT(20), 2 * PAGE, MAPPING_PROGRAM, 1), 0);
	mappings__totals(m, &t);
	assert_int_equal(t.older_freed_bytes, 13 * PAGE);
	assert_int_equal(t.bytes[MAPPING_OLDER], 40 * PAGE);
	/* Moved is not freed; cut off is. */
	assert_int_equal(
	    mappings__move(m, AT(22), 31 * PAGE, AT(1000), 29 * PAGE, MAPPING_PROGRAM, 2), 0);
	mappings__totals(m, &t);
	assert_int_equal(t.older_freed_bytes, 15 * PAGE);
	assert_int_equal(t.bytes[MAPPING_OLDER], 38 * PAGE);
	mappings__free(m);
}

static void test_move(void **state)
{
	struct sums s = {0};
	struct mappings *m = mappings__new(changed, &s);
	struct mapping e;

	(void)state;
	/* 3 pages of site 1, a hole of 2, 5 of site 2; grown by 7 at a new place. */
	assert_int_equal(mappings__add(m, AT(0), 3 * PAGE, MAPPING_PROGRAM, 1), 0);
	assert_int_equal(mappings__add(m, AT(5), 5 * PAGE, MAPPING_PROGRAM, 2), 0);
	assert_int_equal(mappings__add(m, AT(100), 50 * PAGE, MAPPING_PROGRAM, 3), 0);
	assert_int_equal(
	    mappings__move(m, AT(0), 10 * PAGE, AT(110), 17 * PAGE, MAPPING_PROGRAM, 0), 0);
	expect_site(&s, 1, 3, 1);
	expect_site(&s, 2, 12, 1);
	expect_site(&s, 3, 33, 2);
	assert_false(mappings__find(m, AT(0), &e));
	assert_false(mappings__find(m, AT(113), &e));
	assert_true(mappings__find(m, AT(126), &e));
	assert_int_equal(e.site, 2);
	/* In place: shrunk, then grown. */
	assert_int_equal(
	    mappings__move(m, AT(115), 12 * PAGE, AT(115), 1 * PAGE, MAPPING_PROGRAM, 0), 0);
	expect_site(&s, 2, 1, 1);
	assert_int_equal(
	    mappings__move(m, AT(115), 1 * PAGE, AT(115), 2 * PAGE, MAPPING_PROGRAM, 0), 0);
	expect_site(&s, 2, 2, 1);
	/* Nothing is known of it: the growth is the caller's. */
	assert_int_equal(
	    mappings__move(m, AT(500), 1 * PAGE, AT(600), 4 * PAGE, MAPPING_PROGRAM, 0), 0);
	expect_site(&s, 0, 3, 1);
	mappings__free(m);
}

static void test_brk(void **state)
{
	struct sums s = {0};
	struct mappings *m = mappings__new(changed, &s);

	(void)state;
	assert_int_equal(mappings__brk(m, AT(10) + 5, MAPPING_PROGRAM, 1), 0);
	expect(m, MAPPING_PROGRAM, 0, 0);
	assert_int_equal(mappings__brk(m, AT(23) + 1, MAPPING_PROGRAM, 1), 0);
	expect_site(&s, 1, 13, 1);
	/* Within the page: no page more or less. */
	assert_int_equal(mappings__brk(m, AT(24), MAPPING_PROGRAM, 2), 0);
	expect_site(&s, 1, 13, 1);
	expect_site(&s, 2, 0, 0);
	assert_int_equal(mappings__brk(m, AT(12), MAPPING_PROGRAM, 2), 0);
	expect_site(&s, 1, 1, 1);
	mappings__set_brk(m, 0);
	assert_int_equal(mappings__brk(m, AT(90), MAPPING_PROGRAM, 3), 0);
	expect_site(&s, 3, 0, 0);
	mappings__free(m);
}

static void test_refused(void **state)
{
	struct sums s = {0};
	struct mappings *m = mappings__new(changed, &s);

	(void)state;
	assert_int_equal(mappings__add(m, AT(0) + 1, PAGE, MAPPING_PROGRAM, 1), -EINVAL);
	assert_int_equal(mappings__add(m, AT(0), 0, MAPPING_PROGRAM, 1), -EINVAL);
	assert_int_equal(mappings__add(m, AT(0), UINT64_MAX, MAPPING_PROGRAM, 1), -EINVAL);
	assert_int_equal(mappings__add(m, -PAGE, 2 * PAGE, MAPPING_PROGRAM, 1), -EINVAL);
	assert_int_equal(mappings__remove(m, AT(0), 0), -EINVAL);
	assert_int_equal(mappings__move(m, AT(0), 0, AT(1), PAGE, MAPPING_PROGRAM, 1), -EINVAL);
	expect(m, MAPPING_PROGRAM, 0, 0);
	mappings__free(m);
}

static void test_copy(void **state)
{
	struct sums parent = {0}, child = {0};
	struct mappings *m = mappings__new(changed, &parent), *copy;

	(void)state;
	assert_int_equal(mappings__add(m, AT(0), 17 * PAGE, MAPPING_PROGRAM, 1), 0);
	copy = mappings__copy(m, changed, &child);
	expect(copy, MAPPING_PROGRAM, 17, 1);
	expect_site(&child, 1, 0, 0);
	assert_int_equal(mappings__remove(copy, AT(3), 2 * PAGE), 0);
	expect_site(&child, 1, -2, 1);
	expect_site(&parent, 1, 17, 1);
	expect(m, MAPPING_PROGRAM, 17, 1);
	mappings__free(m);
	mappings__free(copy);
}

/* ---- against a model: one entry a page ---- */

#define SPACE 256u
struct page {
	uint8_t known, owner, site;
};

static uint64_t state = 88172645463325252ull; /* xorshift64, Marsaglia's seed */
static uint32_t random_below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state % n);
}

static bool joined(struct page a, struct page b)
{
	return a.known && b.known && a.owner == b.owner &&
	       (a.owner != MAPPING_PROGRAM || a.site == b.site);
}

static uint64_t older(const struct page *pages, uint32_t n)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		if (pages[i].known && pages[i].owner == MAPPING_OLDER)
			sum += PAGE;
	return sum;
}

static void compare(const struct mappings *m, const struct page *pages, const struct sums *s,
		    uint64_t freed)
{
	uint64_t bytes[MAPPING_OWNERS] = {0}, extents[MAPPING_OWNERS] = {0};
	struct sums site = {0};
	struct mapping_totals t;

	mappings__totals(m, &t);
	for (uint32_t i = 0; i < SPACE; i++) {
		struct mapping e;
		bool found = mappings__find(m, AT(i) + i, &e);

		assert_int_equal(found, pages[i].known);
		if (!found)
			continue;
		bool first = !i || !joined(pages[i - 1], pages[i]);

		assert_int_equal(e.owner, pages[i].owner);
		bytes[e.owner] += PAGE;
		extents[e.owner] += first;
		if (e.owner == MAPPING_PROGRAM) {
			assert_int_equal(e.site, pages[i].site);
			site.bytes[e.site] += PAGE;
			site.extents[e.site] += first;
		}
	}
	assert_memory_equal(bytes, t.bytes, sizeof(bytes));
	assert_memory_equal(extents, t.extents, sizeof(extents));
	assert_memory_equal(&site, s, sizeof(site));
	assert_int_equal(t.older_freed_bytes, freed);
}

/* How many bytes of older memory it frees: what it cuts off, and what lay at the new place. */
static uint64_t move_pages(struct page *pages, uint32_t old, uint32_t on, uint32_t at, uint32_t n,
			   struct page given)
{
	struct page was[SPACE], last = given;
	uint64_t freed;

	for (uint32_t i = 0; i < on; i++)
		if (pages[old + i].known)
			last = pages[old + i];
	memcpy(was, pages + old, on * sizeof(*was));
	memset(pages + old, 0, on * sizeof(*pages));
	freed = older(pages + at, n) + (on > n ? older(was + n, on - n) : 0);
	for (uint32_t i = 0; i < n; i++)
		pages[at + i] = i < on ? was[i] : last;
	return freed;
}

static void test_random(void **unused)
{
	struct page pages[SPACE] = {0};
	struct sums s = {0};
	struct mappings *m = mappings__new(changed, &s);
	uint64_t freed = 0;

	(void)unused;
	for (int round = 0; round < 10000; round++) {
		uint32_t at = random_below(SPACE), n = 1 + random_below(SPACE - at);
		struct page p = {1, (uint8_t)random_below(MAPPING_OWNERS),
				 (uint8_t)random_below(SITES)};
		uint32_t old = random_below(SPACE), on = 1 + random_below(SPACE - old);

		switch (random_below(4)) {
		case 0:
		case 1:
			n = 1 + n / 8;
			assert_int_equal(mappings__add(m, AT(at), n * PAGE, p.owner, p.site), 0);
			freed += older(pages + at, n);
			for (uint32_t i = 0; i < n; i++)
				pages[at + i] = p;
			break;
		case 2:
			n = 1 + n / 8;
			assert_int_equal(mappings__remove(m, AT(at), n * PAGE), 0);
			freed += older(pages + at, n);
			memset(pages + at, 0, n * sizeof(*pages));
			break;
		case 3:
			assert_int_equal(mappings__move(m, AT(old), on * PAGE, AT(at), n * PAGE,
							p.owner, p.site),
					 0);
			freed += move_pages(pages, old, on, at, n, p);
			break;
		}
		compare(m, pages, &s, freed);
	}
	mappings__free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cut),	  cmocka_unit_test(test_merge),
	    cmocka_unit_test(test_older), cmocka_unit_test(test_move),
	    cmocka_unit_test(test_brk),	  cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_copy),  cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
