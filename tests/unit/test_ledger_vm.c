// SPDX-License-Identifier: GPL-2.0
/* test_ledger_vm: every sentence of ledger.h on what a record of a mapping means. */
#include "ledger_records.h"

#include <stdlib.h>

#include "model/crossings.h"
#include "model/sites.h"

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

static uint32_t leave_one(void *arg, const uint64_t *pc, uint32_t nframes)
{
	(void)pc;
	assert_string_equal(arg, "of a test");
	return nframes > 1;
}

static size_t crossed(struct ledger *l, struct crossing out[8])
{
	static char arg[] = "of a test";
	struct crossing *c;
	size_t n;

	assert_int_equal(ledger__crossings(l, leave_one, arg, &c, &n), 0);
	assert_in_range(n, 0, 8);
	for (size_t i = 0; i < n; i++)
		out[i] = c[i];
	free(c);
	return n;
}

static uint64_t crossed_at(struct ledger *l, uint64_t key)
{
	struct snapshot *s = ledger__snapshot(l, 0, 0);
	uint64_t blocks = 0;

	for (size_t i = 0; i < s->nsites; i++)
		if (s->sites[i].kind == REPORT_HEAP && s->sites[i].pc[0] == key + 2)
			blocks += s->sites[i].blocks;
	snapshot__free(s);
	return blocks;
}

/* A block of 48 bytes that reaches into that page. */
static void touch(struct ledger *l, uint64_t page, uint64_t stack)
{
	APPLY(l, hw_heap_touch, HW_HEAP_TOUCH, .start = page * PAGE - 32, .end = page * PAGE + 16,
	      .pages = 1, .faults = 1, .stack = stack);
}

/* They are of the calls of malloc, without the allocator's own frames, and hold nothing but a place
 * in snapshots. */
static void test_crossings(void **state)
{
	const uint64_t page = MAP / PAGE;
	struct ledger *l = fresh(), *child;
	struct crossing c[8];
	struct snapshot *s;

	(void)state;
	ledger__seed_brk(l, MAP);
	brk_at(l, 2, 0);
	touch(l, page + 1, A);
	assert_int_equal(crossed(l, c), 0);
	APPLY(l, hw_level, HW_LEVEL, .seen = HW_SEEN_NONE);
	brk_at(l, 19, 0);
	touch(l, page + 2, A);
	touch(l, page + 12, A);
	assert_int_equal(crossed(l, c), 2);
	assert_int_equal(c[0].start, MAP + 2 * PAGE - 32);
	assert_int_equal(c[0].end, MAP + 2 * PAGE + 16);
	assert_int_equal(c[1].end, MAP + 12 * PAGE + 16);
	assert_int_equal(c[0].site, c[1].site);
	assert_int_not_equal(c[0].site, SITES_UNKNOWN);
	s = ledger__snapshot(l, 0, 0);
	assert_int_equal(s->nsites, 2);
	assert_int_equal(s->sites[1].kind, REPORT_HEAP);
	assert_int_equal(s->sites[1].blocks, 2);
	assert_int_equal(s->sites[1].bytes, 0);
	assert_int_equal(s->sites[0].nframes, 2);
	assert_int_equal(s->sites[1].nframes, 1);
	assert_int_equal(s->sites[1].pc[0], s->sites[0].pc[1]);
	snapshot__leave_out_crossings(s);
	assert_int_equal(s->nsites, 1);
	assert_int_equal(s->sites_total, 1);
	assert_int_equal(s->sites[0].kind, REPORT_MAP);
	snapshot__free(s);
	/* The break goes back to the end of the first one's page; a child has what it had. */
	child = ledger__fork(l);
	brk_at(l, 12, 0);
	assert_int_equal(crossed(l, c), 1);
	brk_at(l, 3, 0);
	assert_int_equal(crossed(l, c), 1);
	brk_at(l, 2, 0);
	assert_int_equal(crossed(l, c), 0);
	assert_int_equal(crossed(child, c), 2);
	ledger__free(l);
	ledger__free(child);
}

/* They are gone with their memory, however that went. */
static void test_crossings_lost(void **state)
{
	const uint64_t heap = MAP / PAGE, other = heap + (64ull << 20) / PAGE;
	struct ledger *l = fresh(), *child;
	struct crossing c[8];

	(void)state;
	APPLY(l, hw_level, HW_LEVEL, .seen = HW_SEEN_NONE);
	touch(l, other + 33, A);
	touch(l, heap + 33, A);
	touch(l, heap + 48, B);
	touch(l, heap + 63, A);
	assert_int_equal(crossed(l, c), 4);
	assert_int_equal(c[3].end, (other + 33) * PAGE + 16);
	assert_int_equal(c[0].site, c[3].site);
	assert_int_not_equal(c[0].site, c[1].site);
	assert_int_equal(crossed_at(l, A), 3);
	assert_int_equal(crossed_at(l, B), 1);
	child = ledger__fork(l);
	/* A mapping that may be a block's, until it is moved, and then where it is. */
	map(l, MAP / 2, 5 * PAGE, 0);
	map(l, MAP / 2 + 8 * PAGE, 5 * PAGE, HW_VM_IN_ALLOC);
	assert_int_equal(crossed(l, c), 5);
	assert_true(c[0].mapped);
	assert_int_equal(c[0].start, MAP / 2);
	assert_int_equal(c[0].end, MAP / 2 + 5 * PAGE - MAPPED_END);
	range(l, HW_VM_REMAP_BEGIN, MAP / 2, 5 * PAGE);
	remap(l, MAP / 2, 5 * PAGE, MAP / 4, 7 * PAGE, 0);
	assert_int_equal(crossed(l, c), 5);
	assert_int_equal(c[0].start, MAP / 4);
	assert_int_equal(c[0].end, MAP / 4 + 7 * PAGE - MAPPED_END);
	/* Emptied, it is there still. */
	APPLY(l, hw_vm_advise, HW_VM_ADVISE, .addr = MAP / 4, .len = 7 * PAGE, .advice = 4);
	assert_int_equal(crossed(l, c), 5);
	range(l, HW_VM_UNMAP, MAP / 4, 7 * PAGE);
	assert_int_equal(crossed(l, c), 4);

	APPLY(l, hw_vm_advise, HW_VM_ADVISE, .addr = (heap + 60) * PAGE, .len = 18 * PAGE,
	      .advice = 4);
	assert_int_equal(crossed(l, c), 3);
	assert_int_equal(crossed_at(l, A), 2);
	/* Whoever touches a page again that was swapped out, or that was lost. */
	touch(l, heap + 48, A);
	assert_int_equal(crossed(l, c), 3);
	assert_int_equal(crossed_at(l, B), 1);
	touch(l, heap + 63, B);
	assert_int_equal(crossed(l, c), 4);
	assert_int_equal(crossed_at(l, B), 2);
	range(l, HW_VM_UNMAP, other * PAGE, 64ull << 20);
	assert_int_equal(crossed(l, c), 3);
	map(l, (heap + 39) * PAGE, 25 * PAGE, HW_VM_NOACCESS);
	assert_int_equal(crossed(l, c), 1);
	assert_int_equal(crossed_at(l, A), 1);
	assert_int_equal(crossed(child, c), 4);
	ledger__free(l);
	ledger__free(child);
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

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(vm_map), TEST(vm_brk_advise), TEST(crossings),
					   TEST(crossings_lost), TEST(vm_remap)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
