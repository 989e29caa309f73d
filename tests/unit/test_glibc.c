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

#define PAGES	64u
#define FILE_AT 0x7e0000000000ull
#define SIGNED	5 /* of sums: chunks with a signature */
#define BYTES	(PAGES * 4096u)

/* Its memory is ours: pagemap is asked about this very process. */
struct image {
	struct memory mem;
	struct glibc g;
	unsigned char *heap; /* and arena and par, on the first two pages before it */
	unsigned char *base;
	uint64_t in_use, binned, fast, tcache, top;
	unsigned char *hot[32]; /* words that matter */
	unsigned int nhot;
};

static int read_image(const struct memory *m, uint64_t addr, void *buf, size_t len)
{
	const struct image *i = m->arg;
	uint64_t base = (uint64_t)(uintptr_t)i->base, size = BYTES + 8192;

	if (addr < base || len > size || addr - base > size - len)
		return -EFAULT;
	memcpy(buf, i->base + (addr - base), len);
	return 0;
}

static void put(unsigned char *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* Chunks from *at on: a free one says its size at its end too, and clears the next one's flag. */
static unsigned char *chunk(unsigned char **at, uint64_t size, int prev_in_use)
{
	unsigned char *c = *at;

	put(c + 8, size | (prev_in_use ? 1 : 0));
	if (!prev_in_use) {
		uint64_t prev;

		memcpy(&prev, c, sizeof(prev));
		assert_true(prev >= 32);
	}
	*at += size;
	return c;
}

static uint64_t address(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static uint64_t mangle(const struct image *i, const unsigned char *where, uint64_t link)
{
	return i->g.layout->mangled ? link ^ address(where) >> 12 : link;
}

static void make_tcache(struct image *i, unsigned char *content, unsigned char *entry)
{
	const struct glibc_layout *l = i->g.layout;

	/* One chunk of 0x60 bytes: bin 4. */
	for (unsigned int b = 0; l->tcache_left && b < 64; b++)
		content[b * l->tcache_count_bytes] = 16;
	content[4 * l->tcache_count_bytes] = l->tcache_left ? 15 : 1;
	put(content + l->tcache_entries + 8 * 4, address(entry));
	put(entry, mangle(i, entry, 0));
}

static void make(struct image *i, unsigned int minor)
{
	const struct glibc_layout *l = glibc_layout(minor);
	unsigned char *arena, *par, *at, *c, *tcache, *cached;

	assert_non_null(l);
	memset(i->base, 0, BYTES + 8192);
	arena = i->base + 64;
	par = i->base + 4096;
	i->heap = i->base + 8192;
	i->mem = (struct memory){.read = read_image, .pid = getpid(), .arg = i};
	i->g = (struct glibc){.mem = i->mem,
			      .layout = l,
			      .main_arena = address(arena),
			      .par = address(par),
			      .limit = BYTES + 8192};
	i->in_use = i->binned = i->fast = i->tcache = 0;
	i->nhot = 0;

	i->hot[i->nhot++] = arena + l->next;
	i->hot[i->nhot++] = arena + l->system;
	i->hot[i->nhot++] = arena + l->top;
	i->hot[i->nhot++] = par + l->sbrk_base;
	i->hot[i->nhot++] = par + l->mmapped;
	put(arena + l->next, address(arena));
	put(arena + l->system, BYTES);
	put(arena + l->max_system, BYTES + 4096);
	put(arena + l->attached, 3);
	for (unsigned int b = 0; b < GLIBC_BINS; b++)
		put(arena + l->bins + 8 * b, address(arena + l->bins + 8 * (b & ~1u) - 16));
	put(par + l->sbrk_base, address(i->heap));
	put(par + l->mmapped, 5 * 4096);
	put(par + l->max_mmapped, 7 * 4096);
	par[l->n_mmaps] = 2;

	at = i->heap;
	chunk(&at, 0x510, 1);
	/* A binned one: in the unsorted list, alone. */
	c = chunk(&at, 0x420, 1);
	i->hot[i->nhot++] = c + 8;
	i->hot[i->nhot++] = c + 16;
	i->hot[i->nhot++] = at;
	i->hot[i->nhot++] = at + 8;
	put(c + 16, address(arena + l->bins - 16));
	put(c + 24, address(arena + l->bins - 16));
	put(arena + l->bins, address(c));
	put(arena + l->bins + 8, address(c));
	put(at, 0x420);
	i->binned += 0x420;
	/* With a word that points into a file. */
	put(chunk(&at, 0x90, 0) + 24, FILE_AT + 7);
	/* Two in the fastbin of 0x40, each in use as the next chunk's flag has it. */
	if (l->fastbins) {
		unsigned char *second = chunk(&at, 0x40, 1), *first = chunk(&at, 0x40, 1);

		put(arena + l->fastbins + 8 * 2, address(first));
		put(first + 16, mangle(i, first + 16, address(second)));
		put(second + 16, mangle(i, second + 16, 0));
		i->fast += 0x80;
	}
	if (l->tcache_bins) {
		tcache = chunk(&at, (l->tcache_size + 8u + 15) & ~15u, 1);
		cached = chunk(&at, 0x60, 1);
		make_tcache(i, tcache + 16, cached + 16);
		i->tcache += 0x60;
	}
	chunk(&at, 0x20000, 1);
	i->top = address(i->heap) + BYTES - address(at);
	put(at + 8, i->top | 1);
	i->hot[i->nhot++] = at + 8;
	put(arena + l->top, address(at));
	i->in_use = BYTES - i->top - i->binned - i->fast;
}

static void setup(struct image *i)
{
	i->base =
	    mmap(NULL, BYTES + 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(i->base != MAP_FAILED);
}

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
	    cmocka_unit_test(test_layouts),  cmocka_unit_test(test_unknown),
	    cmocka_unit_test(test_tampered), cmocka_unit_test(test_find),
	    cmocka_unit_test(test_bias),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
