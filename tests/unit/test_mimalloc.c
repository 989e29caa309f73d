// SPDX-License-Identifier: GPL-2.0
/*
 * test_mimalloc: what is read from outside is what mimalloc's own visitor counts, to the byte, less
 * what another thread freed; and the same with words of its memory made wrong at random, which must
 * end, and never add up to nonsense.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>

#include "inspect/allocator.h"
#include "inspect/mimalloc.h"
#include "inspect/mimalloc_layout.h"
#include "emulated.h"
#include "own_fixture.h"

static void same(const char *program, const char *preload)
{
	struct allocator_ranges ranges = {0};
	struct mimalloc_state s;
	struct modules *m;
	struct mimalloc mi;
	struct own o;

	m = own_begin(&o, program, preload);
	assert_int_equal(mimalloc_locate(o.pid, m, &mi), 0);
	assert_int_equal(mimalloc_survey(&mi, m), 0);
	assert_int_equal(mimalloc_read(&mi, &s), 0);
	assert_true(s.steady);
	assert_int_equal(s.in_use, own_says(&o, "in_use"));
	assert_int_equal(s.thread_free, own_says(&o, "thread_free"));
	/* One for each thread, and a huge one: 40 MiB and its header, rounded up to 4 MiB. */
	assert_int_equal(s.segments, 5);
	assert_int_equal(s.reserved, 4 * (32u << 20) + (44u << 20));
	/* Besides segments it commits two pages for each further thread's heap. */
	assert_int_equal(s.system + 3 * 8192, own_says(&o, "committed"));
	assert_int_equal(mimalloc_ranges(&mi, &ranges), 0);
	assert_int_equal(own_sum(&ranges), s.reserved);
	allocator_ranges_free(&ranges);
	mimalloc_release(&mi);
	own_finish(&o, m);
}

static void test_preloaded(void **state)
{
	(void)state;
	same("own", "libmimalloc.so.2");
}

static void test_linked(void **state)
{
	(void)state;
	same("own-mimalloc", NULL);
}

static void test_bins(void **state)
{
	(void)state;
	/* src/init.c, MI_PAGE_QUEUES_EMPTY */
	assert_int_equal(mi_bin_size(0), 1 * 8);
	assert_int_equal(mi_bin_size(8), 8 * 8);
	assert_int_equal(mi_bin_size(9), 10 * 8);
	assert_int_equal(mi_bin_size(16), 32 * 8);
	assert_int_equal(mi_bin_size(71), 458752 * 8);
	assert_int_equal(mi_bin_size(72), 524288 * 8);
	assert_int_equal(mi_bin_size(73), 16385 * 8);
	assert_int_equal(mi_bin_size(74), 16386 * 8);
}

static void test_machine(void **state)
{
	struct own o;

	(void)state;
	if (!own_start(&o, "own", "libmimalloc.so.2"))
		skip();
	own_in_machine(&o, "mimalloc", own_says(&o, "committed") - 3 * 8192,
		       own_says(&o, "in_use"));
	own_end(&o);
}

static void test_none(void **state)
{
	struct modules *m = modules__new();
	struct mimalloc mi;

	(void)state;
	skip_emulated();
	assert_true(procfs_modules(getpid(), m) >= 0);
	assert_int_equal(mimalloc_locate(getpid(), m, &mi), -ENOENT);
	mimalloc_release(&mi);
	modules__free(m);
}

/* That a process has none is remembered until files come that could hold one. */
static void test_place(void **state)
{
	struct allocator_place place = {0}, marked;
	struct modules *m = modules__new();
	struct allocator_figures f;

	(void)state;
#ifndef __x86_64__
	printf("skip: the layout that is known is x86-64's\n");
	skip();
#endif
	assert_true(procfs_modules(getpid(), m) >= 0);
	assert_int_equal(allocator_look(getpid(), m, &place, &f), -ENOENT);
	assert_true(place.looked);
	/* Believed, not looked for again: else these would be found to be wrong. */
	marked = place;
	marked.row = 0;
	marked.at[0] = marked.at[1] = (uintptr_t)&marked;
	assert_int_equal(allocator_look(getpid(), m, &marked, &f), -ENODATA);
	assert_string_equal(f.name, "jemalloc");
	if (!dlopen("libmimalloc.so.2", RTLD_NOW | RTLD_LOCAL)) {
		printf("skip: there is no libmimalloc.so.2\n");
		modules__free(m);
		skip();
	}
	modules__free(m);
	m = modules__new();
	assert_true(procfs_modules(getpid(), m) >= 0);
	/* It is there; it has given nothing, and there are more places to look at than it is worth:
	 * the sanitizer's. */
	assert_int_not_equal(allocator_look(getpid(), m, &place, &f), -ENOENT);
	assert_string_equal(f.name, "mimalloc");
	modules__free(m);
}

static void test_damaged(void **state)
{
	static const int ends[] = {0, -ENODATA, -EAGAIN, -E2BIG, -EFAULT};
	struct damage_ends came = {.ends = ends, .n = 5};
	struct modules *m;
	struct mimalloc mi;
	struct own o;

	(void)state;
	m = own_begin(&o, "own", "libmimalloc.so.2");
	assert_int_equal(mimalloc_locate(o.pid, m, &mi), 0);
	assert_int_equal(mimalloc_survey(&mi, m), 0);
	for (uint64_t i = 0; i < 1000; i++) {
		struct damage d = {.real = memory_of(o.pid), .seed = i, .odds = 20000};
		struct mimalloc_state s;
		int err;

		mi.mem = (struct memory){.read = damage_read, .pid = o.pid, .arg = &d};
		err = mimalloc_read(&mi, &s);
		damage_ended(&came, err);
		if (!err)
			assert_true(s.in_use <= s.reserved && s.system <= s.reserved);
	}
	assert_true(came.seen[0] && came.seen[1] && came.seen[2]);
	mimalloc_release(&mi);
	own_finish(&o, m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_preloaded), cmocka_unit_test(test_linked),
	    cmocka_unit_test(test_bins),      cmocka_unit_test(test_none),
	    cmocka_unit_test(test_machine),   cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
