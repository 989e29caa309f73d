// SPDX-License-Identifier: GPL-2.0
/* test_sites: keys to ids, frames, and the totals of two kinds; and the choice for a snapshot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "heapwatch/event.h"
#include "model/ledger.h"
#include "model/sites.h"

static const uint64_t pcs[] = {0x401009, 0x40200b, 0x40300d, 0x404011, 0x405013};

static void test_unknown(void **state)
{
	struct sites *s = sites__new();
	struct stack site;

	(void)state;
	assert_non_null(s);
	assert_int_equal(sites__count(s), 1);
	assert_int_equal(sites__find(s, 0), SITES_UNKNOWN);
	assert_int_equal(sites__find(s, 0xdeadbeef), SITES_UNKNOWN);
	sites__stack(s, SITES_UNKNOWN, &site);
	assert_int_equal(site.key, 0);
	assert_int_equal(site.nframes, 0);
	assert_null(site.pc);
	assert_int_equal(sites__add(s, 0, 0, 1, pcs), -EINVAL);
	assert_int_equal(sites__count(s), 1);
	sites__free(s);
	sites__free(NULL);
}

static void test_frames(void **state)
{
	struct sites *s = sites__new();
	struct stack site;
	uint32_t id;

	(void)state;
	assert_int_equal(sites__add(s, 1009, HW_STACK_NOFRAME, 3, pcs), 0);
	assert_int_equal(sites__add(s, 1013, 0, 0, NULL), 0);
	assert_int_equal(sites__add(s, 1019, HW_STACK_FULL, 2, pcs + 3), 0);
	/* Known already: the first frames stay. */
	assert_int_equal(sites__add(s, 1009, 0, 2, pcs + 1), 0);
	assert_int_equal(sites__count(s), 4);

	id = sites__find(s, 1009);
	assert_int_not_equal(id, SITES_UNKNOWN);
	sites__stack(s, id, &site);
	assert_int_equal(site.key, 1009);
	assert_int_equal(site.flags, HW_STACK_NOFRAME);
	assert_int_equal(site.nframes, 3);
	assert_memory_equal(site.pc, pcs, 3 * sizeof(pcs[0]));
	sites__stack(s, sites__find(s, 1013), &site);
	assert_int_equal(site.key, 1013);
	assert_int_equal(site.nframes, 0);
	sites__stack(s, sites__find(s, 1019), &site);
	assert_int_equal(site.flags, HW_STACK_FULL);
	assert_int_equal(site.nframes, 2);
	assert_memory_equal(site.pc, pcs + 3, 2 * sizeof(pcs[0]));
	sites__free(s);
}

static void test_totals(void **state)
{
	struct sites *s = sites__new();
	struct site_total heap, map;
	uint32_t id;

	(void)state;
	assert_int_equal(sites__add(s, 7, 0, 1, pcs), 0);
	id = sites__find(s, 7);
	sites__change(s, id, REPORT_HEAP, 1009, 3);
	sites__allocated(s, id, REPORT_HEAP, 2003, 5);
	sites__change(s, id, REPORT_MAP, 8192, 2);
	sites__change(s, id, REPORT_HEAP, -1000, -2);
	sites__change(s, id, REPORT_MAP, -8192, -2);
	sites__change(s, SITES_UNKNOWN, REPORT_HEAP, 11, 1);
	heap = sites__total(s, id, REPORT_HEAP);
	map = sites__total(s, id, REPORT_MAP);
	assert_int_equal(heap.bytes, 9);
	assert_int_equal(heap.blocks, 1);
	assert_int_equal(heap.allocated_bytes, 2003);
	assert_int_equal(heap.allocated_blocks, 5);
	assert_int_equal(map.bytes, 0);
	assert_int_equal(map.blocks, 0);
	assert_int_equal(map.allocated_bytes, 0);
	assert_int_equal(sites__total(s, SITES_UNKNOWN, REPORT_HEAP).bytes, 11);
	sites__free(s);
}

/* Keys that differ in their top or their low bits only, and enough of them to grow often. */
static void test_many(void **state)
{
	const uint32_t n = 20011;
	struct sites *s = sites__new();
	struct stack site;

	(void)state;
	for (uint32_t i = 1; i <= n; i++) {
		uint64_t pc[2] = {i, ~(uint64_t)i};

		assert_int_equal(sites__add(s, i & 1 ? i : (uint64_t)i << 40, 0, 1 + i % 2, pc), 0);
	}
	assert_int_equal(sites__count(s), n + 1);
	for (uint32_t i = 1; i <= n; i++) {
		sites__stack(s, sites__find(s, i & 1 ? i : (uint64_t)i << 40), &site);
		assert_int_equal(site.nframes, 1 + i % 2);
		assert_int_equal(site.pc[0], i);
		assert_int_equal(site.pc[site.nframes - 1], i % 2 ? ~(uint64_t)i : i);
	}
	assert_in_range(sites__memory(s), 44 * n, 400 * n);
	sites__free(s);
}

