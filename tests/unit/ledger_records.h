/* SPDX-License-Identifier: GPL-2.0 */
/* ledger_records.h: records made by hand, and what a ledger is expected to say after them. */
#ifndef TESTS_LEDGER_RECORDS_H
#define TESTS_LEDGER_RECORDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <errno.h>

#include "heapwatch/event.h"
#include "model/ledger.h"

#define P     0x7f0000001000ull
#define Q     0x7f0000002000ull
#define MAP   0x7e0000000000ull
#define PAGE  4096ull
#define A     1009 /* stacks */
#define B     1013
#define T1    101 /* threads */
#define T2    103
#define START 5000000000ull

#define HDR(k, type)                                                               \
	{                                                                          \
		.tgid = 7, .kind = (k), .size = sizeof(struct type), .time = START \
	}
#define APPLY(l, type, k, ...)                                       \
	do {                                                         \
		struct type e_ = {.hdr = HDR(k, type), __VA_ARGS__}; \
		union wire_event ev_ = {.hdr = &e_.hdr};             \
		assert_int_equal(ledger__apply(l, &ev_), 0);         \
	} while (0)

static inline void stack(struct ledger *l, uint64_t key)
{
	union {
		struct hw_stack s;
		uint64_t words[sizeof(struct hw_stack) / 8 + 2];
	} e = {.s = {HDR(HW_STACK, hw_stack), .stack = key, .nframes = 2}};
	union wire_event ev = {.stack = &e.s};

	e.s.hdr.size = sizeof(e);
	e.words[sizeof(e.s) / 8] = key + 1;
	e.words[sizeof(e.s) / 8 + 1] = key + 2;
	assert_int_equal(ledger__apply(l, &ev), 0);
}

static inline struct ledger *fresh(void)
{
	struct ledger *l = ledger__new(START);

	assert_non_null(l);
	stack(l, A);
	stack(l, B);
	return l;
}

static inline void alloc(struct ledger *l, uint64_t p, uint64_t n, uint64_t key)
{
	APPLY(l, hw_alloc, HW_ALLOC, .addr = p, .size = n, .stack = key);
}

static inline void drop(struct ledger *l, uint64_t p)
{
	APPLY(l, hw_free, HW_FREE, .addr = p);
}

static inline void begin(struct ledger *l, uint32_t tid, uint64_t p)
{
	APPLY(l, hw_realloc_begin, HW_REALLOC_BEGIN, .addr = p, .tid = tid);
}

static inline void end(struct ledger *l, uint32_t tid, uint64_t old, uint64_t p, uint64_t n)
{
	APPLY(l, hw_realloc_end, HW_REALLOC_END, .old_addr = old, .addr = p, .size = n, .stack = B,
	      .tid = tid);
}

static inline void map(struct ledger *l, uint64_t p, uint64_t n, uint32_t flags)
{
	APPLY(l, hw_vm_map, HW_VM_MAP, .addr = p, .len = n, .stack = A, .flags = flags);
}

static inline void range(struct ledger *l, uint16_t kind, uint64_t p, uint64_t n)
{
	APPLY(l, hw_vm_range, kind, .addr = p, .len = n, .tid = T1);
}

static inline void remap(struct ledger *l, uint64_t old, uint64_t on, uint64_t p, uint64_t n,
			 uint32_t f)
{
	APPLY(l, hw_vm_remap, HW_VM_REMAP_END, .old_addr = old, .old_len = on, .addr = p, .len = n,
	      .stack = B, .tid = T1, .flags = f);
}

/* The sums at this point: bytes and blocks outstanding, and what went wrong. */
static inline void expect(struct ledger *l, uint64_t bytes, uint64_t blocks, uint64_t older,
			  uint64_t overwritten, uint64_t unsettled)
{
	struct snapshot *s = ledger__snapshot(l, 0, 0);
	uint64_t site_bytes = 0, site_blocks = 0;

	assert_non_null(s);
	for (size_t i = 0; i < s->nsites; i++) {
		if (s->sites[i].kind != REPORT_HEAP)
			continue;
		site_bytes += s->sites[i].bytes;
		site_blocks += s->sites[i].blocks;
	}
	assert_int_equal(s->outstanding_bytes, bytes);
	assert_int_equal(s->outstanding_blocks, blocks);
	assert_int_equal(site_bytes, bytes);
	assert_int_equal(site_blocks, blocks);
	assert_int_equal(s->older_freed_blocks, older);
	assert_int_equal(s->overwritten, overwritten);
	assert_int_equal(s->unsettled, unsettled);
	assert_int_equal(s->dropped, 0);
	snapshot__free(s);
}

static inline struct snapshot_site site(struct ledger *l, uint64_t key, enum report_kind kind)
{
	struct snapshot *s = ledger__snapshot(l, 0, 0);
	struct snapshot_site found = {.stack = ~0ull};

	for (size_t i = 0; i < s->nsites; i++)
		if (s->sites[i].stack == key && s->sites[i].kind == kind)
			found = s->sites[i];
	found.pc = NULL;
	snapshot__free(s);
	return found;
}

static inline void expect_mapped(struct ledger *l, uint64_t program, uint64_t allocator,
				 uint64_t reserved, uint64_t older, uint64_t older_freed)
{
	struct snapshot *s = ledger__snapshot(l, 0, 0);

	assert_int_equal(s->mappings.bytes[MAPPING_PROGRAM], program * PAGE);
	assert_int_equal(s->mappings.bytes[MAPPING_ALLOCATOR], allocator * PAGE);
	assert_int_equal(s->mappings.bytes[MAPPING_RESERVED], reserved * PAGE);
	assert_int_equal(s->mappings.bytes[MAPPING_OLDER], older * PAGE);
	assert_int_equal(s->older_freed_bytes, older_freed * PAGE);
	snapshot__free(s);
}

#define TEST(name) cmocka_unit_test(test_##name)

#endif
