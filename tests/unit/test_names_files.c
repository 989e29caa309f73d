// SPDX-License-Identifier: GPL-2.0
/* test_names_files: more files than may be open, files that change, files that are not what they
 * seem. */
#include "names_fixture.h"

/* One open file for three of them: each is parsed again when its turn comes. */
static void test_few_files(void **state)
{
	struct fixture f;
	struct name name;
	int line;
	uint64_t pc = caller_of_it(&line);

	(void)state;
	skip_emulated();
	setup(&f, 1);
	for (uint64_t i = 0; i < 10; i++) {
		names__find(f.names, f.modules, ADDRESS(_cmocka_run_group_tests), 0, &name);
		check(name.function, "_cmocka_run_group_tests");
		names__find(f.names, f.modules, pc - i % 2, 1, &name);
		check(name.function, "caller_of_it");
		assert_int_equal(name.line, line);
		names__find(f.names, f.modules, ADDRESS(_cmocka_run_group_tests) + i, 0, &name);
		check(name.function, "_cmocka_run_group_tests");
	}
	teardown(&f);
}

/* The file behind a mapping that is gone, cut off, and another one: no name is better than a wrong
 * one, and a page that is no longer there is not touched. */
static void test_changed_file(void **state)
{
	const uint64_t base = 1ull << 45;
	char path[] = "/tmp/test_names.XXXXXX";
	int fd = mkstemp(path);
	struct fixture f;
	struct name name;
	uint64_t offset;
	size_t len;
	char *data = read_self(&len);

	(void)state;
	skip_emulated();
	assert_true(fd >= 0);
	close(fd);
	write_file(path, data, len);
	setup(&f, 64);
	names__find(f.names, f.modules, ADDRESS(caller_of_it), 0, &name);
	offset = name.offset;
	map_file(&f, path, base, len);
	names__find(f.names, f.modules, base + offset, 0, &name);
	check(name.function, "caller_of_it");
	assert_true(ends_with(name.file, "names_fixture.h"));
	assert_int_equal(name.offset, offset);
	assert_string_equal(name.module, path);

	assert_int_equal(truncate(path, 100), 0);
	names__find(f.names, f.modules, base + offset + 1, 0, &name);
	assert_null(name.function);
	assert_null(name.file);
	assert_string_equal(name.module, path);

	write_file(path, data, len);
	names__find(f.names, f.modules, base + offset + 1, 0, &name);
	assert_null(name.function);
	assert_int_equal(names__prepare(f.names, getpid(), f.modules), 0);
	names__find(f.names, f.modules, base + offset + 1, 0, &name);
	check(name.function, "caller_of_it");
	unlink(path);
	names__find(f.names, f.modules, base + offset + 2, 0, &name);
	check(name.function, "caller_of_it");
	free(data);
	teardown(&f);
}

/* At the path there is another file by now; and a pipe, which must not be waited for. */
static void test_other_file(void **state)
{
	const uint64_t base = 1ull << 45;
	char path[] = "/tmp/test_names.XXXXXX", line[256];
	int fd = mkstemp(path);
	struct fixture f;
	struct name name;
	uint64_t offset;
	size_t len;
	char *data = read_self(&len);
	int n;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	write_file(path, data, len);
	setup(&f, 64);
	names__find(f.names, f.modules, ADDRESS(caller_of_it), 0, &name);
	offset = name.offset;
	n = snprintf(line, sizeof(line), "%llx-%llx r-xp 00000000 fe:fe 1 %s\n",
		     (unsigned long long)base, (unsigned long long)base + len, path);
	assert_int_equal(modules__parse(f.modules, line, (size_t)n), 0);
	assert_int_equal(names__prepare(f.names, getpid(), f.modules), 0);
	names__find(f.names, f.modules, base + offset, 0, &name);
	assert_null(name.function);
	assert_string_equal(name.module, path);
	assert_int_equal(name.offset, offset);

	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	map_file(&f, path, base, len);
	names__find(f.names, f.modules, base + offset, 0, &name);
	assert_null(name.function);
	assert_string_equal(name.module, path);
	unlink(path);
	free(data);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_few_files),
	    cmocka_unit_test(test_changed_file),
	    cmocka_unit_test(test_other_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
