// SPDX-License-Identifier: GPL-2.0
/*
 * test_tcmalloc: what is read from outside is what tcmalloc says itself, to the byte; and the same
 * with words of its memory made wrong at random, which must end, and never add up to nonsense.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "inspect/tcmalloc.h"
#include "own_fixture.h"

static void same(const char *program, const char *preload)
{
	struct allocator_ranges ranges = {0};
	struct tcmalloc_state s;
	struct pagemap *pages;
	struct modules *m;
	struct tcmalloc t;
	struct own o;

	m = own_begin(&o, program, preload);
	assert_int_equal(tcmalloc_locate(o.pid, m, &t), 0);
	assert_int_equal(tcmalloc_read(&t, &s), 0);
	assert_true(s.steady);
	assert_int_equal(s.system, own_says(&o, "generic.heap_size"));
	assert_int_equal(s.unmapped, own_says(&o, "tcmalloc.pageheap_unmapped_bytes"));
	assert_int_equal(s.page_free, own_says(&o, "tcmalloc.pageheap_free_bytes"));
	assert_int_equal(s.central_free, own_says(&o, "tcmalloc.central_cache_free_bytes"));
	assert_int_equal(s.transfer_free, own_says(&o, "tcmalloc.transfer_cache_free_bytes"));
	assert_int_equal(s.thread_free, own_says(&o, "tcmalloc.thread_cache_free_bytes"));
	assert_int_equal(s.in_use, own_says(&o, "generic.current_allocated_bytes"));
	/* What it holds is more than the one block of 40 MiB, and free memory was seen in each
	 * place that has some. */
	assert_true(s.in_use > 40u << 20 && s.page_free && s.central_free && s.thread_free);
	/* Its memory, by its table of pages, is what it counts. */
	assert_int_equal(pagemap__new(o.pid, &pages), 0);
	assert_int_equal(tcmalloc_ranges(&t, pages, &ranges), 0);
	assert_int_equal(own_sum(&ranges), s.system);
	allocator_ranges_free(&ranges);
	pagemap__free(pages);
	own_finish(&o, m);
}

static void test_minimal(void **state)
{
	(void)state;
	same("own", "libtcmalloc_minimal.so.4");
}

static void test_full(void **state)
{
	(void)state;
	same("own", "libtcmalloc.so.4");
}

static void test_linked(void **state)
{
	(void)state;
	same("own-tcmalloc", NULL);
}

static void test_machine(void **state)
{
	struct own o;

	(void)state;
	if (!own_start(&o, "own", "libtcmalloc_minimal.so.4"))
		skip();
	own_in_machine(&o, "tcmalloc", own_says(&o, "generic.heap_size"),
		       own_says(&o, "generic.current_allocated_bytes"));
	own_end(&o);
}

static void test_inside(void **state)
{
	(void)state;
	own_inside("own-tcmalloc", "tcmalloc");
}

static void test_none(void **state)
{
	struct modules *m = modules__new();
	struct tcmalloc t;

	(void)state;
	assert_true(procfs_modules(getpid(), m) >= 0);
	assert_int_equal(tcmalloc_locate(getpid(), m, &t), -ENOENT);
	/* Somewhere that is not what it should be. */
	t = (struct tcmalloc){.mem = memory_of(getpid()), .lock = 4096};
	assert_int_equal(tcmalloc_read(&t, &(struct tcmalloc_state){0}), -ENODATA);
	modules__free(m);
}

static void test_damaged(void **state)
{
	static const int ends[] = {0, -ENODATA, -EAGAIN, -EFAULT};
	struct allocator_ranges ranges = {0};
	struct damage_ends came = {.ends = ends, .n = 4};
	struct pagemap *pages;
	struct modules *m;
	struct tcmalloc t;
	struct own o;

	(void)state;
	m = own_begin(&o, "own", "libtcmalloc_minimal.so.4");
	assert_int_equal(tcmalloc_locate(o.pid, m, &t), 0);
	assert_int_equal(pagemap__new(o.pid, &pages), 0);
	for (uint64_t i = 0; i < 3000; i++) {
		struct damage d = {.real = memory_of(o.pid), .seed = i, .odds = 8000};
		struct tcmalloc_state s;
		int err;

		t.mem = (struct memory){.read = damage_read, .pid = o.pid, .arg = &d};
		/* What its tables say then can take longer to follow. */
		if (i % 50 == 0) {
			err = tcmalloc_ranges(&t, pages, &ranges);
			assert_true(!err || err == -E2BIG);
			allocator_ranges_free(&ranges);
		}
		err = tcmalloc_read(&t, &s);
		damage_ended(&came, err);
		if (!err)
			assert_true(s.in_use <= s.system && !(s.system >> 48));
	}
	/* Each of its ends but the last was come to: the damage was neither too little nor too
	 * much. */
	assert_true(came.seen[0] && came.seen[1] && came.seen[2]);
	pagemap__free(pages);
	own_finish(&o, m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_minimal), cmocka_unit_test(test_full),
	    cmocka_unit_test(test_linked),  cmocka_unit_test(test_none),
	    cmocka_unit_test(test_machine), cmocka_unit_test(test_inside),
	    cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
