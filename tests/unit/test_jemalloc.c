// SPDX-License-Identifier: GPL-2.0
/*
 * test_jemalloc: what is read from outside is what jemalloc says itself, to the byte; and the same
 * with words of its memory made wrong at random, which must end, and never add up to nonsense.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "inspect/jemalloc.h"
#include "own_fixture.h"

static void same(const char *program, const char *preload)
{
	struct allocator_ranges ranges = {0};
	struct jemalloc_state s;
	struct pagemap *pages;
	struct modules *m;
	struct jemalloc j;
	struct own o;

	m = own_begin(&o, program, preload);
	assert_int_equal(jemalloc_locate(o.pid, m, &j), 0);
	assert_int_equal(jemalloc_read(&j, &s), 0);
	assert_true(s.steady);
	assert_int_equal(s.in_use, own_says(&o, "stats.allocated"));
	assert_int_equal(s.active, own_says(&o, "stats.active"));
	assert_int_equal(s.metadata, own_says(&o, "stats.metadata"));
	assert_int_equal(s.resident, own_says(&o, "stats.resident"));
	assert_int_equal(s.system, own_says(&o, "stats.mapped"));
	/* Each thread has an arena, and so have blocks of 8 MiB and more: one of 40 MiB. */
	assert_true(s.in_use > 40u << 20);
	assert_int_equal(s.narenas, 5);
	/* Its memory, by its table of pages, is what it counts. */
	assert_int_equal(pagemap__new(o.pid, &pages), 0);
	assert_int_equal(jemalloc_ranges(&j, pages, &ranges), 0);
	assert_int_equal(own_sum(&ranges), s.system + own_says(&o, "stats.retained"));
	allocator_ranges_free(&ranges);
	pagemap__free(pages);
	own_finish(&o, m);
}

static void test_preloaded(void **state)
{
	(void)state;
	same("own", "libjemalloc.so.2");
}

static void test_linked(void **state)
{
	(void)state;
	same("own-jemalloc", NULL);
}

static void test_classes(void **state)
{
	(void)state;
	/* jemalloc(3), "Size classes" */
	assert_int_equal(jemalloc_class(0), 8);
	assert_int_equal(jemalloc_class(1), 16);
	assert_int_equal(jemalloc_class(8), 128);
	assert_int_equal(jemalloc_class(9), 160);
	assert_int_equal(jemalloc_class(12), 256);
	assert_int_equal(jemalloc_class(35), 14336);
	assert_int_equal(jemalloc_class(36), 16384);
	assert_int_equal(jemalloc_class(JEMALLOC_CLASSES - 1), 7ull << 60);
}

static void test_machine(void **state)
{
	struct own o;

	(void)state;
	if (!own_start(&o, "own", "libjemalloc.so.2"))
		skip();
	own_in_machine(&o, "jemalloc", own_says(&o, "stats.mapped"),
		       own_says(&o, "stats.allocated"));
	own_end(&o);
}

static void test_inside(void **state)
{
	(void)state;
	own_inside("own-jemalloc", "jemalloc");
}

static void test_none(void **state)
{
	struct modules *m = modules__new();
	struct jemalloc j;

	(void)state;
#ifndef __x86_64__
	printf("skip: the layout that is known is x86-64's\n");
	skip();
#endif
	assert_true(procfs_modules(getpid(), m) >= 0);
	assert_int_equal(jemalloc_locate(getpid(), m, &j), -ENOENT);
	/* Somewhere that is not what it should be. */
	j = (struct jemalloc){.mem = memory_of(getpid()), .bin_infos = (uintptr_t)&j};
	assert_int_equal(jemalloc_read(&j, &(struct jemalloc_state){0}), -ENODATA);
	modules__free(m);
}

static void test_damaged(void **state)
{
	static const int ends[] = {0, -ENODATA, -EAGAIN, -EFAULT};
	struct allocator_ranges ranges = {0};
	struct damage_ends came = {.ends = ends, .n = 4};
	struct pagemap *pages;
	struct modules *m;
	struct jemalloc j;
	struct own o;

	(void)state;
	m = own_begin(&o, "own", "libjemalloc.so.2");
	assert_int_equal(jemalloc_locate(o.pid, m, &j), 0);
	assert_int_equal(pagemap__new(o.pid, &pages), 0);
	for (uint64_t i = 0; i < 3000; i++) {
		struct damage d = {.real = memory_of(o.pid), .seed = i, .odds = 8000};
		struct jemalloc_state s;
		int err;

		j.mem = (struct memory){.read = damage_read, .pid = o.pid, .arg = &d};
		/* What its tables say then can take longer to follow. */
		if (i % 50 == 0) {
			err = jemalloc_ranges(&j, pages, &ranges);
			assert_true(!err || err == -E2BIG);
			allocator_ranges_free(&ranges);
		}
		err = jemalloc_read(&j, &s);
		damage_ended(&came, err);
		if (!err)
			assert_true(s.in_use <= s.active && s.active <= s.system &&
				    !(s.system >> 47));
	}
	/* Each of its ends was come to: the damage was neither too little nor too much. */
	assert_true(came.seen[0] && came.seen[1] && came.seen[2] && came.seen[3]);
	pagemap__free(pages);
	own_finish(&o, m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_preloaded), cmocka_unit_test(test_linked),
	    cmocka_unit_test(test_classes),   cmocka_unit_test(test_none),
	    cmocka_unit_test(test_machine),   cmocka_unit_test(test_inside),
	    cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
