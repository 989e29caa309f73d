// SPDX-License-Identifier: GPL-2.0
/* test_account: lines that sum to RSS, and advice only where the figures carry it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "inspect/account.h"

#define MIB (1ull << 20)

static struct glibc_arena arenas[3];

/* 100 MiB of RSS: 60 of malloc, 10 of threads, 29 of files, 1 of nothing known. */
static struct explain usual(void)
{
	struct explain e = {.rss = 100 * MIB,
			    .has_glibc = true,
			    .minor = 36,
			    .mmap_threshold = 128 << 10,
			    .trim_threshold = 128 << 10};

	memset(arenas, 0, sizeof(arenas));
	arenas[0] = (struct glibc_arena){.main = true,
					 .system = 60 * MIB,
					 .top_bytes = MIB / 2,
					 .confidence = GLIBC_EXACT,
					 .walked = true};
	e.census.kind[CENSUS_HEAP].resident = 50 * MIB;
	e.census.kind[CENSUS_MMAPPED].resident = 10 * MIB;
	e.census.kind[CENSUS_THREAD_STACK].resident = 10 * MIB;
	e.census.kind[CENSUS_FILE].resident = 29 * MIB;
	e.state.arenas = arenas;
	e.state.narenas = 1;
	e.state.confidence = GLIBC_EXACT;
	e.state.sum.system = 60 * MIB;
	e.totals = (struct pins_totals){
	    .seen = 30 * MIB, .overhead = 2 * MIB, .older = 17 * MIB, .free = 7 * MIB};
	return e;
}

static int64_t line(const struct account *a, const char *what, const char *quality)
{
	for (size_t i = 0; i < a->nlines; i++)
		if (!strcmp(a->lines[i].what, what)) {
			assert_string_equal(a->lines[i].quality, quality);
			return a->lines[i].bytes;
		}
	return -1;
}

static void sums(const struct account *a, const struct explain *e)
{
	int64_t sum = 0;

	for (size_t i = 0; i < a->nlines; i++)
		sum += a->lines[i].bytes;
	assert_int_equal(sum, (int64_t)e->rss);
	assert_string_equal(a->lines[a->nlines - 1].what, "unexplained");
}

static const struct report_advice *advice(const struct account *a, const char *what)
{
	for (size_t i = 0; i < a->nadvice; i++)
		if (!strncmp(a->advice[i].what, what, strlen(what)))
			return &a->advice[i];
	return NULL;
}

static void test_lines(void **state)
{
	struct explain e = usual();
	struct account_input in = {.explain = &e, .pid = 17, .probes = true, .is_glibc = true};
	struct account a;

	(void)state;
	account_make(&in, &a);
	sums(&a, &e);
	assert_int_equal(line(&a, "live blocks seen, by callsite", "exact"), 30 * MIB);
	assert_int_equal(line(&a, "live blocks from before the attach", "exact"), 17 * MIB);
	/* 4 MiB more than the chunks have: the arenas' own headers. */
	assert_int_equal(line(&a, "allocator overhead", "exact"), 6 * MIB);
	assert_int_equal(line(&a, "free but resident in the allocator", "exact"), 7 * MIB);
	assert_int_equal(line(&a, "thread stacks", "exact"), 10 * MIB);
	assert_int_equal(line(&a, "unexplained", "exact"), MIB);
	assert_int_equal(line(&a, "generated code", "exact"), -1);
	assert_int_equal(a.nadvice, 0);

	/* Sums by the lists alone: what no chunk told is not called overhead. */
	arenas[0].walked = false;
	account_make(&in, &a);
	sums(&a, &e);
	assert_int_equal(line(&a, "allocator overhead", "exact"), 2 * MIB);
	assert_int_equal(line(&a, "malloc's heaps, where no walk went", "degraded"), 4 * MIB);
	arenas[0].walked = true;

	in.degraded = true;
	account_make(&in, &a);
	assert_int_equal(line(&a, "live blocks seen, by callsite", "degraded"), 30 * MIB);

	in.degraded = in.probes = false;
	e.state.confidence = arenas[0].confidence = GLIBC_ESTIMATED;
	account_make(&in, &a);
	assert_int_equal(line(&a, "live blocks", "estimated"), 17 * MIB);

	/* Looked at a while ago: what RSS did since is told, and the sum is that of now. */
	in.rss = 97 * MIB;
	account_make(&in, &a);
	assert_int_equal(line(&a, "changed since this was looked at", "degraded"),
			 -3 * (int64_t)MIB);
	assert_int_equal(line(&a, "unexplained", "exact"), MIB);
	in.rss = 0;

	/* More counted than RSS says: the last line is below 0, and the sum still holds. */
	e.rss = 98 * MIB;
	account_make(&in, &a);
	sums(&a, &e);
	assert_int_equal(line(&a, "unexplained", "exact"), -(int64_t)MIB);
}

