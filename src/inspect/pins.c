// SPDX-License-Identifier: GPL-2.0
#include "inspect/pins.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/glibc.h"
#include "inspect/pagemap.h"

#define PAGE	 PAGEMAP_PAGE
#define HEADER	 16ull
#define LARGE	 (128u << 10)	 /* DEFAULT_MMAP_THRESHOLD */
#define PER_PAGE (PAGE / 32 + 2) /* chunks that a page can touch */

/* A live block on the page under way. */
struct on_page {
	struct pins_site *site;
	uint64_t bytes;
};

/* Chunks wait in a row until what the ledger knows of them has come from memory: a table of ten
 * million blocks is in no cache. */
#define ROW 16

struct pins {
	struct pins_ledger ledger;
	struct glibc_chunk row[ROW]; /* a ring: `first` and nrow - 1 more */
	unsigned int first, nrow;
	struct pins_totals totals;
	int err;

	/* Pages of the region. */
	uint64_t start, npages;
	uint8_t *states;

	/* The page under way: number from the address space's start. */
	uint64_t page, live, free;
	struct on_page blocks[PER_PAGE];
	size_t nblocks;

	struct pins_site sizes[PINS_SIZES];
	struct pins_site *sites; /* by key */
	uint32_t nsites;
	struct pins_site *result;
};

struct pins *pins__new(const struct pins_ledger *ledger)
{
	struct pins *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	if (ledger)
		p->ledger = *ledger;
	for (unsigned int i = 0; i < PINS_SIZES; i++)
		p->sizes[i] = (struct pins_site){.by_size = true, .key = i};
	return p;
}

void pins__free(struct pins *p)
{
	if (!p)
		return;
	free(p->states);
	free(p->sites);
	free(p->result);
	free(p);
}

/* Powers of two and the half between: 32, 48, 64, 96, 128 ... */
uint64_t pins_size_limit(unsigned int class)
{
	return (class & 1 ? 48ull : 32ull) << (class / 2);
}

static unsigned int size_class(uint64_t size)
{
	unsigned int log2, class;

	if (size <= 32)
		return 0;
	/* 2^log2 < size <= 2^(log2 + 1) */
	log2 = 63u - (unsigned int)__builtin_clzll(size - 1);
	class = 2 * (log2 - 5) + (size <= 3ull << (log2 - 1) ? 1 : 2);
	return class < PINS_SIZES ? class : PINS_SIZES - 1;
}

/* Sites by number, which moves them: the page under way is closed before. */
static struct pins_site *site_of(struct pins *p, const struct pins_block *b, uint64_t size)
{
	if (!b->seen)
		return &p->sizes[size_class(size)];
	return b->key < p->nsites ? &p->sites[b->key] : NULL;
}

static bool resident(const struct pins *p, uint64_t page)
{
	uint64_t i = page - p->start / PAGE;

	return page >= p->start / PAGE && i < p->npages &&
	       (p->states[i] == PAGE_ANON || p->states[i] == PAGE_FILE);
}

static uint64_t resident_bytes(const struct pins *p, uint64_t from, uint64_t to)
{
	uint64_t sum = 0;

	/* Nearly all are on one page. */
	if (from / PAGE == (to - 1) / PAGE)
		return resident(p, from / PAGE) ? to - from : 0;
	while (from < to) {
		uint64_t next = (from / PAGE + 1) * PAGE;

		if (next > to)
			next = to;
		if (resident(p, from / PAGE))
			sum += next - from;
		from = next;
	}
	return sum;
}

static void close_page(struct pins *p)
{
	if (p->nblocks && p->free >= PAGE / 2 && resident(p, p->page)) {
		p->totals.sparse_pages++;
		p->totals.sparse_free += p->free;
		for (size_t i = 0; i < p->nblocks; i++) {
			struct on_page *b = &p->blocks[i];
			bool first = true;

			b->site->bytes += p->free * b->bytes / p->live;
			for (size_t k = 0; k < i && first; k++)
				first = p->blocks[k].site != b->site;
			b->site->pages += first;
		}
	}
	p->nblocks = 0;
	p->live = p->free = 0;
}

static int make_room(struct pins *p, uint32_t key)
{
	uint32_t n = p->nsites + p->nsites / 2;
	struct pins_site *sites;

	if (key < p->nsites)
		return 0;
	if (n <= key)
		n = key + 64;
	sites = calloc(n, sizeof(*sites));
	if (!sites)
		return -ENOMEM;
	for (size_t i = 0; i < p->nblocks; i++)
		if (!p->blocks[i].site->by_size)
			p->blocks[i].site = sites + (p->blocks[i].site - p->sites);
	if (p->nsites)
		memcpy(sites, p->sites, p->nsites * sizeof(*sites));
	for (uint32_t i = p->nsites; i < n; i++)
		sites[i].key = i;
	free(p->sites);
	p->sites = sites;
	p->nsites = n;
	return 0;
}

