// SPDX-License-Identifier: GPL-2.0
/*
 * test_glibc: a heap made by hand in each version's layout, read to the byte; then the same with
 * bytes flipped at random, which must end, and never add up to nonsense.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "inspect/glibc.h"
#include "inspect/glibc_find.h"
#include "inspect/pagemap.h"
#include "model/signature.h"
#include "glibc_image.h"

static const struct signature_range file = {FILE_AT, FILE_AT + 4096};

static void each_chunk(void *arg, const struct glibc_chunk *c)
{
	uint64_t *sums = arg;

	sums[c->kind] += c->size;
	if (c->signature) {
		sums[SIGNED]++;
		assert_int_equal(c->kind, GLIBC_IN_USE);
		assert_int_equal(c->size, 0x90);
		assert_int_equal(c->signature,
				 signature_of(&file, 1, (uint64_t[]){0, FILE_AT + 7}, 2));
	}
}

static void test_layouts(void **state)
{
	static const unsigned int minors[] = {26, 27, 29, 30, 31, 32, 34, 35, 36, 41, 42, 43};
	struct pagemap *pages;
	struct image i;

	(void)state;
	setup(&i);
	assert_int_equal(pagemap__new(getpid(), &pages), 0);
	for (size_t k = 0; k < sizeof(minors) / sizeof(*minors); k++) {
		uint64_t sums[SIGNED + 1] = {0};
		struct glibc_visitor v = {
		    .files = &file, .nfiles = minors[k] % 2, .chunk = each_chunk, .arg = sums};
		struct glibc_state s;

		make(&i, minors[k]);
		assert_int_equal(glibc_poll(&i.g, &s), 0);
		assert_int_equal(s.narenas, 1);
		assert_false(s.more);
		assert_int_equal(s.sum.system, BYTES);
		assert_int_equal(s.sum.top, i.top);
		assert_int_equal(s.sum.in_use, BYTES - i.top);
		assert_int_equal(s.arenas[0].max_system, BYTES + 4096);
		assert_int_equal(s.arenas[0].attached, 3);
		assert_int_equal(s.mmapped_bytes, 5 * 4096);
		assert_int_equal(s.max_mmapped_bytes, 7 * 4096);
		assert_int_equal(s.mmapped_blocks, 2);

		assert_int_equal(glibc_walk(&i.g, pages, 0, &v, &s), 0);
		assert_int_equal(s.confidence, GLIBC_EXACT);
		assert_true(s.arenas[0].walked);
		assert_int_equal(s.sum.in_use, i.in_use);
		assert_int_equal(s.sum.bins, i.binned);
		assert_int_equal(s.sum.fast, i.fast);
		assert_int_equal(s.sum.tcache, i.tcache);
		assert_int_equal(sums[GLIBC_IN_USE], i.in_use - i.tcache);
		assert_int_equal(sums[GLIBC_BINNED], i.binned);
		assert_int_equal(sums[GLIBC_FAST], i.fast);
		assert_int_equal(sums[GLIBC_TCACHE], i.tcache);
		assert_int_equal(sums[GLIBC_TOP], i.top);
		assert_int_equal(sums[SIGNED], v.nfiles);
		/* All of the image was written to. */
		assert_int_equal(s.sum.free_resident, i.binned + i.fast + i.top);
		glibc_state_free(&s);
	}
	pagemap__free(pages);
	munmap(i.base, BYTES + 8192);
}

#define TAKEN 0x70u

/* Once the heap is being walked a block is taken of its top. */
static int read_growing(const struct memory *m, uint64_t addr, void *buf, size_t len)
{
	struct image *i = (struct image *)(uintptr_t)m->arg;

	if (addr == address(i->heap) && i->at_top) {
		put(i->at_top + 8, TAKEN | 1);
		put(i->at_top + TAKEN + 8, (i->top - TAKEN) | 1);
		put(i->base + 64 + i->g.layout->top, address(i->at_top + TAKEN));
		i->at_top = NULL;
	}
	return read_image(m, addr, buf, len);
}

/* A heap that grows under the walk is told as it was when that began. */
static void test_growing(void **state)
{
	uint64_t sums[SIGNED + 1] = {0};
	struct glibc_visitor v = {.chunk = each_chunk, .arg = sums};
	struct pagemap *pages;
	struct glibc_state s;
	struct image i;

	(void)state;
	setup(&i);
	assert_int_equal(pagemap__new(getpid(), &pages), 0);
	make(&i, 36);
	i.g.mem.read = read_growing;
	assert_int_equal(glibc_poll(&i.g, &s), 0);
	assert_int_equal(glibc_walk(&i.g, pages, 0, &v, &s), 0);
	assert_null(i.at_top);
	assert_true(s.arenas[0].walked);
	assert_int_equal(s.confidence, GLIBC_ESTIMATED);
	assert_int_equal(s.sum.top, i.top);
	assert_int_equal(s.sum.in_use, i.in_use);
	assert_int_equal(sums[GLIBC_TOP], i.top);
	assert_int_equal(sums[GLIBC_IN_USE], i.in_use - i.tcache);
	glibc_state_free(&s);
	pagemap__free(pages);
	munmap(i.base, BYTES + 8192);
}

