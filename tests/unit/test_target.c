// SPDX-License-Identifier: GPL-2.0
/* test_target: the C library this runs on, what is no allocator, and damaged copies of both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/fns.h"
#include "probe/place.h"
#include "probe/target.h"

struct file {
	char path[4096];
	uint8_t *data;
	size_t size;
};

/* The mapped file whose base name starts like this: under ASan, dladdr(malloc) is another. */
static void find_mapped(const char *prefix, char *path, size_t len)
{
	char line[4352], *slash;
	FILE *maps = fopen("/proc/self/maps", "re");

	assert_non_null(maps);
	path[0] = '\0';
	while (!path[0] && fgets(line, sizeof(line), maps)) {
		line[strcspn(line, "\n")] = '\0';
		slash = strrchr(line, '/');
		if (slash && !strncmp(slash + 1, prefix, strlen(prefix)))
			snprintf(path, len, "%s", strchr(line, '/'));
	}
	fclose(maps);
	assert_true(path[0]);
}

static int setup(void **state)
{
	struct file *f = calloc(1, sizeof(*f));
	struct stat st;
	int fd;

	assert_non_null(f);
	find_mapped("libc.so", f->path, sizeof(f->path));
	fd = open(f->path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	f->size = (size_t)st.st_size;
	f->data = malloc(f->size);
	assert_non_null(f->data);
	assert_int_equal(read(fd, f->data, f->size), f->size);
	close(fd);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct file *f = *state;

	free(f->data);
	free(f);
	return 0;
}

static int read_path(const char *path, struct target *t)
{
	int err, fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	err = target_read(fd, path, t);
	close(fd);
	return err;
}

/* As a file in memory; what is returned must be sound whatever is in it. */
static int read_data(const uint8_t *data, size_t size, const char *name, struct target *t)
{
	int err, fd = memfd_create("test_target", MFD_CLOEXEC);
	struct fns_fn fn;
	size_t i;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	memset(t, 0xaa, sizeof(*t));
	err = target_read(fd, name, t);
	close(fd);
	assert_true(t->nfns <= TARGET_MAX_FNS);
	assert_true(memchr(t->allocator, '\0', sizeof(t->allocator)));
	assert_true(memchr(t->build_id, '\0', sizeof(t->build_id)));
	assert_true(err || t->has_malloc == (t->nfns > 0));
	for (i = 0; !err && i < t->nfns; i++) {
		assert_int_equal(t->fns[i].prefix[0], 0);
		assert_true(fns_find(t->fns[i].name, &fn));
		assert_ptr_equal(t->fns[i].name, fn.name);
		assert_true(t->fns[i].place.offset < size);
	}
	return err;
}

static const struct target_fn *find_fn(const struct target *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->nfns; i++) {
		if (!strcmp(t->fns[i].name, name))
			return &t->fns[i];
	}
	return NULL;
}

static void check_libc(const struct target *t, const struct file *f)
{
	static const struct {
		const char *name;
		enum hw_fn fn;
	} must[] = {
	    {"malloc", HW_FN_MALLOC},	{"calloc", HW_FN_CALLOC},
	    {"realloc", HW_FN_REALLOC}, {"reallocarray", HW_FN_REALLOCARRAY},
	    {"free", HW_FN_FREE},	{"posix_memalign", HW_FN_POSIX_MEMALIGN},
	};
	char glibc[64];
	size_t i, j;

	snprintf(glibc, sizeof(glibc), "glibc %s", gnu_get_libc_version());
	assert_string_equal(t->allocator, glibc);
	assert_true(t->has_malloc);
	assert_false(t->is_32bit);
	for (i = 0; i < sizeof(must) / sizeof(must[0]); i++) {
		assert_non_null(find_fn(t, must[i].name));
		assert_int_equal(find_fn(t, must[i].name)->fn, must[i].fn);
	}
	assert_true(find_fn(t, "memalign") || find_fn(t, "aligned_alloc"));
	for (i = 0; i < t->nfns; i++) {
		assert_true(t->fns[i].place.offset < f->size - 16);
		assert_true(t->fns[i].place.moved <= 64);
		for (j = 0; j < i; j++)
			assert_true(t->fns[i].place.offset != t->fns[j].place.offset);
	}
}

