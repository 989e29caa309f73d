// SPDX-License-Identifier: GPL-2.0
/* test_crossings: blocks for which the heap grew: which chunk, whose, and what they stand for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/types.h>

#include "heapwatch/event.h"
#include "heapwatch/heap.h"
#include "heapwatch/mix.h"
#include "inspect/chunks.h"
#include "inspect/memory.h"
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

static void test_points(void **state)
{
	struct crossings c = {0}, copy;
	const uint64_t pad = 128 << 10;
	uint64_t gone = 0;
	size_t n;

	(void)state;
	assert_int_equal(crossings_brk(&c, 10 * PAGE, 43 * PAGE, 5), 0);
	assert_int_equal(crossings_brk(&c, 43 * PAGE, 76 * PAGE, 7), 0);
	assert_int_equal(crossings_brk(&c, 76 * PAGE, 77 * PAGE, 11), 0);
	n = list_all(&c);
	assert_int_equal(n, 3);
	assert_int_equal(listed[1].point, 43 * PAGE - 32);
	assert_int_equal(listed[1].bytes, 33 * PAGE);
	/* The chunk that begins there, ends there, and is about it. */
	assert_ptr_equal(crossing_of(listed, n, 43 * PAGE - 32, 43 * PAGE, pad), &listed[1]);
	assert_ptr_equal(crossing_of(listed, n, 43 * PAGE - 64, 43 * PAGE - 32, pad), NULL);
	assert_ptr_equal(crossing_of(listed, n, 43 * PAGE - 64, 43 * PAGE - 31, pad), &listed[1]);
	assert_ptr_equal(crossing_of(listed, n, 43 * PAGE - 31, 76 * PAGE - 32, pad), NULL);
	/* Of those about which it is the one that ended where it does. */
	assert_ptr_equal(crossing_of(listed, n, 0, 43 * PAGE, pad), &listed[1]);
	assert_ptr_equal(crossing_of(listed, n, 0, 100 * PAGE, pad), NULL);
	assert_int_equal(crossings_copy(&copy, &c), 0);
	/* Back to 60 pages, and on from there. */
	crossings_shrink(&c, 60 * PAGE, count_gone, &gone);
	assert_int_equal(gone, 11);
	assert_int_equal(crossings_brk(&c, 60 * PAGE, 93 * PAGE, 13), 0);
	assert_int_equal(list_all(&c), 3);
	assert_int_equal(listed[2].serial, 4);
	assert_int_equal(list_all(&copy), 3);
	assert_int_equal(listed[2].serial, 3);
	crossings_shrink(&c, 10 * PAGE, count_gone, &gone);
	assert_int_equal(gone, 11 + 5 + 7 + 13);
	assert_int_equal(list_all(&c), 0);
	crossings_shrink(&c, 10 * PAGE, count_gone, &gone);
	assert_int_equal(gone, 36);
	/* Further back than ever, and unmapped there. */
	assert_int_equal(crossings_brk(&c, 4 * PAGE, 37 * PAGE, 17), 0);
	crossings_lose(&c, 3 * PAGE, 4 * PAGE, count_gone, &gone);
	assert_int_equal(gone, 36 + 17);
	crossings_free(&c);
	crossings_free(&copy);
}

static bool ends_at(struct crossings *c, size_t i, uint64_t end, uint64_t pad)
{
	assert_in_range(i, 0, list_all(c) - 1);
	return crossing_fits(&listed[i], 40 * PAGE - 64, end, pad);
}

/* The block's end is known to a page: the heap has top_pad and a chunk of 32 bytes behind it, and
 * is of whole pages. */
static void test_ends(void **state)
{
	struct crossings c = {0};
	const uint64_t pad = 128 << 10, from = 40 * PAGE;

	(void)state;
	/* A small block, from before the old end; 13,008 bytes of which 4,096 fitted; none kept. */
	assert_int_equal(crossings_brk(&c, from, from + 33 * PAGE, 5), 0);
	assert_true(ends_at(&c, 0, from + PAGE - 32, pad));
	assert_true(ends_at(&c, 0, from - 31, pad));
	assert_false(ends_at(&c, 0, from + PAGE - 31, pad));
	assert_false(ends_at(&c, 0, from - 32, pad));
	assert_int_equal(crossings_brk(&c, from, from + 35 * PAGE, 5), 0);
	assert_true(ends_at(&c, 1, from - 4096 + 13008, pad));
	assert_false(ends_at(&c, 1, from + 48, pad));
	assert_int_equal(crossings_brk(&c, from, from + PAGE, 5), 0);
	assert_true(ends_at(&c, 2, from + 48, 0));
	assert_false(ends_at(&c, 2, from + 48, pad));
	/* With huge pages for its heap: the block ends in these two megabytes. */
	assert_int_equal(crossings_brk(&c, from, from + 512 * PAGE, 5), 0);
	assert_true(ends_at(&c, 3, from + 48, pad));
	assert_true(ends_at(&c, 3, from + 512 * PAGE - pad - 32, pad));
	assert_false(ends_at(&c, 3, from + 512 * PAGE - pad - 31, pad));
	crossings_free(&c);
}