static void test_torn(void **state)
{
	struct explain e = usual();
	struct account_input in = {.explain = &e, .pid = 17, .probes = true, .is_glibc = true};
	struct account a;

	(void)state;
	/* What has a mapping of its own is known all the same. */
	arenas[0].confidence = GLIBC_UNKNOWN;
	arenas[0].walked = false;
	e.state.confidence = GLIBC_UNKNOWN;
	e.state.sum.trimmable = 40 * MIB;
	e.totals = (struct pins_totals){.seen = 10 * MIB};
	account_make(&in, &a);
	sums(&a, &e);
	assert_int_equal(line(&a, "live blocks seen, by callsite", "exact"), 10 * MIB);
	assert_int_equal(line(&a, "malloc's heaps, in use or free", "degraded"), 50 * MIB);
	assert_int_equal(line(&a, "allocator overhead", "exact"), -1);
	assert_int_equal(a.nadvice, 0);

	/* One arena of three tore: the others are told. */
	arenas[1] = arenas[2] = arenas[0];
	arenas[0].confidence = GLIBC_EXACT;
	arenas[2].confidence = GLIBC_ESTIMATED;
	arenas[0].walked = arenas[2].walked = true;
	e.state.narenas = 3;
	e.totals = (struct pins_totals){
	    .seen = 20 * MIB, .overhead = MIB, .older = 2 * MIB, .free = 7 * MIB};
	account_make(&in, &a);
	sums(&a, &e);
	assert_int_equal(line(&a, "live blocks seen, by callsite", "estimated"), 20 * MIB);
	assert_int_equal(line(&a, "allocator overhead", "estimated"), MIB);
	assert_int_equal(line(&a, "malloc's heaps, in use or free", "degraded"), 30 * MIB);
	assert_int_equal(a.nadvice, 0);

	/* The heap shrank between the walk and the census. */
	e.totals.seen = 61 * MIB;
	account_make(&in, &a);
	sums(&a, &e);
	assert_int_equal(line(&a, "malloc's heaps, in use or free", "degraded"), 60 * MIB);
	assert_int_equal(line(&a, "live blocks seen, by callsite", "estimated"), -1);
}

static void test_other_allocator(void **state)
{
	struct explain e = {.rss = 100 * MIB};
	struct account_input in = {.explain = &e, .probes = true, .outstanding = 31 * MIB};
	struct account a;

	(void)state;
	e.census.kind[CENSUS_ANON].resident = 90 * MIB;
	account_make(&in, &a);
	sums(&a, &e);
	assert_int_equal(line(&a, "live blocks of other allocators", "estimated"), 31 * MIB);
	assert_int_equal(
	    line(&a, "other anonymous memory, the allocator's free memory in it", "estimated"),
	    59 * MIB);
	/* Untouched blocks: more is outstanding than resident. */
	in.outstanding = 200 * MIB;
	account_make(&in, &a);
	sums(&a, &e);
	in.probes = false;
	account_make(&in, &a);
	assert_int_equal(line(&a, "anonymous memory, the allocator's in it", "exact"), 90 * MIB);
}

