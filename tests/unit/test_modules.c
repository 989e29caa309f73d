// SPDX-License-Identifier: GPL-2.0
/* test_modules: the text of maps files, well-formed or not, merged over time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "inspect/procfs.h"
#include "model/modules.h"

static int parse(struct modules *m, const char *text)
{
	return modules__parse(m, text, strlen(text));
}

static void test_fields(void **state)
{
	struct modules *m = modules__new();
	const struct module *x;

	(void)state;
	assert_int_equal(
	    parse(m, "00400000-00452000 r-xp 00001000 08:02 173521      /usr/bin/dbus daemon\n"
		     "7f2c5000-7f2c9000 rw-s 00000000 fd:10 18446744073709 /tmp/a (deleted)\n"
		     "7ffd1000-7ffd3000 rw-p 00000000 00:00 0                          [stack]\n"
		     "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0  [vsyscall]\n"
		     "7f300000-7f301000 r--p 00000000 00:00 0\n"),
	    1); /* the last line lacks the blank that the kernel writes after the inode */
	assert_int_equal(modules__count(m), 4);
	x = modules__find(m, 0x451fff);
	assert_non_null(x);
	assert_true(x->start == 0x400000 && x->end == 0x452000 && x->offset == 0x1000);
	assert_true(x->inode == 173521 && x->dev_major == 8 && x->dev_minor == 2);
	assert_true(x->read && !x->write && x->exec && !x->shared && !x->deleted);
	assert_string_equal(x->path, "/usr/bin/dbus daemon");
	x = modules__find(m, 0x7f2c5000);
	assert_true(x->read && x->write && !x->exec && x->shared && x->deleted);
	assert_true(x->dev_major == 0xfd && x->dev_minor == 0x10 && x->inode == 18446744073709);
	assert_string_equal(x->path, "/tmp/a");
	assert_string_equal(modules__find(m, 0x7ffd2fff)->path, "[stack]");
	assert_null(modules__find(m, 0x452000));
	assert_null(modules__find(m, 0));
	assert_null(modules__find(m, UINT64_MAX));
	modules__free(m);
}

static void test_anonymous(void **state)
{
	struct modules *m = modules__new();

	(void)state;
	/* As the kernel writes it: a blank after the inode, nothing behind. */
	assert_int_equal(parse(m, "7f300000-7f301000 r--p 00000000 00:00 0 \n"), 0);
	assert_string_equal(modules__find(m, 0x7f300000)->path, "");
	modules__free(m);
	modules__free(NULL);
}

static void test_malformed(void **state)
{
	static const char *const lines[] = {
	    "x\n",
	    "\n",
	    "400000-300000 r-xp 0 8:2 1 /a\n",
	    "400000-400000 r-xp 0 8:2 1 /a\n",
	    "400000 r-xp 0 8:2 1 /a\n",
	    "40000g-500000 r-xp 0 8:2 1 /a\n",
	    "400000-500000 r-x\n",
	    "400000-500000 r-xp\n",
	    "400000-500000 r-xp 0\n",
	    "400000-500000 r-xp 0 8 1 /a\n",
	    "400000-500000 r-xp 0 8:2\n",
	    "400000-500000 r-xp 0 8:2 z /a\n",
	    "400000-500000 r-xp 0 100000000:2 1 /a\n",
	    "400000-123456789abcdef01 r-xp 0 8:2 1 /a\n",
	};
	struct modules *m = modules__new();

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		assert_int_equal(parse(m, lines[i]), 1);
	assert_int_equal(modules__parse(m, "4000-5000 r-xp 0 8:2 1 /a\0b\n", 28), 1);
	assert_int_equal(modules__count(m), 0);
	/* Two that overlap: the second is not the kernel's. */
	assert_int_equal(parse(m, "4000-6000 r-xp 0 8:2 1 /a\n5000-7000 r-xp 0 8:2 1 /b\n"), 1);
	assert_int_equal(modules__count(m), 1);
	modules__free(m);
}

static void test_merge(void **state)
{
	struct modules *m = modules__new();
	const struct module *x;

	(void)state;
	assert_int_equal(parse(m, "1000-9000 r-xp 00002000 8:2 11 /old\n"
				  "20000-30000 r-xp 00000000 8:2 13 /kept\n"),
			 0);
	/* Two holes in the old one; the other stays although it is not named any more. */
	assert_int_equal(parse(m, "3000-4000 r-xp 00000000 8:2 17 /one\n"
				  "6000-7000 rw-p 00000000 00:00 0 \n"),
			 0);
	assert_int_equal(modules__count(m), 6);
	x = modules__at(m, 0);
	assert_true(x->start == 0x1000 && x->end == 0x3000 && x->offset == 0x2000);
	assert_string_equal(x->path, "/old");
	assert_string_equal(modules__at(m, 1)->path, "/one");
	x = modules__at(m, 2);
	assert_true(x->start == 0x4000 && x->end == 0x6000 && x->offset == 0x5000);
	assert_string_equal(modules__at(m, 3)->path, "");
	x = modules__at(m, 4);
	assert_true(x->start == 0x7000 && x->end == 0x9000 && x->offset == 0x8000);
	assert_string_equal(modules__at(m, 5)->path, "/kept");
	/* One over all of it. */
	assert_int_equal(parse(m, "0-100000 r-xp 00000000 8:2 19 /all\n"), 0);
	assert_int_equal(modules__count(m), 1);
	assert_string_equal(modules__find(m, 0x3500)->path, "/all");
	/* Nothing changes nothing. */
	assert_int_equal(parse(m, ""), 0);
	assert_int_equal(modules__count(m), 1);
	modules__free(m);
}

static void test_self(void **state)
{
	struct modules *m = modules__new();
	const struct module *x;

	(void)state;
	assert_int_equal(procfs_modules(getpid(), m), 0);
	x = modules__find(m, (uint64_t)(uintptr_t)test_self);
	assert_non_null(x);
	assert_true(x->exec);
	assert_string_equal(strrchr(x->path, '/'), "/test_modules");
	assert_string_equal(modules__find(m, (uint64_t)(uintptr_t)&x)->path, "[stack]");
	assert_int_equal(procfs_modules(0x7ffffffe, m), -ESRCH);
	modules__free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fields),    cmocka_unit_test(test_anonymous),
	    cmocka_unit_test(test_malformed), cmocka_unit_test(test_merge),
	    cmocka_unit_test(test_self),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
