/* SPDX-License-Identifier: GPL-2.0 */
/* glibc_image.h: a heap as glibc's malloc would have it, in memory of our own; by version. */
#ifndef TESTS_GLIBC_IMAGE_H
#define TESTS_GLIBC_IMAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "inspect/glibc.h"
#include "inspect/memory.h"

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
	unsigned char *at_top;	/* the header of top; NULL: it has moved */
	unsigned char *hot[32]; /* words that matter */
	unsigned int nhot;
};

static inline int read_image(const struct memory *m, uint64_t addr, void *buf, size_t len)
{
	const struct image *i = m->arg;
	uint64_t base = (uint64_t)(uintptr_t)i->base, size = BYTES + 8192;

	if (addr < base || len > size || addr - base > size - len)
		return -EFAULT;
	memcpy(buf, i->base + (addr - base), len);
	return 0;
}

static inline void put(unsigned char *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* Chunks from *at on: a free one says its size at its end too, and clears the next one's flag. */
static inline unsigned char *chunk(unsigned char **at, uint64_t size, int prev_in_use)
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

static inline uint64_t address(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static inline uint64_t mangle(const struct image *i, const unsigned char *where, uint64_t link)
{
	return i->g.layout->mangled ? link ^ address(where) >> 12 : link;
}

static inline void make_tcache(struct image *i, unsigned char *content, unsigned char *entry)
{
	const struct glibc_layout *l = i->g.layout;

	/* One chunk of 0x60 bytes: bin 4. */
	for (unsigned int b = 0; l->tcache_left && b < 64; b++)
		content[b * l->tcache_count_bytes] = 16;
	content[4 * l->tcache_count_bytes] = l->tcache_left ? 15 : 1;
	put(content + l->tcache_entries + 8 * 4, address(entry));
	put(entry, mangle(i, entry, 0));
}

static inline void make(struct image *i, unsigned int minor)
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
	i->at_top = at;
	i->in_use = BYTES - i->top - i->binned - i->fast;
}

static inline void setup(struct image *i)
{
	i->base =
	    mmap(NULL, BYTES + 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(i->base != MAP_FAILED);
}

#endif