/* One that tells of itself, and whose memory is known: 60 MiB resident of it. */
static void test_own_allocator(void **state)
{
	struct explain e = {.rss = 100 * MIB,
			    .own_name = "tcmalloc",
			    .has_own = true,
			    .own_ranges = true,
			    .own = {.name = "tcmalloc", .system = 80 * MIB, .in_use = 47 * MIB}};
	struct account_input in = {.explain = &e, .outstanding = 31 * MIB};
	struct account a;

	(void)state;
	e.census.kind[CENSUS_OWN].resident = 60 * MIB;
	e.census.kind[CENSUS_ANON].resident = 29 * MIB;
	e.census.kind[CENSUS_FILE].resident = 11 * MIB;
	account_make(&in, &a);
	sums(&a, &e);
	assert_int_equal(line(&a, "live blocks, in tcmalloc", "estimated"), 47 * MIB);
	assert_int_equal(line(&a, "free or overhead, in tcmalloc", "estimated"), 13 * MIB);
	assert_int_equal(line(&a, "other anonymous mappings", "exact"), 29 * MIB);
	assert_int_equal(line(&a, "unexplained", "exact"), 0);

	/* Of what the ledger has, a walk found 2 MiB in glibc's heap. */
	in.probes = true;
	e.totals.seen = 2 * MIB;
	account_make(&in, &a);
	sums(&a, &e);
	assert_int_equal(line(&a, "live blocks seen, in tcmalloc", "estimated"), 29 * MIB);
	assert_int_equal(line(&a, "older blocks, rounding, in tcmalloc", "estimated"), 18 * MIB);
	in.partly = true;
	account_make(&in, &a);
	assert_int_equal(line(&a, "blocks not seen, rounding, in tcmalloc", "estimated"), 18 * MIB);
	in.partly = false;
	in.degraded = true;
	account_make(&in, &a);
	assert_int_equal(line(&a, "live blocks seen, in tcmalloc", "degraded"), 29 * MIB);

	/* Blocks that were never touched: no more than what is resident. */
	e.own.in_use = 70 * MIB;
	in.outstanding = 200 * MIB;
	account_make(&in, &a);
	sums(&a, &e);
	assert_int_equal(line(&a, "live blocks seen, in tcmalloc", "degraded"), 60 * MIB);
	assert_int_equal(line(&a, "older blocks, rounding, in tcmalloc", "degraded"), -1);
	assert_int_equal(line(&a, "free or overhead, in tcmalloc", "estimated"), -1);

	/* Its counters tore. */
	e.has_own = false;
	account_make(&in, &a);
	sums(&a, &e);
	assert_int_equal(line(&a, "tcmalloc's memory, in use or free", "degraded"), 60 * MIB);
}

static void test_advice(void **state)
{
	struct explain e = usual();
	struct account_input in = {.explain = &e, .pid = 4711, .is_glibc = true};
	const struct report_advice *x;
	struct account a;

	(void)state;
	e.state.sum.trimmable = 6 * MIB;
	e.totals.free = 40 * MIB;
	e.totals.seen = 0;
	account_make(&in, &a);
	x = advice(&a, "malloc_trim(0): 512 KiB at the top of the heap, 5.50 MiB within");
	assert_non_null(x);
	assert_int_equal(x->gives_back_bytes, 6 * MIB);
	assert_non_null(strstr(x->how, "gdb -p 4711 "));
	assert_null(advice(&a, "MALLOC_ARENA_MAX"));
	assert_null(advice(&a, "MALLOC_MMAP_THRESHOLD_"));

	/* Under a twentieth of RSS nothing is said. */
	e.state.sum.trimmable = 5 * MIB - 1;
	account_make(&in, &a);
	assert_null(advice(&a, "malloc_trim"));

	arenas[1] = (struct glibc_arena){.system = MIB, .free_resident = 20 * MIB};
	arenas[2] = (struct glibc_arena){.system = MIB, .free_resident = 11 * MIB};
	e.state.narenas = 3;
	account_make(&in, &a);
	x = advice(&a, "MALLOC_ARENA_MAX: free memory is spread over 3 arenas");
	assert_non_null(x);
	assert_int_equal(x->gives_back_bytes, 11 * MIB);

	e.totals.large_free = 13 * MIB;
	account_make(&in, &a);
	assert_null(advice(&a, "MALLOC_MMAP_THRESHOLD_"));
	e.mmap_threshold = 31 * MIB;
	e.trim_threshold = 62 * MIB;
	arenas[0].top_bytes = 19 * MIB + (128 << 10);
	account_make(&in, &a);
	assert_int_equal(advice(&a, "MALLOC_MMAP_THRESHOLD_")->gives_back_bytes, 13 * MIB);
	assert_int_equal(advice(&a, "MALLOC_TRIM_THRESHOLD_")->gives_back_bytes, 19 * MIB);

	e.totals.sparse_free = 34 * MIB;
	account_make(&in, &a);
	assert_int_equal(advice(&a, "another allocator")->gives_back_bytes, 34 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),	    cmocka_unit_test(test_torn),
	    cmocka_unit_test(test_other_allocator), cmocka_unit_test(test_own_allocator),
	    cmocka_unit_test(test_advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
