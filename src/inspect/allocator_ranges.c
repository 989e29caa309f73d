// SPDX-License-Identifier: GPL-2.0
#include "inspect/allocator_ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/memory.h"
#include "inspect/pagemap.h"

/* Of a hostile or a strange process: more is not followed. */
#define RANGES_MOST (1u << 20)
#define ROOTS_MOST  4096       /* each tells of 1 or 2 GiB */
#define PAGES_MOST  (1u << 17) /* of leaves: each tells of 2 or 4 MiB */

#define WORDS (PAGEMAP_PAGE / 8)

/* Descriptions of runs stand side by side: pages of them are kept. */
#define CACHE 256

struct reading {
	const struct memory *m;
	struct pagemap *pages;
	const struct allocator_table *t;
	struct allocator_ranges *out;
	unsigned int npages, nroots;
	uint64_t covered; /* what is below is told already */
	struct {
		uint64_t at;
		unsigned char bytes[PAGEMAP_PAGE];
	} cache[CACHE];
};

int allocator_ranges_add(struct allocator_ranges *r, uint64_t start, uint64_t end)
{
	struct allocator_range *last = r->n ? &r->all[r->n - 1] : NULL;

	if (last && start >= last->start && start <= last->end) {
		if (end > last->end)
			last->end = end;
		return 0;
	}
	if (start >= end)
		return 0;
	if (r->n == RANGES_MOST)
		return -E2BIG;
	if (r->n == r->room) {
		size_t room = r->room ? 2 * r->room : 64;
		struct allocator_range *all = reallocarray(r->all, room, sizeof(*all));

		if (!all)
			return -ENOMEM;
		r->all = all;
		r->room = room;
	}
	r->all[r->n++] = (struct allocator_range){start, end};
	return 0;
}

void allocator_ranges_free(struct allocator_ranges *r)
{
	free(r->all);
	*r = (struct allocator_ranges){0};
}

static int read_run(struct reading *r, uint64_t at, uint64_t run[2])
{
	uint64_t page = at & ~(PAGEMAP_PAGE - 1);
	unsigned int i = (at / PAGEMAP_PAGE) % CACHE;
	const size_t len = 2 * sizeof(*run);
	int err = 0;

	if (at - page > PAGEMAP_PAGE - len)
		return memory_read(r->m, at, run, len);
	if (r->cache[i].at != page)
		err = memory_read(r->m, page, r->cache[i].bytes, PAGEMAP_PAGE);
	r->cache[i].at = err ? 0 : page;
	if (!err)
		memcpy(run, r->cache[i].bytes + (at - page), len);
	return err;
}

/* The run of the page at `first`, as far as what its word leads to says: one that was split or
 * given away meanwhile is the page alone. */
static int add_run(struct reading *r, uint64_t first, uint64_t at)
{
	const uint64_t page = 1ull << r->t->page_shift;
	uint64_t run[2] = {0}, start, len, end = first + page;
	int err = read_run(r, at, run);

	start = (run[0] << r->t->run_shift) & ~(page - 1);
	len = (run[1] << r->t->run_shift) & ~(page - 1);
	if (!err && start <= first && len < 1ull << 47 && start + len >= end)
		end = start + len;
	r->covered = end;
	return err && err != -EFAULT ? err : allocator_ranges_add(r->out, first, end);
}

/* 512 words of a leaf, the first of which is of the page of memory at `from`. */
static int read_leaf(struct reading *r, uint64_t addr, uint64_t from)
{
	uint64_t words[WORDS];
	int err =
	    r->npages++ == PAGES_MOST ? -E2BIG : memory_read(r->m, addr, words, sizeof(words));

	if (err)
		return err == -EFAULT ? 0 : err;
	for (size_t i = 0; i < WORDS && !err; i++) {
		uint64_t first = from + (i << r->t->page_shift), at = words[i] & r->t->pointer;

		/* Within a run words are the same, none, or left over from others. */
		if (at && first >= r->covered)
			err = add_run(r, first, at + r->t->run);
	}
	return err;
}

/* A table of n words, 512 at a time, as far as it is resident; from: what the first is of, and the
 * next step behind. */
static int each_page(struct reading *r, uint64_t addr, uint32_t n, uint64_t from, uint64_t step,
		     int (*fn)(struct reading *r, uint64_t addr, uint64_t from))
{
	/* Tables need not begin with a page. */
	const uint64_t page = addr & ~(PAGEMAP_PAGE - 1);
	uint8_t states[ALLOCATOR_LEAF / WORDS + 1];
	uint32_t npages = n / WORDS;
	int err = pagemap__read(r->pages, PAGEMAP_ANY, page, npages + 1, states);

	for (uint32_t i = 0; i < npages && !err; i++)
		if (states[i] != PAGE_ABSENT || (addr != page && states[i + 1] != PAGE_ABSENT))
			err = fn(r, addr + i * PAGEMAP_PAGE, from + i * step);
	return err;
}

static int read_roots(struct reading *r, uint64_t addr, uint64_t from)
{
	const unsigned int leaf_shift = 18 + r->t->page_shift;
	uint64_t words[WORDS];
	int err = memory_read(r->m, addr, words, sizeof(words));

	if (err)
		return err == -EFAULT ? 0 : err;
	for (size_t i = 0; i < WORDS && !err; i++)
		/* No address of a leaf: torn, or no such table. */
		if (words[i] && !(words[i] & 7) && !(words[i] >> 47))
			err = r->nroots++ == ROOTS_MOST
				  ? -E2BIG
				  : each_page(r, words[i], ALLOCATOR_LEAF, from + (i << leaf_shift),
					      (uint64_t)WORDS << r->t->page_shift, read_leaf);
	return err;
}

int allocator_ranges_read(const struct memory *m, struct pagemap *pages,
			  const struct allocator_table *t, struct allocator_ranges *out)
{
	struct reading *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	*r = (struct reading){.m = m, .pages = pages, .t = t, .out = out};
	err = each_page(r, t->at, t->roots, 0, (uint64_t)WORDS << (18 + t->page_shift), read_roots);
	free(r);
	return err;
}
