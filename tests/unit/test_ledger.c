// SPDX-License-Identifier: GPL-2.0
/* test_ledger: every sentence of ledger.h on what a record means.  Sums are of distinct primes. */
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

static void stack(struct ledger *l, uint64_t key)
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

static struct ledger *fresh(void)
{
	struct ledger *l = ledger__new(START);

	assert_non_null(l);
	stack(l, A);
	stack(l, B);
	return l;
}

static void alloc(struct ledger *l, uint64_t p, uint64_t n, uint64_t key)
{
	APPLY(l, hw_alloc, HW_ALLOC, .addr = p, .size = n, .stack = key);
}

static void drop(struct ledger *l, uint64_t p)
{
	APPLY(l, hw_free, HW_FREE, .addr = p);
}

static void begin(struct ledger *l, uint32_t tid, uint64_t p)
{
	APPLY(l, hw_realloc_begin, HW_REALLOC_BEGIN, .addr = p, .tid = tid);
}

static void end(struct ledger *l, uint32_t tid, uint64_t old, uint64_t p, uint64_t n)
{
	APPLY(l, hw_realloc_end, HW_REALLOC_END, .old_addr = old, .addr = p, .size = n, .stack = B,
	      .tid = tid);
}

static void map(struct ledger *l, uint64_t p, uint64_t n, uint32_t flags)
{
	APPLY(l, hw_vm_map, HW_VM_MAP, .addr = p, .len = n, .stack = A, .flags = flags);
}

static void range(struct ledger *l, uint16_t kind, uint64_t p, uint64_t n)
{
	APPLY(l, hw_vm_range, kind, .addr = p, .len = n, .tid = T1);
}

static void remap(struct ledger *l, uint64_t old, uint64_t on, uint64_t p, uint64_t n, uint32_t f)
{
	APPLY(l, hw_vm_remap, HW_VM_REMAP_END, .old_addr = old, .old_len = on, .addr = p, .len = n,
	      .stack = B, .tid = T1, .flags = f);
}

