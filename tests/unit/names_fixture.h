/* SPDX-License-Identifier: GPL-2.0 */
/* names_fixture.h: names and modules of this very process, and files to map into it. */
#ifndef TESTS_NAMES_FIXTURE_H
#define TESTS_NAMES_FIXTURE_H

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

#include "emulated.h"
#include "inspect/procfs.h"
#include "symbol/names.h"

#define ADDRESS(p) ((uint64_t)(uintptr_t)(p))

struct fixture {
	struct names *names;
	struct modules *modules;
};

static inline void setup(struct fixture *f, unsigned int files)
{
	f->names = names__new(files);
	f->modules = modules__new();
	assert_non_null(f->names);
	assert_non_null(f->modules);
	assert_int_equal(procfs_modules(getpid(), f->modules), 0);
	assert_int_equal(names__prepare(f->names, getpid(), f->modules), 0);
}

static inline void teardown(struct fixture *f)
{
	names__free(f->names);
	modules__free(f->modules);
}

/* A file of ours as it were mapped at addr, of size bytes, from its start. */
static inline void map_file(struct fixture *f, const char *path, uint64_t addr, uint64_t size)
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

static inline void write_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static inline void *read_self(size_t *len)
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

static inline void check(const char *got, const char *expected)
{
	assert_non_null(got);
	assert_string_equal(got, expected);
}

static inline bool ends_with(const char *s, const char *end)
{
	return s && strlen(s) >= strlen(end) && !strcmp(s + strlen(s) - strlen(end), end);
}

static __attribute__((noinline, unused)) uint64_t return_address(void)
{
	__asm__ volatile("");
	return ADDRESS(__builtin_return_address(0));
}

static __attribute__((noinline, unused)) uint64_t caller_of_it(int *line)
{
	uint64_t pc;

	*line = __LINE__ + 1;
	pc = return_address();
	__asm__ volatile("" : "+r"(pc));
	return pc;
}

#endif