#define ARENA (0x7000000000ull)

/* A growth of so many pages. */
static int grow(struct crossings *c, uint64_t from, uint64_t pages, uint32_t site)
{
	const struct hw_heap_grow e = {.from = from, .to = from + pages * PAGE, .top = from - 80};

	return crossings_grow(c, &e, site);
}

/* Heaps grow each at its own end, whichever comes first, and all are in order. */
static void test_heaps(void **state)
{
	struct crossings c = {0}, copy;
	uint64_t gone = 0;
	uint32_t changes;

	(void)state;
	assert_int_equal(grow(&c, ARENA + HW_HEAP_MAX + 33 * PAGE, 63, 2), 0);
	assert_int_equal(crossings_brk(&c, 10 * PAGE, 43 * PAGE, 3), 0);
	assert_int_equal(grow(&c, ARENA + 40 * PAGE, 63, 5), 0);
	assert_int_equal(grow(&c, ARENA + HW_HEAP_MAX + 49 * PAGE, 63, 7), 0);
	assert_int_equal(crossings_brk(&c, 43 * PAGE, 76 * PAGE, 11), 0);
	assert_int_equal(grow(&c, ARENA + 61 * PAGE, 63, 13), 0);
	/* What ends before it is no growth. */
	assert_int_equal(grow(&c, ARENA + 61 * PAGE, 63, 17), 0);
	assert_int_equal(grow(&c, ARENA + 41 * PAGE, 63, 17), 0);
	assert_int_equal(list_all(&c), 6);
	for (uint32_t i = 0; i < 6; i++) {
		static const uint32_t site[] = {3, 11, 5, 13, 2, 7}, serial[] = {2, 5, 3, 6, 1, 4};

		assert_int_equal(listed[i].site, site[i]);
		assert_int_equal(listed[i].serial, serial[i]);
		assert_int_equal(listed[i].main, i < 2);
		assert_true(!i || listed[i].point > listed[i - 1].point);
	}
	assert_int_equal(listed[3].point, ARENA + 61 * PAGE - 32);
	assert_int_equal(listed[3].bytes, HW_HEAP_CELL_FEW);
	assert_int_equal(crossings_copy(&copy, &c), 0);

	/* A range from one into the next; one of the last; then the break, which is no other's. */
	changes = c.changes;
	crossings_lose(&c, ARENA + 61 * PAGE - 32, ARENA + HW_HEAP_MAX + 33 * PAGE - 32, count_gone,
		       &gone);
	assert_int_equal(gone, 13);
	assert_int_equal(c.changes, changes + 1);
	crossings_lose(&c, ARENA + 61 * PAGE - 32, ARENA + HW_HEAP_MAX, count_gone, &gone);
	assert_int_equal(c.changes, changes + 1);
	crossings_lose(&c, 0, ARENA, count_gone, &gone);
	assert_int_equal(gone, 13 + 3 + 11);
	crossings_lose(&c, ARENA, ARENA + HW_HEAP_MAX, count_gone, &gone);
	assert_int_equal(gone, 27 + 5);
	assert_int_equal(list_all(&c), 2);
	assert_int_equal(crossings_brk(&c, 76 * PAGE, 77 * PAGE, 19), 0);
	assert_int_equal(grow(&c, ARENA + 34 * PAGE, 63, 23), 0);
	assert_int_equal(list_all(&c), 4);
	assert_int_equal(listed[0].site, 19);
	assert_int_equal(listed[1].site, 23);
	assert_int_equal(listed[1].serial, 8);
	crossings_free(&c);
	assert_int_equal(list_all(&copy), 6);
	assert_int_equal(listed[3].site, 13);
	crossings_free(&copy);
}

