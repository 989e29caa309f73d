// SPDX-License-Identifier: GPL-2.0
/* test_decode: what is a record, and all that is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "wire/decode.h"

#define TOP (1ull << 48)

/* A copy on the heap of exactly that size, so that ASan sees a read behind it. */
static int decode(const void *record, size_t len)
{
	union wire_event ev;
	void *copy = malloc(len ? len : 1);
	int err;

	memcpy(copy, record, len);
	err = wire_decode(copy, len, &ev);
	if (!err)
		assert_ptr_equal(ev.hdr, copy);
	free(copy);
	return err;
}

#define DECODE(type, k, ...)                                                           \
	({                                                                             \
		struct type e_ = {.hdr = {.tgid = 1, .kind = (k), .size = sizeof(e_)}, \
				  __VA_ARGS__};                                        \
		decode(&e_, sizeof(e_));                                               \
	})

#define TOUCH(from, to, n)                                                               \
	DECODE(hw_heap_touch, HW_HEAP_TOUCH, .start = (from), .end = (to), .pages = (n), \
	       .faults = (n))

static void test_blocks(void **state)
{
	(void)state;
	assert_int_equal(DECODE(hw_alloc, HW_ALLOC, .addr = 16, .size = UINT64_MAX), 0);
	assert_int_equal(DECODE(hw_alloc, HW_ALLOC, .addr = TOP - 1), 0);
	assert_int_equal(DECODE(hw_alloc, HW_ALLOC, .addr = TOP), -EBADMSG);
	assert_int_equal(DECODE(hw_alloc, HW_ALLOC, .addr = 0), -EBADMSG);
	assert_int_equal(DECODE(hw_free, HW_FREE, .addr = 16), 0);
	assert_int_equal(DECODE(hw_free, HW_FREE, .addr = 0), -EBADMSG);
	assert_int_equal(DECODE(hw_free, HW_FREE, .addr = UINT64_MAX), -EBADMSG);
	assert_int_equal(DECODE(hw_realloc_begin, HW_REALLOC_BEGIN, .addr = 16), 0);
	assert_int_equal(DECODE(hw_realloc_begin, HW_REALLOC_BEGIN, .addr = 0), -EBADMSG);
	assert_int_equal(DECODE(hw_realloc_end, HW_REALLOC_END, .old_addr = 16, .addr = 0), 0);
	assert_int_equal(DECODE(hw_realloc_end, HW_REALLOC_END, .old_addr = 16, .addr = TOP),
			 -EBADMSG);
	assert_int_equal(DECODE(hw_realloc_end, HW_REALLOC_END, .old_addr = 0, .addr = 16),
			 -EBADMSG);
}

static void test_requests(void **state)
{
	(void)state;
	assert_int_equal(DECODE(hw_request, HW_REQUEST, .chunk = 1056), 0);
	assert_int_equal(DECODE(hw_request, HW_REQUEST, .chunk = TOP - 16), 0);
	assert_int_equal(DECODE(hw_request, HW_REQUEST, .chunk = TOP), -EBADMSG);
	assert_int_equal(DECODE(hw_request, HW_REQUEST, .chunk = 1040), -EBADMSG);
	assert_int_equal(DECODE(hw_request, HW_REQUEST, .chunk = 1000008), -EBADMSG);
	assert_int_equal(DECODE(hw_level, HW_LEVEL, .requests = 1), 0);
	assert_int_equal(DECODE(hw_level, HW_LEVEL, .requests = 2), -EBADMSG);
}

