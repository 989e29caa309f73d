// SPDX-License-Identifier: GPL-2.0
/* test_ledger: every sentence of ledger.h on what a record of a block means.  Sums are of distinct
 * primes. */
#include "ledger_records.h"

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
	assert_in_range(ledger__memory(l), 1, 20000);
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
	/* Functions that free call each other: the second record of one call is no other block. */
	drop(l, P);
	expect(l, 0, 0, 2, 0, 0);
	alloc(l, P, 101, A);
	drop(l, P);
	drop(l, P);
	expect(l, 0, 0, 2, 0, 0);
	ledger__free(l);
}

/* Whichever other block another thread frees between the two records of one call. */
static void test_older_free_between(void **state)
{
	struct ledger *l = fresh();
	const uint64_t others = 10007;

	(void)state;
	for (uint64_t i = 1; i <= others; i++) {
		drop(l, P);
		drop(l, P + i * 64);
		drop(l, P);
	}
	expect(l, 0, 0, 1 + others, 0, 0);
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
	APPLY(l, hw_proc_exec, HW_PROC_EXEC, .start = 1);
	APPLY(l, hw_proc_exit, HW_PROC_EXIT, .status = 9);
	APPLY(l, hw_proc_fork, HW_PROC_FORK, .child = 8);
	expect(l, 101, 1, 0, 0, 0);
	s = ledger__snapshot(l, 0, 0);
	assert_int_equal(s->events, 3);
	snapshot__free(s);
	ledger__free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(alloc_free),	 TEST(older_free),	   TEST(reallocated),	TEST(realloc_older),
	    TEST(realloc_reuse), TEST(double_begin),	   TEST(end_alone),	TEST(putback_taken),
	    TEST(many_pending),	 TEST(lost_free),	   TEST(unknown_stack), TEST(dropped),
	    TEST(proc_ignored),	 TEST(older_free_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
