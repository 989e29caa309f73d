// SPDX-License-Identifier: GPL-2.0
/* test_names: addresses of this very process to functions, lines and modules. */
#include "names_fixture.h"

static bool is_one_of(const char *s, const char *const *set)
{
	for (; s && *set; set++)
		if (!strcmp(s, *set))
			return true;
	return false;
}

struct last {
	uint64_t pc;
	jmp_buf out;
	int line;
};

static __attribute__((noinline, noreturn)) void leave(struct last *l)
{
	l->pc = ADDRESS(__builtin_return_address(0));
	longjmp(l->out, 1);
}

/* The call is its last instruction: what it would return to is no longer in it. */
static __attribute__((noinline, noreturn)) void ends_with_call(struct last *l)
{
	l->line = __LINE__ + 1;
	leave(l);
}

static void test_own_function(void **state)
{
	struct last last = {0};
	struct fixture f;
	struct name name;
	const struct module *m;
	uint64_t pc;
	int line;

	(void)state;
	skip_emulated();
	setup(&f, 64);
	pc = caller_of_it(&line);
	m = modules__find(f.modules, pc);
	names__find(f.names, f.modules, pc, 1, &name);
	check(name.function, "caller_of_it");
	assert_true(ends_with(name.file, "names_fixture.h"));
	assert_int_equal(name.line, line);
	assert_string_equal(name.module, m->path);
	assert_int_equal(name.offset, pc - m->start + m->offset);

	if (!setjmp(last.out))
		ends_with_call(&last);
	names__find(f.names, f.modules, last.pc, 1, &name);
	check(name.function, "ends_with_call");
	assert_int_equal(name.line, last.line);

	/* No return address: the first instruction is the function's. */
	pc = ADDRESS(ends_with_call);
	names__find(f.names, f.modules, pc, 0, &name);
	check(name.function, "ends_with_call");
	assert_int_equal(name.offset, pc - m->start + m->offset);
	names__find(f.names, f.modules, pc, 1, &name);
	assert_true(!name.function || strcmp(name.function, "ends_with_call"));
	assert_int_equal(name.offset, pc - m->start + m->offset);
	teardown(&f);
}

static void test_libc(void **state)
{
	static const char *const allowed[] = {"malloc", "__libc_malloc", "__malloc", NULL};
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD), *at;
	struct fixture f;
	struct name name;

	(void)state;
	skip_emulated();
	if (!libc) {
		printf("skip: there is no libc.so.6 here\n");
		skip();
	}
	/* Not RTLD_DEFAULT's, which is the sanitizer's. */
	at = dlsym(libc, "malloc");
	assert_non_null(at);
	setup(&f, 64);
	names__find(f.names, f.modules, ADDRESS(at), 0, &name);
	assert_non_null(strstr(name.module, "libc"));
	assert_true(is_one_of(name.function, allowed));
	names__find(f.names, f.modules, ADDRESS(at) + 1, 1, &name);
	assert_true(is_one_of(name.function, allowed));
	teardown(&f);
	dlclose(libc);
}

static void test_vdso(void **state)
{
	static const char *const allowed[] = {"clock_gettime", "__vdso_clock_gettime",
					      "__kernel_clock_gettime", NULL};
	uint64_t start = getauxval(AT_SYSINFO_EHDR);
	bool found = false;
	struct fixture f;
	struct name name;

	(void)state;
	skip_emulated();
	if (!start) {
		printf("skip: there is no vdso here\n");
		skip();
	}
	setup(&f, 64);
	for (uint64_t pc = start; modules__find(f.modules, pc) && pc < start + 65536; pc += 4) {
		if (strcmp(modules__find(f.modules, pc)->path, "[vdso]"))
			break;
		names__find(f.names, f.modules, pc, 0, &name);
		assert_string_equal(name.module, "[vdso]");
		assert_int_equal(name.offset, pc - start);
		found |= is_one_of(name.function, allowed);
	}
	assert_true(found);
	teardown(&f);
}

static void test_nowhere(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	/* Not one mapping with its neighbours, whatever they are. */
	char *around = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *jit = around + page;
	struct fixture f;
	struct name name;

	(void)state;
	assert_ptr_not_equal(around, MAP_FAILED);
	assert_int_equal(mprotect(jit, page, PROT_READ | PROT_EXEC), 0);
	setup(&f, 64);
	names__find(f.names, f.modules, ADDRESS(jit) + 1009, 0, &name);
	assert_string_equal(name.module, "[jit]");
	assert_int_equal(name.offset, 1009);
	assert_null(name.function);
	assert_null(name.file);
	assert_int_equal(name.line, 0);
	/* The return address of a call that ends the mapping is beyond it. */
	names__find(f.names, f.modules, ADDRESS(jit) + page, 1, &name);
	assert_string_equal(name.module, "[jit]");
	assert_int_equal(name.offset, page);

	for (uint64_t pc = 0; pc <= 16; pc += 16) {
		for (int is_return = 0; is_return < 2; is_return++) {
			memset(&name, 0xff, sizeof(name));
			names__find(f.names, f.modules, pc, is_return, &name);
			assert_null(name.module);
			assert_null(name.function);
			assert_null(name.file);
			assert_int_equal(name.line, 0);
			assert_int_equal(name.offset, 0);
		}
	}
	names__find(f.names, f.modules, INT64_MAX, 1, &name);
	assert_null(name.module);
	munmap(around, 3 * page);
	teardown(&f);
}

/* Answers are forgotten, what was handed out is not; and one name has one address. */
static void test_many(void **state)
{
	const uint64_t base = 1ull << 44, n = 66000;
	char path[] = "/tmp/test_names.XXXXXX";
	int fd = mkstemp(path), line;
	struct name first, name;
	struct fixture f;
	char *function, *file;
	uint64_t pc;

	(void)state;
	skip_emulated();
	assert_true(fd >= 0);
	close(fd);
	write_file(path, "no ELF file", 11);
	setup(&f, 64);
	map_file(&f, path, base, n);
	pc = caller_of_it(&line);
	names__find(f.names, f.modules, pc, 1, &first);
	function = strdup(first.function);
	file = strdup(first.file);
	for (uint64_t i = 0; i < 2 * n; i++) {
		names__find(f.names, f.modules, base + i % n, 0, &name);
		assert_string_equal(name.module, path);
		assert_int_equal(name.offset, i % n);
		assert_null(name.function);
		assert_null(name.file);
	}
	assert_string_equal(first.function, function);
	assert_string_equal(first.file, file);
	names__find(f.names, f.modules, pc, 1, &name);
	assert_ptr_equal(name.function, first.function);
	assert_ptr_equal(name.file, first.file);
	assert_ptr_equal(name.module, first.module);
	assert_int_equal(name.line, line);
	free(function);
	free(file);
	unlink(path);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_own_function), cmocka_unit_test(test_libc),
	    cmocka_unit_test(test_vdso),	 cmocka_unit_test(test_nowhere),
	    cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