static void test_ranges(void **state)
{
	static const uint16_t kinds[] = {HW_VM_UNMAP, HW_VM_UNMAP_FAIL, HW_VM_REMAP_BEGIN};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		assert_int_equal(DECODE(hw_vm_range, kinds[i], .addr = 4096, .len = 8192), 0);
		assert_int_equal(DECODE(hw_vm_range, kinds[i], .addr = 4096, .len = TOP - 4096), 0);
		assert_int_equal(DECODE(hw_vm_range, kinds[i], .addr = 4096, .len = TOP - 4095),
				 -EBADMSG);
		assert_int_equal(DECODE(hw_vm_range, kinds[i], .addr = TOP, .len = 0), -EBADMSG);
		assert_int_equal(
		    DECODE(hw_vm_range, kinds[i], .addr = 4096, .len = UINT64_MAX - 4095),
		    -EBADMSG);
	}
	assert_int_equal(DECODE(hw_vm_map, HW_VM_MAP, .addr = 4096, .len = 4096), 0);
	assert_int_equal(DECODE(hw_vm_map, HW_VM_MAP, .addr = TOP - 1, .len = 2), -EBADMSG);
	assert_int_equal(DECODE(hw_vm_brk, HW_VM_BRK, .brk = TOP - 1), 0);
	assert_int_equal(DECODE(hw_vm_brk, HW_VM_BRK, .brk = TOP), -EBADMSG);
	assert_int_equal(
	    DECODE(hw_vm_remap, HW_VM_REMAP_END, .old_addr = 4096, .old_len = 4096, .addr = 0), 0);
	assert_int_equal(
	    DECODE(hw_vm_remap, HW_VM_REMAP_END, .old_addr = TOP, .old_len = 4096, .addr = 0),
	    -EBADMSG);
	assert_int_equal(DECODE(hw_vm_remap, HW_VM_REMAP_END, .addr = TOP - 1, .len = 2), -EBADMSG);
	assert_int_equal(DECODE(hw_vm_advise, HW_VM_ADVISE, .addr = 4096, .len = 4096), 0);
	assert_int_equal(DECODE(hw_vm_advise, HW_VM_ADVISE, .addr = 1, .len = TOP), -EBADMSG);
	/* A chunk, of 32 bytes at least, as they begin and end; it stands for something. */
	assert_int_equal(TOUCH(4096, 4128, 1), 0);
	assert_int_equal(TOUCH(4096, 4112, 1), -EBADMSG);
	assert_int_equal(TOUCH(4096, 4136, 1), -EBADMSG);
	assert_int_equal(TOUCH(4104, 4144, 1), -EBADMSG);
	assert_int_equal(TOUCH(4128, 4096, 1), -EBADMSG);
	assert_int_equal(TOUCH(0, 4096, 1), -EBADMSG);
	assert_int_equal(TOUCH(4096, 4128, 0), -EBADMSG);
	assert_int_equal(TOUCH(4096, TOP, 1), -EBADMSG);
	assert_int_equal(DECODE(hw_proc_exec, HW_PROC_EXEC), 0);
	assert_int_equal(DECODE(hw_proc_exit, HW_PROC_EXIT), 0);
	assert_int_equal(DECODE(hw_proc_exec, HW_PROC_EXEC, .comm = "0123456789abcdef"), -EBADMSG);
	assert_int_equal(DECODE(hw_proc_fork, HW_PROC_FORK, .child = 7), 0);
	assert_int_equal(DECODE(hw_proc_fork, HW_PROC_FORK, .child = 1), -EBADMSG);
	assert_int_equal(DECODE(hw_proc_fork, HW_PROC_FORK, .child = 0), -EBADMSG);
}

static void test_stacks(void **state)
{
	union {
		struct hw_stack s;
		uint64_t words[sizeof(struct hw_stack) / 8 + HW_MAX_FRAMES + 1];
	} e = {.s = {.hdr = {.tgid = 1, .kind = HW_STACK}, .stack = 1009}};

	(void)state;
	for (uint16_t n = 0; n <= HW_MAX_FRAMES + 1; n++) {
		uint16_t len = (uint16_t)(sizeof(e.s) + n * 8u);

		e.s.hdr.size = len;
		e.s.nframes = n;
		assert_int_equal(decode(&e, len), n <= HW_MAX_FRAMES ? 0 : -EBADMSG);
		e.s.nframes = (uint16_t)(n + 1);
		assert_int_equal(decode(&e, len), -EBADMSG);
		e.s.nframes = UINT16_MAX;
		assert_int_equal(decode(&e, len), -EBADMSG);
	}
	e.s.hdr.size = sizeof(e.s);
	e.s.nframes = 0;
	e.s.stack = 0;
	assert_int_equal(decode(&e, sizeof(e.s)), -EBADMSG);
	e.s.stack = 1;
	e.s.hdr.size = 24;
	assert_int_equal(decode(&e, 24), -EBADMSG);
}