/* The sums at this point: bytes and blocks outstanding, and what went wrong. */
static void expect(struct ledger *l, uint64_t bytes, uint64_t blocks, uint64_t older,
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

static struct snapshot_site site(struct ledger *l, uint64_t key, enum report_kind kind)
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

static void expect_mapped(struct ledger *l, uint64_t program, uint64_t allocator, uint64_t reserved,
			  uint64_t older, uint64_t older_freed)
{
	struct snapshot *s = ledger__snapshot(l, 0, 0);

	assert_int_equal(s->mappings.bytes[MAPPING_PROGRAM], program * PAGE);
	assert_int_equal(s->mappings.bytes[MAPPING_ALLOCATOR], allocator * PAGE);
	assert_int_equal(s->mappings.bytes[MAPPING_RESERVED], reserved * PAGE);
	assert_int_equal(s->mappings.bytes[MAPPING_OLDER], older * PAGE);
	assert_int_equal(s->older_freed_bytes, older_freed * PAGE);
	snapshot__free(s);
}

static void test_alloc_free(void **state)
{
	struct ledger *l = fresh();
	struct snapshot_site a;
	struct snapshot *s;

	(void)state;
	alloc(l, P, 1009, A);
	alloc(l, Q, 13, A);
	alloc(l, P + 16, 0, B); /* malloc(0) is a block */
	expect(l, 1022, 3, 0, 0, 0);
	drop(l, P);
	expect(l, 13, 2, 0, 0, 0);
	a = site(l, A, REPORT_HEAP);
	assert_int_equal(a.bytes, 13);
	assert_int_equal(a.blocks, 1);
	assert_int_equal(a.allocated_bytes, 1022);
	assert_int_equal(a.allocated_blocks, 2);
	assert_int_equal(a.nframes, 2);
	s = ledger__snapshot(l, 1, 0);
	assert_int_equal(s->nsites, 1);
	assert_int_equal(s->sites_total, 2);
	assert_int_equal(s->sites[0].pc[0], A + 1);
	assert_int_equal(s->sites[0].pc[1], A + 2);
	snapshot__free(s);
	assert_int_equal(site(l, B, REPORT_HEAP).blocks, 1);
	drop(l, Q);
	drop(l, P + 16);
	expect(l, 0, 0, 0, 0, 0);
	assert_in_range(ledger__memory(l), 1, 10000);
	ledger__free(l);
	ledger__free(NULL);
}

static void test_older_free(void **state)
{
	struct ledger *l = fresh();

	(void)state;
	drop(l, P);
	drop(l, Q);
	expect(l, 0, 0, 2, 0, 0);
	ledger__free(l);
}

static void test_reallocated(void **state)
{
	struct ledger *l = fresh();
	struct snapshot_site b;

	(void)state;
	alloc(l, P, 101, A);
	begin(l, T1, P);
	expect(l, 101, 1, 0, 0, 0); /* at risk, but there */
	end(l, T1, P, Q, 211);	    /* moved */
	expect(l, 211, 1, 0, 0, 0);
	begin(l, T1, Q);
	end(l, T1, Q, Q, 307); /* grown */
	expect(l, 307, 1, 0, 0, 0);
	b = site(l, B, REPORT_HEAP);
	assert_int_equal(b.bytes, 307);
	assert_int_equal(b.allocated_bytes, 518);
	assert_int_equal(b.allocated_blocks, 2);

	begin(l, T1, Q);
	end(l, T1, Q, 0, 1ull << 50); /* failed: it is as it was */
	expect(l, 307, 1, 0, 0, 0);
	assert_int_equal(site(l, B, REPORT_HEAP).allocated_bytes, 518);
	begin(l, T1, Q);
	end(l, T1, Q, 0, 0); /* size 0 freed it */
	expect(l, 0, 0, 0, 0, 0);
	drop(l, Q);
	expect(l, 0, 0, 1, 0, 0);
	ledger__free(l);
}

static void test_realloc_older(void **state)
{
	struct ledger *l = fresh();

	(void)state;
	begin(l, T1, P);
	end(l, T1, P, 0, 11); /* failed: still there, still unknown */
	expect(l, 0, 0, 0, 0, 0);
	begin(l, T1, P);
	end(l, T1, P, P, 13); /* now it is one of ours */
	expect(l, 13, 1, 1, 0, 0);
	begin(l, T1, Q);
	end(l, T1, Q, 0, 0);
	expect(l, 13, 1, 2, 0, 0);
	ledger__free(l);
}

/* While T1's realloc is under way, T2 is given the old address: no free was lost. */
static void test_realloc_reuse(void **state)
{
	struct ledger *l = fresh();

	(void)state;
	alloc(l, P, 101, A);
	begin(l, T1, P);
	alloc(l, P, 103, A);
	end(l, T1, P, Q, 211);
	expect(l, 314, 2, 0, 0, 0);
	drop(l, P);
	expect(l, 211, 1, 0, 0, 0);

	/* Two at once, each with its own old block. */
	alloc(l, P, 107, A);
	begin(l, T1, P);
	begin(l, T2, Q);
	end(l, T1, P, Q, 109); /* what T2 gives up */
	end(l, T2, Q, 0x1000, 113);
	expect(l, 222, 2, 0, 0, 0);
	ledger__free(l);
}

static void test_double_begin(void **state)
{
	struct ledger *l = fresh();

	(void)state;
	alloc(l, P, 101, A);
	alloc(l, Q, 103, A);
	begin(l, T1, P);
	begin(l, T1, Q); /* the END between is lost, P is most likely gone */
	expect(l, 103, 1, 0, 0, 1);
	end(l, T1, Q, P, 107);
	expect(l, 107, 1, 0, 0, 1);

	/* An END and the next BEGIN are lost: two records, one block each. */
	alloc(l, Q, 109, A);
	begin(l, T1, P);
	end(l, T1, Q, 0x1000, 113);
	expect(l, 113, 1, 0, 0, 3);
	ledger__free(l);
}

static void test_end_alone(void **state)
{
	struct ledger *l = fresh();

	(void)state;
	alloc(l, P, 101, A);
	end(l, T1, P, Q, 103);
	expect(l, 103, 1, 0, 0, 1);
	end(l, T1, Q, Q, 107); /* in place: not an overwritten one */
	expect(l, 107, 1, 0, 0, 2);
	end(l, T1, Q, 0, 109); /* failed */
	expect(l, 107, 1, 0, 0, 3);
	end(l, T1, Q, 0, 0); /* freed */
	expect(l, 0, 0, 0, 0, 4);
	end(l, T1, P, Q, 113); /* of a block not known */
	expect(l, 113, 1, 1, 0, 5);
	ledger__free(l);
}

/* The BEGIN's failure contradicts an allocation at its address: the later record is right. */
static void test_putback_taken(void **state)
{
	struct ledger *l = fresh();

	(void)state;
	alloc(l, P, 101, A);
	begin(l, T1, P);
	alloc(l, P, 103, A);
	end(l, T1, P, 0, 107);
	expect(l, 103, 1, 0, 0, 1);
	ledger__free(l);
}

static void test_many_pending(void **state)
{
	struct ledger *l = fresh();

	(void)state;
	for (uint32_t i = 1; i <= 997; i++) {
		alloc(l, P + i * 16, i, A);
		begin(l, i, P + i * 16);
	}
	expect(l, 997 * 998 / 2, 997, 0, 0, 0);
	for (uint32_t i = 997; i >= 1; i--)
		end(l, i, P + i * 16, i % 2 ? 0 : P + i * 16, 2 * i);
	/* The odd ones failed, the even ones doubled. */
	expect(l, 499 * 499 + 2 * 498 * 499, 997, 0, 0, 0);
	ledger__free(l);
}

static void test_lost_free(void **state)
{
	struct ledger *l = fresh();

	(void)state;
	alloc(l, P, 101, A);
	alloc(l, P, 103, B);
	expect(l, 103, 1, 0, 1, 0);
	assert_int_equal(site(l, A, REPORT_HEAP).stack, ~0ull);
	alloc(l, Q, 107, A);
	begin(l, T1, Q);
	end(l, T1, Q, P, 109); /* moved onto a live one */
	expect(l, 109, 1, 0, 2, 0);
	ledger__free(l);
}

static void test_unknown_stack(void **state)
{
	struct ledger *l = fresh();
	struct snapshot_site unknown;

	(void)state;
	alloc(l, P, 101, 9973);
	alloc(l, Q, 103, 9967);
	unknown = site(l, 0, REPORT_HEAP);
	assert_int_equal(unknown.bytes, 204);
	assert_int_equal(unknown.nframes, 0);
	stack(l, 9973);
	alloc(l, Q + 16, 107, 9973);
	assert_int_equal(site(l, 9973, REPORT_HEAP).bytes, 107);
	drop(l, P);
	assert_int_equal(site(l, 0, REPORT_HEAP).bytes, 103);
	ledger__free(l);
}

/* Not what the table can hold: seen, and what was there is known to be gone. */
static void test_dropped(void **state)
{
	struct ledger *l = fresh();
	struct snapshot *s;

	(void)state;
	alloc(l, P, 101, A);
	alloc(l, P, 1ull << 40, A);
	alloc(l, Q + 3, 103, A);
	s = ledger__snapshot(l, 0, 0);
	assert_int_equal(s->dropped, 2);
	assert_int_equal(s->overwritten, 1);
	assert_int_equal(s->outstanding_blocks, 0);
	assert_int_equal(s->sites_total, 0);
	assert_int_equal(s->events, 5);
	snapshot__free(s);
	ledger__free(l);
}

static void test_proc_ignored(void **state)
{
	struct ledger *l = fresh();
	struct snapshot *s;

	(void)state;
	alloc(l, P, 101, A);
	APPLY(l, hw_proc_event, HW_PROC_EXEC, .status = 0);
	APPLY(l, hw_proc_event, HW_PROC_EXIT, .status = 9);
	expect(l, 101, 1, 0, 0, 0);
	s = ledger__snapshot(l, 0, 0);
	assert_int_equal(s->events, 3);
	snapshot__free(s);
	ledger__free(l);
}

static void test_vm_map(void **state)
{
	struct ledger *l = fresh();
	struct snapshot_site a;

	(void)state;
	assert_int_equal(ledger__seed_mapping(l, MAP - 64 * PAGE, 31 * PAGE), 0);
	map(l, MAP, 7 * PAGE - 5, 0); /* rounded up */
	map(l, MAP + 16 * PAGE, 11 * PAGE, HW_VM_IN_ALLOC);
	map(l, MAP + 32 * PAGE, 13 * PAGE, HW_VM_NOACCESS | HW_VM_IN_ALLOC);
	map(l, MAP + 64 * PAGE, 17 * PAGE, HW_VM_FILE);
	map(l, MAP + 96 * PAGE, 19 * PAGE, HW_VM_SHARED);
	expect_mapped(l, 7, 11, 13, 31, 0);
	a = site(l, A, REPORT_MAP);
	assert_int_equal(a.bytes, 7 * PAGE);
	assert_int_equal(a.blocks, 1);
	assert_int_equal(a.allocated_bytes, 7 * PAGE);
	assert_int_equal(a.allocated_blocks, 1);
	expect(l, 0, 0, 0, 0, 0);

	/* A file over the end of it; a munmap in the older ones; one that is refused. */
	map(l, MAP + 5 * PAGE, 2 * PAGE, HW_VM_FILE);
	range(l, HW_VM_UNMAP, MAP - 64 * PAGE, 3 * PAGE - 1);
	expect_mapped(l, 5, 11, 13, 28, 3);
	range(l, HW_VM_UNMAP, MAP, PAGE);
	range(l, HW_VM_UNMAP_FAIL, MAP, PAGE);
	expect_mapped(l, 4, 11, 13, 28, 3);
	expect(l, 0, 0, 0, 0, 1);
	assert_int_equal(site(l, A, REPORT_MAP).bytes, 4 * PAGE);
	assert_int_equal(site(l, A, REPORT_MAP).allocated_bytes, 7 * PAGE);
	ledger__free(l);
}

static void brk_at(struct ledger *l, uint64_t pages, uint32_t flags)
{
	APPLY(l, hw_vm_brk, HW_VM_BRK, .brk = MAP + pages * PAGE, .stack = A, .flags = flags);
}

static void test_vm_brk_advise(void **state)
{
	struct ledger *l = fresh();
	struct snapshot *s;

	(void)state;
	brk_at(l, 2, 0); /* learns where it is */
	expect_mapped(l, 0, 0, 0, 0, 0);
	brk_at(l, 5, 0);
	brk_at(l, 12, HW_VM_IN_ALLOC);
	expect_mapped(l, 3, 7, 0, 0, 0);
	assert_int_equal(site(l, A, REPORT_MAP).allocated_bytes, 3 * PAGE);
	brk_at(l, 4, 0);
	expect_mapped(l, 2, 0, 0, 0, 0);
	ledger__free(l);

	l = fresh();
	ledger__seed_brk(l, MAP);
	brk_at(l, 5, 0);
	expect_mapped(l, 5, 0, 0, 0, 0);
	assert_int_equal(site(l, A, REPORT_MAP).allocated_bytes, 5 * PAGE);
	APPLY(l, hw_vm_advise, HW_VM_ADVISE, .addr = MAP, .len = 3 * PAGE - 7,
	      .advice = MADV_DONTNEED);
	s = ledger__snapshot(l, 0, 0);
	assert_int_equal(s->advised_bytes, 3 * PAGE);
	snapshot__free(s);
	ledger__free(l);
}

static void test_vm_remap(void **state)
{
	struct ledger *l = fresh();

	(void)state;
	map(l, MAP, 5 * PAGE, 0);
	range(l, HW_VM_REMAP_BEGIN, MAP, 5 * PAGE);
	remap(l, MAP, 5 * PAGE, MAP + 64 * PAGE, 11 * PAGE, 0);
	expect_mapped(l, 11, 0, 0, 0, 0);
	assert_int_equal(site(l, A, REPORT_MAP).bytes, 11 * PAGE);
	assert_int_equal(site(l, A, REPORT_MAP).allocated_bytes, 11 * PAGE);
	assert_int_equal(site(l, A, REPORT_MAP).allocated_blocks, 1);
	expect(l, 0, 0, 0, 0, 0);

	range(l, HW_VM_REMAP_BEGIN, MAP + 64 * PAGE, 11 * PAGE);
	remap(l, MAP + 64 * PAGE, 11 * PAGE, 0, 0, 0); /* failed */
	expect_mapped(l, 11, 0, 0, 0, 0);

	range(l, HW_VM_REMAP_BEGIN, MAP + 64 * PAGE, 11 * PAGE);
	remap(l, MAP + 64 * PAGE, 11 * PAGE, MAP, 11 * PAGE, HW_VM_DONTUNMAP);
	expect_mapped(l, 22, 0, 0, 0, 0);
	assert_int_equal(site(l, A, REPORT_MAP).blocks, 2);
	expect(l, 0, 0, 0, 0, 0);

	/* A file's range is not counted, at its new place neither, and hides what was there. */
	range(l, HW_VM_REMAP_BEGIN, MAP + 512 * PAGE, PAGE);
	remap(l, MAP + 512 * PAGE, PAGE, MAP, 3 * PAGE, 0);
	expect_mapped(l, 19, 0, 0, 0, 0);
	expect(l, 0, 0, 0, 0, 0);

	/* END without BEGIN still moves; a second BEGIN counts; realloc's own is another matter. */
	remap(l, MAP + 64 * PAGE, 11 * PAGE, MAP + 128 * PAGE, 7 * PAGE, 0);
	expect_mapped(l, 15, 0, 0, 0, 0);
	expect(l, 0, 0, 0, 0, 1);
	alloc(l, P, 101, A);
	begin(l, T1, P);
	range(l, HW_VM_REMAP_BEGIN, MAP, PAGE);
	range(l, HW_VM_REMAP_BEGIN, MAP, PAGE);
	remap(l, MAP, PAGE, 0, 0, HW_VM_IN_ALLOC);
	end(l, T1, P, P, 103);
	expect(l, 103, 1, 0, 0, 2);
	ledger__free(l);
}

#define TEST(name) cmocka_unit_test(test_##name)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(alloc_free),	 TEST(older_free),   TEST(reallocated),	  TEST(realloc_older),
	    TEST(realloc_reuse), TEST(double_begin), TEST(end_alone),	  TEST(putback_taken),
	    TEST(many_pending),	 TEST(lost_free),    TEST(unknown_stack), TEST(dropped),
	    TEST(proc_ignored),	 TEST(vm_map),	     TEST(vm_brk_advise), TEST(vm_remap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
