// SPDX-License-Identifier: GPL-2.0
/* test_names: addresses of this very process to functions, lines and modules. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/strpool.h"
#include "symbol/elffile.h"
#include "symbol/names.h"

#define ADDRESS(p) ((uint64_t)(uintptr_t)(p))

struct fixture {
	struct names *names;
	struct modules *modules;
};

static void setup(struct fixture *f, unsigned int files)
{
	f->names = names__new(files);
	f->modules = modules__new();
	assert_non_null(f->names);
	assert_non_null(f->modules);
	assert_int_equal(modules__read(f->modules, getpid()), 0);
	assert_int_equal(names__prepare(f->names, getpid(), f->modules), 0);
}

static void teardown(struct fixture *f)
{
	names__free(f->names);
	modules__free(f->modules);
}

static void check(const char *got, const char *expected)
{
	assert_non_null(got);
	assert_string_equal(got, expected);
}

static bool ends_with(const char *s, const char *end)
{
	return s && strlen(s) >= strlen(end) && !strcmp(s + strlen(s) - strlen(end), end);
}

static bool is_one_of(const char *s, const char *const *set)
{
	for (; s && *set; set++)
		if (!strcmp(s, *set))
			return true;
	return false;
}

static __attribute__((noinline)) uint64_t return_address(void)
{
	__asm__ volatile("");
	return ADDRESS(__builtin_return_address(0));
}

static __attribute__((noinline)) uint64_t caller_of_it(int *line)
{
	uint64_t pc;

	*line = __LINE__ + 1;
	pc = return_address();
	__asm__ volatile("" : "+r"(pc));
	return pc;
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
	setup(&f, 64);
	pc = caller_of_it(&line);
	m = modules__find(f.modules, pc);
	names__find(f.names, f.modules, pc, 1, &name);
	check(name.function, "caller_of_it");
	assert_true(ends_with(name.file, "test_names.c"));
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
	if (!libc)
		skip();
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
	if (!start)
		skip();
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
	names__find(f.names, f.modules, UINT64_MAX, 1, &name);
	assert_null(name.module);
	munmap(around, 3 * page);
	teardown(&f);
}

/* A file of ours as it were mapped at addr, of size bytes, from its start. */
static void map_file(struct fixture *f, const char *path, uint64_t addr, uint64_t size)
{
	char line[512];
	struct stat st;
	int len;

	assert_int_equal(stat(path, &st), 0);
	len = snprintf(line, sizeof(line), "%llx-%llx r-xp 00000000 %02x:%02x %llu %s\n",
		       (unsigned long long)addr, (unsigned long long)(addr + size),
		       major(st.st_dev), minor(st.st_dev), (unsigned long long)st.st_ino, path);
	assert_int_equal(modules__parse(f->modules, line, (size_t)len), 0);
	assert_int_equal(names__prepare(f->names, getpid(), f->modules), 0);
}

static void write_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static void *read_self(size_t *len)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *data;

	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	data = malloc(*len);
	assert_non_null(data);
	assert_int_equal(read(fd, data, *len), *len);
	close(fd);
	return data;
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

/* One open file for three of them: each is parsed again when its turn comes. */
static void test_few_files(void **state)
{
	struct fixture f;
	struct name name;
	int line;
	uint64_t pc = caller_of_it(&line);

	(void)state;
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
	assert_true(fd >= 0);
	close(fd);
	write_file(path, data, len);
	setup(&f, 64);
	names__find(f.names, f.modules, ADDRESS(caller_of_it), 0, &name);
	offset = name.offset;
	map_file(&f, path, base, len);
	names__find(f.names, f.modules, base + offset, 0, &name);
	check(name.function, "caller_of_it");
	assert_true(ends_with(name.file, "test_names.c"));
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

/* Headers that lie about where everything is. */
static void test_broken_elf(void **state)
{
	char path[] = "/tmp/test_names.XXXXXX";
	struct elffile_symbol symbol;
	struct elffile *f;
	int fd = mkstemp(path);
	unsigned char elf[256] = "\177ELF\2\1\1";

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	elf[16] = 3;  /* ET_DYN */
	elf[18] = 62; /* x86-64 */
	elf[20] = 1;
	elf[52] = 64; /* e_ehsize */
	elf[54] = 56; /* e_phentsize */
	elf[58] = 64; /* e_shentsize */
	for (int variant = 0; variant < 256; variant++) {
		memset(elf + 32, variant & 1 ? 0xff : 0, 8);  /* e_phoff */
		memset(elf + 40, variant & 2 ? 0xff : 0, 8);  /* e_shoff */
		memset(elf + 56, variant & 4 ? 0xff : 0, 2);  /* e_phnum */
		memset(elf + 60, variant & 8 ? 0xff : 0, 2);  /* e_shnum */
		memset(elf + 62, variant & 16 ? 0xff : 0, 2); /* e_shstrndx */
		memset(elf + 64, variant & 32 ? 0xff : 1, 192);
		elf[32] = variant & 64 ? 64 : elf[32];
		write_file(path, elf, variant & 128 ? 20 : sizeof(elf));
		fd = open(path, O_RDONLY | O_CLOEXEC);
		f = elffile__new(fd, path);
		assert_non_null(f);
		for (uint64_t offset = 0; offset < 3; offset++) {
			assert_true(elffile__find(f, offset, &symbol) < 0);
			assert_null(symbol.function);
			assert_null(symbol.file);
		}
		assert_true(elffile__find(f, UINT64_MAX, &symbol) < 0);
		elffile__close(f);
		assert_false(elffile__is_open(f));
		elffile__free(f);
	}
	unlink(path);
}

static void test_strpool(void **state)
{
	struct strpool *p = strpool__new();
	const char *kept[5000], *empty, *large, *twice;
	char text[100000];

	(void)state;
	assert_non_null(p);
	empty = strpool__add(p, "");
	for (unsigned int i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "name%u_%.*s", i, (int)(i % 40),
			 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
		kept[i] = strpool__add(p, text);
		assert_ptr_not_equal(kept[i], text);
	}
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	large = strpool__add(p, text);
	text[30000] = '\0';
	twice = strpool__add(p, text);
	for (unsigned int i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "name%u_%.*s", i, (int)(i % 40),
			 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
		assert_string_equal(kept[i], text);
		assert_ptr_equal(strpool__add(p, text), kept[i]);
	}
	assert_string_equal(empty, "");
	assert_ptr_equal(strpool__add(p, ""), empty);
	assert_int_equal(strlen(large), sizeof(text) - 1);
	assert_int_equal(strlen(twice), 30000);
	strpool__free(p);
	strpool__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_own_function), cmocka_unit_test(test_libc),
	    cmocka_unit_test(test_vdso),	 cmocka_unit_test(test_nowhere),
	    cmocka_unit_test(test_many),	 cmocka_unit_test(test_few_files),
	    cmocka_unit_test(test_changed_file), cmocka_unit_test(test_other_file),
	    cmocka_unit_test(test_broken_elf),	 cmocka_unit_test(test_strpool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
