// SPDX-License-Identifier: GPL-2.0
/* test_crossings: blocks for which the heap grew: which chunk, whose, and what they stand for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/types.h>

#include "heapwatch/mix.h"
#include "inspect/chunks.h"
#include "inspect/memory.h"
#include "model/crossings.h"
#include "model/stacks.h"

#define PAGE 4096ull

static void test_points(void **state)
{
	struct crossings c = {0}, copy;

	(void)state;
	assert_int_equal(crossings_grow(&c, 10 * PAGE, 43 * PAGE, 5), 0);
	assert_int_equal(crossings_grow(&c, 43 * PAGE, 76 * PAGE, 7), 0);
	assert_int_equal(crossings_grow(&c, 76 * PAGE, 77 * PAGE, 7), 0);
	assert_int_equal(c.n, 3);
	assert_int_equal(c.all[1].point, 43 * PAGE - 32);
	assert_int_equal(c.all[1].bytes, 33 * PAGE);
	/* The chunk that begins there, ends there, and is about it. */
	assert_ptr_equal(crossing_of(c.all, c.n, 43 * PAGE - 32, 43 * PAGE), &c.all[1]);
	assert_ptr_equal(crossing_of(c.all, c.n, 43 * PAGE - 64, 43 * PAGE - 32), NULL);
	assert_ptr_equal(crossing_of(c.all, c.n, 43 * PAGE - 64, 43 * PAGE - 31), &c.all[1]);
	assert_ptr_equal(crossing_of(c.all, c.n, 43 * PAGE - 31, 76 * PAGE - 32), NULL);
	assert_ptr_equal(crossing_of(c.all, c.n, 0, 100 * PAGE), &c.all[0]);
	assert_int_equal(crossings_copy(&copy, &c), 0);
	/* Back to 60 pages, and on from there. */
	assert_int_equal(crossings_shrink(&c, 60 * PAGE), 1);
	assert_int_equal(crossings_grow(&c, 60 * PAGE, 93 * PAGE, 9), 0);
	assert_int_equal(c.n, 3);
	assert_int_equal(c.all[2].serial, 4);
	assert_int_equal(copy.n, 3);
	assert_int_equal(copy.all[2].serial, 3);
	assert_int_equal(crossings_shrink(&c, 10 * PAGE), 3);
	assert_int_equal(crossings_shrink(&c, 10 * PAGE), 0);
	crossings_free(&c);
	crossings_free(&copy);
}

/* The block's end is known to a page: the heap has top_pad and a chunk of 32 bytes behind it, and
 * is of whole pages. */
static void test_ends(void **state)
{
	struct crossings c = {0};
	const uint64_t pad = 128 << 10, from = 40 * PAGE;

	(void)state;
	/* A small block, from before the old end; 13,008 bytes of which 4,096 fitted; none kept. */
	assert_int_equal(crossings_grow(&c, from, from + 33 * PAGE, 5), 0);
	assert_true(crossing_fits(&c.all[0], from + PAGE - 32, pad));
	assert_true(crossing_fits(&c.all[0], from - 31, pad));
	assert_false(crossing_fits(&c.all[0], from + PAGE - 31, pad));
	assert_false(crossing_fits(&c.all[0], from - 32, pad));
	assert_int_equal(crossings_grow(&c, from, from + 35 * PAGE, 5), 0);
	assert_true(crossing_fits(&c.all[1], from - 4096 + 13008, pad));
	assert_false(crossing_fits(&c.all[1], from + 48, pad));
	assert_int_equal(crossings_grow(&c, from, from + PAGE, 5), 0);
	assert_true(crossing_fits(&c.all[2], from + 48, 0));
	assert_false(crossing_fits(&c.all[2], from + 48, pad));
	/* With huge pages for its heap: the block ends in these two megabytes. */
	assert_int_equal(crossings_grow(&c, from, from + 512 * PAGE, 5), 0);
	assert_true(crossing_fits(&c.all[3], from + 48, pad));
	assert_true(crossing_fits(&c.all[3], from + 512 * PAGE - pad - 32, pad));
	assert_false(crossing_fits(&c.all[3], from + 512 * PAGE - pad - 31, pad));
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
	    cmocka_unit_test(test_points),
	    cmocka_unit_test(test_ends),
	    cmocka_unit_test(test_key_without),
	    cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