/* Every kind at every length: only its own will do, and only where the header says so. */
static void test_sizes(void **state)
{
	static const uint16_t sizes[HW_KIND_END] = {
	    0, 32, 40, 24, 32, 56, 48, 40, 40, 40, 40, 64, 40, 312, 104, 24, 424, 32, 56, 48, 32,
	};
	uint64_t words[38];

	(void)state;
	for (uint16_t kind = 0; kind < HW_KIND_END + 2; kind++)
		for (uint16_t len = 0; len <= sizeof(words); len++) {
			struct hw_hdr *h = (struct hw_hdr *)words;
			bool right = kind && kind < HW_KIND_END && len == sizes[kind];

			/* The word 4096 is an address, a length and a key; nframes are 0 in it. */
			for (size_t i = 0; i < 38; i++)
				words[i] = 4096;
			if (kind == HW_STACK || kind == HW_LEVEL)
				words[kind == HW_STACK ? 3 : 2] = 0;
			else if (kind == HW_PROC_FORK)
				words[3] = 1; /* a child of its own */
			else if (kind == HW_HEAP_TOUCH)
				words[3] = 8192, words[5] = 1 | 1ull << 32;
			h->kind = kind;
			h->size = len;
			assert_int_equal(decode(words, len), right ? 0 : -EBADMSG);
			h->size = (uint16_t)(len + 1);
			assert_int_equal(decode(words, len), -EBADMSG);
		}
}

static void test_codes(void **state)
{
	struct {
		struct hw_code c;
		uint8_t table[24];
	} e = {.c = {.hdr = {.tgid = 1, .kind = HW_CODE, .size = sizeof(e)},
		     .table_size = 23,
		     .name_size = HW_CODE_NAME,
		     .file_size = HW_CODE_FILE,
		     .name_kind = 4,
		     .file_kind = 1}};
	const struct hw_code good = e.c;

	(void)state;
	assert_int_equal(decode(&e, sizeof(e)), 0);
	e.c.table_size = 25;
	assert_int_equal(decode(&e, sizeof(e)), -EBADMSG);
	e.c = good;
	e.c.code = 1ull << 44;
	assert_int_equal(decode(&e, sizeof(e)), -EBADMSG);
	e.c = good;
	e.c.name_size = HW_CODE_NAME + 4;
	assert_int_equal(decode(&e, sizeof(e)), -EBADMSG);
	e.c.name_size = 6; /* one character and a half */
	assert_int_equal(decode(&e, sizeof(e)), -EBADMSG);
	e.c = good;
	e.c.file_kind = 3;
	assert_int_equal(decode(&e, sizeof(e)), -EBADMSG);
	e.c = good;
	e.c.file_size = HW_CODE_FILE + 1;
	assert_int_equal(decode(&e, sizeof(e)), -EBADMSG);
	e.c = good;
	e.c.table_size = 0;
	e.c.hdr.size = sizeof(e.c);
	assert_int_equal(decode(&e, sizeof(e.c)), 0);
	e.c.hdr.size = sizeof(e.c) - 8;
	assert_int_equal(decode(&e, sizeof(e.c) - 8), -EBADMSG);
}

static void test_misaligned(void **state)
{
	uint64_t words[8] = {0};
	union wire_event ev;

	(void)state;
	for (int i = 1; i < 8; i++)
		assert_int_equal(wire_decode((char *)words + i, 24, &ev), -EINVAL);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(wire_kind_name(HW_STACK), "stack");
	assert_string_equal(wire_kind_name(HW_PROC_EXIT), "proc_exit");
	assert_string_equal(wire_kind_name(0), "?");
	assert_string_equal(wire_kind_name(HW_KIND_END), "?");
	assert_string_equal(wire_kind_name(UINT32_MAX), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_blocks), cmocka_unit_test(test_requests),
	    cmocka_unit_test(test_ranges), cmocka_unit_test(test_stacks),
	    cmocka_unit_test(test_sizes),  cmocka_unit_test(test_misaligned),
	    cmocka_unit_test(test_names),  cmocka_unit_test(test_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