static void test_unknown(void **state)
{
	(void)state;
	assert_null(glibc_layout(25));
	assert_null(glibc_layout(44));
	assert_null(glibc_layout(0));
}

static uint64_t seed = 88172645463325252ull;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void tamper(struct image *i)
{
	static const uint64_t values[] = {0, 1, 16, 0x21, 0x7fffffffffff, UINT64_MAX, 0x410};

	for (unsigned int k = 0, n = 1 + next_random() % 3; k < n; k++) {
		/* Most of it is the empty middle of two large chunks: not worth tampering with. */
		uint64_t at = next_random() % (2 * 4096 + 0x1000) & ~7ull;
		uint64_t value = values[next_random() % 7];

		if (next_random() % 3 == 0)
			value = address(i->base) + (next_random() % (BYTES + 8192) & ~15ull);
		put(next_random() & 1 ? i->hot[next_random() % i->nhot] : i->base + at, value);
	}
}

static void test_tampered(void **state)
{
	static const unsigned int minors[] = {26, 31, 36, 43};
	unsigned int told = 0, refused = 0;
	struct pagemap *pages;
	struct image i;

	(void)state;
	setup(&i);
	assert_int_equal(pagemap__new(getpid(), &pages), 0);
	for (unsigned int round = 0; round < 4000; round++) {
		struct glibc_state s;
		int err;

		make(&i, minors[round % 4]);
		tamper(&i);
		err = glibc_poll(&i.g, &s);
		if (!err)
			err = glibc_walk(&i.g, pages, 0, NULL, &s);
		assert_true(!err || err == -ENODATA || err == -EFAULT);
		refused += err != 0;
		for (size_t k = 0; !err && k < s.narenas; k++) {
			const struct glibc_arena *a = &s.arenas[k];

			assert_true(a->in_use <= a->system);
			assert_true(a->top_bytes + a->bin_bytes + a->fast_bytes <= a->system);
			told += a->confidence != GLIBC_UNKNOWN;
			refused += a->confidence == GLIBC_UNKNOWN;
		}
		glibc_state_free(&s);
	}
	/* It is not that everything was refused, or nothing. */
	assert_true(told > 400);
	assert_true(refused > 100);
	pagemap__free(pages);
	munmap(i.base, BYTES + 8192);
}

static void test_find(void **state)
{
	struct glibc_file f;
	char path[512] = "", line[512];
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned int minor;
	int fd;

	(void)state;
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%*s %*s %*s %*s %*s %511s", path) == 1 &&
		    strstr(path, "/libc.so.6"))
			break;
	fclose(maps);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(sscanf(gnu_get_libc_version(), "2.%u", &minor), 1);
	if (!glibc_layout(minor)) {
		printf("skip: this machine's glibc 2.%u is not known\n", minor);
		skip();
	}
	assert_int_equal(glibc_find(fd, &f), 0);
	assert_int_equal(f.minor, minor);
	assert_true(f.main_arena && f.par && f.main_arena % 16 == 0);
	close(fd);
	/* Of a program that is none of glibc's, and of a file that is no program. */
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_int_equal(glibc_find(fd, &f), -ENOENT);
	close(fd);
	fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	assert_int_equal(glibc_find(fd, &f), -ENOEXEC);
	close(fd);
}

static void test_bias(void **state)
{
	struct segments s = {.n = 2, .load = {{0, 0, 0x26000}, {0x1d2800, 0x1d3800, 0x5000}}};
	uint64_t bias;

	(void)state;
	assert_int_equal(segments_bias(&s, 0x7f0000000000, 0, &bias), 0);
	assert_true(bias == 0x7f0000000000);
	/* The mapping starts at the page that holds the segment's start. */
	assert_int_equal(segments_bias(&s, 0x7f00001d3000, 0x1d2000, &bias), 0);
	assert_true(bias == 0x7f0000000000);
	assert_int_equal(segments_bias(&s, 0x7f0000000000, 0x100000, &bias), -ENOENT);
	/* lld: the first segment ends in the page of the file where the second begins. */
	s.load[0].filesz = 0x13b08;
	s.load[1] = (struct segment_load){0x13b10, 0x14b10, 0x3e2f0};
	assert_int_equal(segments_bias(&s, 0x7f0000000000, 0, &bias), 0);
	assert_true(bias == 0x7f0000000000);
	assert_int_equal(segments_bias(&s, 0x7f0000014000, 0x13000, &bias), 0);
	assert_true(bias == 0x7f0000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_layouts), cmocka_unit_test(test_growing),
	    cmocka_unit_test(test_unknown), cmocka_unit_test(test_tampered),
	    cmocka_unit_test(test_find),    cmocka_unit_test(test_bias),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