/* Of heaps that grow by mprotect it is known where the block began, and nothing is put on top. */
static void test_fits(void **state)
{
	const uint64_t from = ARENA + 63 * PAGE, pad = 128 << 10;
	struct crossings c = {0};
	size_t n;

	(void)state;
	assert_int_equal(grow(&c, from, 16, 2), 0);
	n = list_all(&c);
	assert_int_equal(listed[0].start, from - 80);
	assert_int_equal(listed[0].point, from - 32);
	assert_ptr_equal(crossing_of(listed, n, from - 80, from + 15 * PAGE - 16, pad), &listed[0]);
	assert_ptr_equal(crossing_of(listed, n, from - 80, from + 15 * PAGE - 32, pad), NULL);
	assert_ptr_equal(crossing_of(listed, n, from - 80, from + 16 * PAGE - 32, pad), &listed[0]);
	assert_ptr_equal(crossing_of(listed, n, from - 80, from + 16 * PAGE - 16, pad), NULL);
	/* realloc made it of one that was there before; another's. */
	assert_ptr_equal(crossing_of(listed, n, from - 96, from + 16 * PAGE - 32, pad), &listed[0]);
	assert_ptr_equal(crossing_of(listed, n, from - 64, from + 16 * PAGE - 32, pad), NULL);
	crossings_free(&c);

	/* Where pages may be larger, as far as one of those is not known. */
	assert_int_equal(grow(&c, ARENA + 64 * PAGE, 48, 2), 0);
	n = list_all(&c);
	assert_true(crossing_fits(&listed[0], ARENA, ARENA + (64 + 48 - 16) * PAGE - 16, 0));
	assert_false(crossing_fits(&listed[0], ARENA, ARENA + (64 + 48 - 16) * PAGE - 32, 0));
	crossings_free(&c);
}

/* Of each cell one page is drawn; a growth is told of where it takes one in, whatever its length.
 */
static void test_drawn(void **state)
{
	uint64_t heap = ARENA, drawn[HW_HEAP_CELL / PAGE] = {0}, random = 88172645463325252ull;
	uint64_t bytes = 0;

	(void)state;
	for (unsigned int h = 0; h < 8; h++, heap += HW_HEAP_MAX)
		for (uint64_t at = heap; at < heap + HW_HEAP_MAX; at += PAGE)
			if (hw_heap_grown(at, at + PAGE)) {
				bytes += hw_heap_grown(at, at + PAGE);
				if (at >= heap + HW_HEAP_FEW)
					drawn[at % HW_HEAP_CELL / PAGE]++;
			}
	assert_int_equal(bytes, 8 * HW_HEAP_MAX);
	/* 126 each, were they all as many. */
	for (size_t i = 0; i < HW_HEAP_CELL / PAGE; i++)
		assert_in_range(drawn[i], 126 - 3 * 11, 126 + 3 * 11);

	for (uint64_t from = ARENA + 33 * PAGE, to; from < ARENA + HW_HEAP_MAX; from = to) {
		uint64_t want = 0, at;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		to = from + (1 + (random >> 8) % (1u << random % 8)) * PAGE;
		if (to > ARENA + HW_HEAP_MAX)
			to = ARENA + HW_HEAP_MAX;
		for (at = from; at < to && !want; at += PAGE)
			want = hw_heap_grown(at, at + PAGE);
		assert_int_equal(hw_heap_grown(from, to), want);
	}
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

/* ---- a heap of chunks of 32, 48, 64 ... bytes, from HEAP on ---- */

#define HEAP  0x10000ull
#define CHUNK 211

struct heap {
	uint64_t word[CHUNK * (CHUNK + 3)], bytes;
};

static int read_heap(const struct memory *m, uint64_t addr, void *buf, size_t len)
{
	const struct heap *h = m->arg;

	if (addr < HEAP || addr + len > HEAP + h->bytes)
		return -14;
	memcpy(buf, (const char *)h->word + (addr - HEAP), len);
	return 0;
}

static void test_find(void **state)
{
	static struct heap h;
	const struct memory mem = {.read = read_heap, .arg = &h};
	uint64_t header[CHUNK], at = 0, points[5], addr[5];

	(void)state;
	for (uint64_t i = 0; i < CHUNK; i++) {
		header[i] = HEAP + at;
		h.word[at / 8 + 1] = (32 + 16 * i) | 1;
		at += 32 + 16 * i;
	}
	h.bytes = at;
	points[0] = header[3];
	points[1] = header[4] - 1;
	points[2] = header[100] + 17;
	points[3] = header[200] + 8;
	points[4] = HEAP + at + 5;
	assert_int_equal(chunks_find(&mem, header[2], points, 5, addr), 0);
	assert_int_equal(addr[0], header[3] + 16);
	assert_int_equal(addr[1], header[3] + 16);
	assert_int_equal(addr[2], header[100] + 16);
	assert_int_equal(addr[3], header[200] + 16);
	assert_int_equal(addr[4], 0);
	/* Where a header makes no sense nothing is said of what follows. */
	h.word[(header[150] - HEAP) / 8 + 1] = 24;
	assert_int_equal(chunks_find(&mem, header[2], points, 5, addr), 0);
	assert_int_equal(addr[2], header[100] + 16);
	assert_int_equal(addr[3], 0);
	h.word[(header[0] - HEAP) / 8 + 1] = 0;
	assert_int_equal(chunks_find(&mem, header[0], points, 5, addr), 0);
	assert_int_equal(addr[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_points), cmocka_unit_test(test_ends),
	    cmocka_unit_test(test_heaps),  cmocka_unit_test(test_fits),
	    cmocka_unit_test(test_drawn),  cmocka_unit_test(test_key_without),
	    cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