/* [from, to) of a chunk lies on this page, and nothing before it is to come any more. */
static void on_page(struct pins *p, uint64_t page, uint64_t bytes, struct pins_site *site)
{
	if (page != p->page) {
		close_page(p);
		p->page = page;
	}
	if (!site) {
		p->free += bytes;
		return;
	}
	p->live += bytes;
	if (p->nblocks < PER_PAGE)
		p->blocks[p->nblocks++] = (struct on_page){site, bytes};
}

/* Only its first and its last page can be shared with others. */
static void place(struct pins *p, uint64_t addr, uint64_t size, struct pins_site *site)
{
	uint64_t end = addr + size, first = addr / PAGE, last = (end - 1) / PAGE;

	if (first == last) {
		on_page(p, first, size, site);
		return;
	}
	on_page(p, first, (first + 1) * PAGE - addr, site);
	on_page(p, last, end - last * PAGE, site);
}

static struct pins_block look_up(struct pins *p, const struct glibc_chunk *c)
{
	struct pins_block b = {0};

	if (p->ledger.find)
		b = p->ledger.find(p->ledger.arg, c->addr + HEADER, c);
	if (b.seen && make_room(p, b.key)) {
		p->err = -ENOMEM;
		b.seen = false;
	}
	return b;
}

static void count(struct pins *p, const struct pins_block *b, uint64_t size, uint64_t here)
{
	uint64_t asked = b->requested < here ? b->requested : here;

	p->totals.chunks++;
	if (!b->seen) {
		p->totals.older += here;
		return;
	}
	/* A chunk that is not wholly resident: its header surely is, its end may be not. */
	if (here < size && asked + HEADER > here)
		asked = here > HEADER ? here - HEADER : 0;
	p->totals.seen += asked;
	p->totals.overhead += here - asked;
}

static void settle(struct pins *p, const struct glibc_chunk *c)
{
	uint64_t here = resident_bytes(p, c->addr, c->addr + c->size);
	struct pins_block b;

	if (c->kind != GLIBC_IN_USE) {
		p->totals.free += here;
		if (c->kind == GLIBC_BINNED && c->size >= LARGE)
			p->totals.large_free += here;
		place(p, c->addr, c->size, NULL);
		return;
	}
	b = look_up(p, c);
	count(p, &b, c->size, here);
	place(p, c->addr, c->size, site_of(p, &b, c->size));
}

static void settle_row(struct pins *p)
{
	for (; p->nrow; p->nrow--)
		settle(p, &p->row[p->first++ % ROW]);
}

void pins__chunk(void *arg, const struct glibc_chunk *c)
{
	struct pins *p = arg;

	if (!p->ledger.soon) {
		settle(p, c);
		return;
	}
	if (c->kind == GLIBC_IN_USE)
		p->ledger.soon(p->ledger.arg, c->addr + HEADER);
	if (p->nrow == ROW) {
		settle(p, &p->row[p->first++ % ROW]);
		p->nrow--;
	}
	p->row[(p->first + p->nrow++) % ROW] = *c;
}

void pins__region(void *arg, uint64_t start, uint64_t npages, const uint8_t *states)
{
	struct pins *p = arg;
	uint8_t *copy;

	/* What waits is of the region before, and needs its pages' states. */
	settle_row(p);
	close_page(p);
	p->npages = 0;
	copy = realloc(p->states, npages ? npages : 1);
	if (!copy) {
		p->err = -ENOMEM;
		return;
	}
	memcpy(copy, states, npages);
	p->states = copy;
	p->start = start;
	p->npages = npages;
}

void pins__mmapped(void *arg, uint64_t chunk, uint64_t size, uint64_t here)
{
	struct pins *p = arg;
	const struct glibc_chunk c = {.addr = chunk, .size = size, .kind = GLIBC_IN_USE};
	struct pins_block b = look_up(p, &c);

	count(p, &b, size, here);
}

static int by_bytes(const void *a, const void *b)
{
	const struct pins_site *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (x->by_size != y->by_size)
		return x->by_size - y->by_size;
	return (x->key > y->key) - (x->key < y->key);
}

int pins__finish(struct pins *p, struct pins_totals *totals, const struct pins_site **sites,
		 size_t *nsites)
{
	size_t n = 0;

	settle_row(p);
	close_page(p);
	*totals = p->totals;
	*nsites = 0;
	free(p->result);
	p->result = calloc(PINS_SIZES + (size_t)p->nsites, sizeof(*p->result));
	if (!p->result)
		return -ENOMEM;
	for (size_t i = 0; i < PINS_SIZES; i++)
		if (p->sizes[i].bytes)
			p->result[n++] = p->sizes[i];
	for (size_t i = 0; i < p->nsites; i++)
		if (p->sites[i].bytes)
			p->result[n++] = p->sites[i];
	qsort(p->result, n, sizeof(*p->result), by_bytes);
	*sites = p->result;
	*nsites = n;
	return p->err;
}