static void test_libc(void **state)
{
	const struct file *f = *state;
	struct target t;
	size_t i;

	assert_int_equal(read_path(f->path, &t), 0);
	check_libc(&t, f);
	assert_false(t.is_go);
	/* As `readelf -n` has it. */
	assert_int_equal(strlen(t.build_id), 40);
	assert_int_equal(strspn(t.build_id, "0123456789abcdef"), 40);
	for (i = 0; i < t.nfns; i++)
		print_message("%-16s offset %#lx moved %u %s\n", t.fns[i].name,
			      (unsigned long)t.fns[i].place.offset, t.fns[i].place.moved,
			      t.fns[i].place.cost == PLACE_EMULATED ? "emulated" : "stepped");
#ifdef __x86_64__
	if (!strcmp(gnu_get_libc_version(), "2.36") && memmem(f->data, f->size, "Debian", 6)) {
		assert_int_equal(find_fn(&t, "free")->place.moved, 3);
		assert_int_equal(find_fn(&t, "free")->place.cost, PLACE_EMULATED);
		assert_int_equal(find_fn(&t, "malloc")->place.moved, 0);
		assert_int_equal(find_fn(&t, "malloc")->place.cost, PLACE_EMULATED);
		return;
	}
#endif
	print_message("skipped: the places in Debian's glibc 2.36 for x86-64\n");
}

/* What is at each place in the file is what the place says it is. */
static void test_places(void **state)
{
	const struct file *f = *state;
	struct target t;

	assert_int_equal(read_data(f->data, f->size, "libc.so.6", &t), 0);
	check_libc(&t, f);
#ifdef __x86_64__
	for (size_t i = 0; i < t.nfns; i++) {
		const struct place *p = &t.fns[i].place;

		assert_int_equal(place_cost_of(f->data + p->offset, 16), p->cost);
		assert_true(!p->moved || p->cost == PLACE_EMULATED);
	}
#endif
}

/* The same is found by the program headers alone. */
static void test_no_sections(void **state)
{
	const struct file *f = *state;
	struct target t, whole;
	Elf64_Ehdr *eh;
	size_t i;

	assert_int_equal(read_path(f->path, &whole), 0);
	eh = malloc(f->size);
	assert_non_null(eh);
	memcpy(eh, f->data, f->size);
	eh->e_shoff = 0;
	eh->e_shnum = eh->e_shstrndx = eh->e_shentsize = 0;
	assert_int_equal(read_data((uint8_t *)eh, f->size, "libc.so.6", &t), 0);
	check_libc(&t, f);
	assert_string_equal(t.build_id, whole.build_id);
	assert_int_equal(t.nfns, whole.nfns);
	for (i = 0; i < t.nfns; i++)
		assert_int_equal(t.fns[i].place.offset,
				 find_fn(&whole, t.fns[i].name)->place.offset);
	free(eh);
}

static void test_no_allocator(void **state)
{
	const struct file *f = *state;
	char path[4096];
	struct target t;

	/* A name that belongs to the loader; and the loader. */
	assert_int_equal(read_data(f->data, f->size, "/lib64/ld-linux-x86-64.so.2", &t), 0);
	assert_false(t.has_malloc);
	assert_int_equal(read_data(f->data, f->size, "ld.so.1", &t), 0);
	assert_false(t.has_malloc);
	find_mapped("ld-", path, sizeof(path));
	assert_int_equal(read_path(path, &t), 0);
	assert_false(t.has_malloc);
	assert_int_equal(t.nfns, 0);
	assert_string_equal(t.allocator, "");

	assert_int_equal(read_path("/bin/true", &t), 0);
	assert_false(t.has_malloc);
	assert_false(t.is_go);
	assert_int_equal(t.nfns, 0);

	assert_int_equal(read_path("/proc/self/status", &t), -ENOEXEC);
	assert_int_equal(read_path("/dev/null", &t), -ENOEXEC);
	assert_int_equal(read_path("/", &t), -EISDIR);
	assert_int_equal(target_read(-1, "none", &t), -EBADF);
}