static void test_snapshot(void **state)
{
	struct sites *s = sites__new();
	struct snapshot *snap;

	(void)state;
	for (uint64_t key = 1; key <= 5; key++)
		assert_int_equal(sites__add(s, key, 0, 1, &pcs[key - 1]), 0);
	sites__change(s, sites__find(s, 1), REPORT_HEAP, 101, 1);
	sites__change(s, sites__find(s, 2), REPORT_HEAP, 307, 1);
	sites__change(s, sites__find(s, 3), REPORT_HEAP, 101, 7);
	sites__change(s, sites__find(s, 3), REPORT_MAP, 4096, 1);
	sites__change(s, sites__find(s, 4), REPORT_HEAP, 0, 2);
	/* Nothing outstanding, though something was once. */
	sites__allocated(s, sites__find(s, 5), REPORT_HEAP, 9973, 1);

	snap = sites__snapshot(s, 0, 0);
	assert_int_equal(snap->nsites, 5);
	assert_int_equal(snap->sites_total, 5);
	assert_int_equal(snap->hidden_bytes, 0);
	assert_int_equal(snap->sites[0].stack, 3);
	assert_int_equal(snap->sites[0].kind, REPORT_MAP);
	assert_int_equal(snap->sites[0].bytes, 4096);
	assert_int_equal(snap->sites[1].stack, 2);
	assert_int_equal(snap->sites[2].stack, 1); /* a tie, by key */
	assert_int_equal(snap->sites[3].stack, 3);
	assert_int_equal(snap->sites[3].kind, REPORT_HEAP);
	assert_int_equal(snap->sites[3].blocks, 7);
	assert_int_equal(snap->sites[4].stack, 4);
	assert_int_equal(snap->sites[4].bytes, 0);
	assert_int_equal(snap->sites[4].blocks, 2);

	/* It does not depend on the sites any more. */
	sites__free(s);
	assert_int_equal(snap->sites[1].pc[0], pcs[1]);
	snapshot__free(snap);
	snapshot__free(NULL);
}

/* Stacks that are not whole, also those with nothing outstanding: by their lowest flag. */
static void test_flagged(void **state)
{
	const uint32_t flags[] = {0, HW_STACK_FULL, HW_STACK_NOCODE | HW_STACK_NOPYTHON,
				  HW_STACK_NOCODE, HW_STACK_NOPYTHON};
	struct sites *s = sites__new();
	struct snapshot *snap;

	(void)state;
	for (uint64_t key = 1; key <= 5; key++) {
		assert_int_equal(sites__add(s, key, flags[key - 1], 1, &pcs[key - 1]), 0);
		sites__allocated(s, sites__find(s, key), REPORT_HEAP, 8, 11 * key);
		sites__allocated(s, sites__find(s, key), REPORT_MAP, 8, 1);
	}
	snap = sites__snapshot(s, 1, 0);
	assert_int_equal(snap->stacks.stacks, 5);
	assert_int_equal(snap->stacks.allocated_blocks, 11 * 15 + 5);
	for (unsigned int i = 0; i < HW_STACK_FLAGS; i++) {
		const struct snapshot_flagged *f = &snap->flagged[i];
		bool full = 1u << i == HW_STACK_FULL, python = 1u << i == HW_STACK_NOPYTHON;
		bool code = 1u << i == HW_STACK_NOCODE;

		assert_int_equal(f->stacks, full || python ? 1 : code ? 2 : 0);
		assert_int_equal(f->allocated_blocks, full ? 23 : python ? 56 : code ? 79 : 0);
	}
	snapshot__free(snap);
	sites__free(s);
}

static void test_snapshot_limits(void **state)
{
	struct sites *s = sites__new();
	struct snapshot *snap;

	(void)state;
	for (uint64_t key = 1; key <= 5; key++) {
		assert_int_equal(sites__add(s, key, 0, 5, pcs), 0);
		sites__change(s, sites__find(s, key), REPORT_HEAP, 100 * (int64_t)key, 1);
	}
	snap = sites__snapshot(s, 2, 0);
	assert_int_equal(snap->nsites, 2);
	assert_int_equal(snap->sites_total, 5);
	assert_int_equal(snap->sites[0].bytes, 500);
	assert_int_equal(snap->sites[1].bytes, 400);
	assert_int_equal(snap->hidden_bytes, 600);
	snapshot__free(snap);

	snap = sites__snapshot(s, 0, 301);
	assert_int_equal(snap->nsites, 2);
	assert_int_equal(snap->hidden_bytes, 600);
	snapshot__free(snap);

	snap = sites__snapshot(s, 7, 300);
	assert_int_equal(snap->nsites, 3);
	assert_int_equal(snap->hidden_bytes, 300);
	assert_memory_equal(snap->sites[2].pc, pcs, sizeof(pcs));
	snapshot__free(snap);

	snap = sites__snapshot(s, 1, 501);
	assert_int_equal(snap->nsites, 0);
	assert_int_equal(snap->sites_total, 5);
	assert_int_equal(snap->hidden_bytes, 1500);
	snapshot__free(snap);
	sites__free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_unknown),  cmocka_unit_test(test_frames),
	    cmocka_unit_test(test_totals),   cmocka_unit_test(test_many),
	    cmocka_unit_test(test_snapshot), cmocka_unit_test(test_snapshot_limits),
	    cmocka_unit_test(test_flagged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