static void test_other_class(void **state)
{
	const struct file *f = *state;
	uint8_t *data = malloc(f->size);
	struct target t;

	assert_non_null(data);
	memcpy(data, f->data, f->size);
	((Elf64_Ehdr *)data)->e_machine = EM_S390;
	assert_int_equal(read_data(data, f->size, "libc.so.6", &t), 0);
	assert_true(t.is_32bit);
	assert_false(t.has_malloc);
	assert_string_equal(t.build_id, "");
	memcpy(data, f->data, f->size);
	data[EI_CLASS] = ELFCLASS32;
	if (!read_data(data, f->size, "libc.so.6", &t))
		assert_true(t.is_32bit);
	free(data);
}

/* A library of no known make, and what a file may be called. */
static void test_names(void **state)
{
	static const char banner[] = "GNU C Library";
	const struct file *f = *state;
	uint8_t *data = malloc(f->size), *hit;
	struct target t;

	assert_non_null(data);
	memcpy(data, f->data, f->size);
	hit = memmem(data, f->size, banner, sizeof(banner) - 1);
	assert_non_null(hit);
	hit[0] = 'g';
	/* Its local symbols could still tell, where it is not stripped. */
	assert_int_equal(read_data(data, f->size, "/opt/a\x1b[31m\xc3\xa4 b", &t), 0);
	assert_true(!strcmp(t.allocator, "malloc in a?[31m?? b") || !strcmp(t.allocator, "glibc"));
	assert_int_equal(read_data(data, f->size, "/lib/ld-musl-x86_64.so.1", &t), 0);
	assert_string_equal(t.allocator, "musl");
	assert_true(t.has_malloc);
	free(data);
}

static void test_truncated(void **state)
{
	const struct file *f = *state;
	struct target t;
	size_t size;

	for (size = 0; size <= 4096; size += 7)
		assert_true(read_data(f->data, size, "libc.so.6", &t) <= 0);
	for (size = 4096; size < f->size; size += 40009)
		assert_true(read_data(f->data, size, "libc.so.6", &t) <= 0);
	assert_true(read_data(f->data, f->size - 1, "libc.so.6", &t) <= 0);
}

/* Any byte of the headers, and bytes of all that is read, wrong in any way. */
static void test_flipped(void **state)
{
	const struct file *f = *state;
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)f->data;
	uint8_t *data = malloc(f->size);
	uint32_t random = 1009;
	size_t i, j, from, len;
	struct target t;

	assert_non_null(data);
	memcpy(data, f->data, f->size);
	for (i = 0; i < 600; i++) {
		size_t at[8];

		/* By turns: the program headers, the section headers, the first pages, all. */
		from = i % 4 == 1 ? eh->e_shoff : 0;
		len = i % 4 == 0   ? 1024
		      : i % 4 == 1 ? f->size - from
		      : i % 4 == 2 ? 98304
				   : f->size;
		for (j = 0; j < 8; j++) {
			random = random * 1664525 + 1013904223;
			at[j] = from + random % len;
			random = random * 1664525 + 1013904223;
			data[at[j]] = i & 8 ? 0xff : (uint8_t)(random >> 24);
		}
		assert_true(read_data(data, f->size, "libc.so.6", &t) <= 0);
		for (j = 0; j < 8; j++)
			data[at[j]] = f->data[at[j]];
	}
	assert_memory_equal(data, f->data, f->size);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_libc),	cmocka_unit_test(test_places),
	    cmocka_unit_test(test_no_sections), cmocka_unit_test(test_no_allocator),
	    cmocka_unit_test(test_other_class), cmocka_unit_test(test_names),
	    cmocka_unit_test(test_truncated),	cmocka_unit_test(test_flipped),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
