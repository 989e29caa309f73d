// SPDX-License-Identifier: GPL-2.0
#include "inspect/glibc_heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "heapwatch/event.h"
#include "inspect/pagemap.h"
#include "model/signature.h"

/*
 * What is read at once: smaller tears less, larger costs fewer calls.  Copying a page costs about
 * what a call does, so behind a chunk whose inside was stepped over the next read is of one page,
 * and as long as chunks follow each other closely each read is twice the one before.
 */
#define WINDOW	   (256u << 10)
#define TRIES	   5
#define PAGE	   PAGEMAP_PAGE
#define PREV_INUSE 1ull
#define IS_MMAPPED 2ull

int glibc_heap_init(struct glibc_heap *h, const struct glibc *g, uint64_t deadline_ns)
{
	*h = (struct glibc_heap){.g = g, .deadline_ns = deadline_ns};
	h->buf = malloc(WINDOW + PAGE);
	return h->buf ? 0 : -ENOMEM;
}

void glibc_heap_free(struct glibc_heap *h)
{
	free(h->buf);
	free(h->found.v);
}

int glibc_heap_enter(struct glibc_heap *h, struct pagemap *pages, struct glibc_region *r)
{
	uint8_t *states;

	r->page = r->start / PAGE * PAGE;
	r->npages = (r->end - r->page + PAGE - 1) / PAGE;
	states = realloc(r->states, r->npages ? r->npages : 1);
	if (!states)
		return -ENOMEM;
	r->states = states;
	h->r = r;
	return pagemap__read(pages, PAGEMAP_ANON, r->page, r->npages, states);
}

static bool resident(const struct glibc_heap *h, uint64_t addr)
{
	uint64_t page = (addr - h->r->page) / PAGE;
	uint8_t state = page < h->r->npages ? h->r->states[page] : PAGE_ABSENT;

	return state == PAGE_ANON || state == PAGE_FILE;
}

uint64_t glibc_heap_resident(const struct glibc_heap *h, uint64_t from, uint64_t to)
{
	uint64_t sum = 0;

	while (from < to) {
		uint64_t next = (from / PAGE + 1) * PAGE;

		if (next > to)
			next = to;
		if (resident(h, from))
			sum += next - from;
		from = next;
	}
	return sum;
}

bool glibc_heap_peek(const struct glibc_heap *h, uint64_t addr, void *buf, size_t len)
{
	if (addr >= h->at && addr + len <= h->at + h->len) {
		memcpy(buf, h->buf + (addr - h->at), len);
		return true;
	}
	return glibc_heap_resident(h, addr, addr + len) == len &&
	       !memory_read(&h->g->mem, addr, buf, len);
}

/* Read the window at addr: up to the first page that is not resident. */
static int load(struct glibc_heap *h, uint64_t addr, uint64_t end)
{
	uint64_t len = 0, behind = h->at + h->len;
	int err;

	if (!resident(h, addr))
		return -ENODATA;
	if (h->deadline_ns && clock_now_ns() > h->deadline_ns)
		return -ETIMEDOUT;
	h->want = addr < h->at || addr >= behind + PAGE ? PAGE
		  : h->want < WINDOW			? 2 * h->want
							: WINDOW;
	do
		len = (addr + len) / PAGE * PAGE + PAGE - addr;
	while (len < h->want && addr + len < end && resident(h, addr + len));
	if (addr + len > end)
		len = end - addr;
	h->at = addr;
	h->len = 0;
	err = memory_read(&h->g->mem, addr, h->buf, len);
	if (err)
		return err == -EFAULT ? -EAGAIN : err;
	h->len = len;
	return 0;
}

static int header(struct glibc_heap *h, uint64_t addr, uint64_t end, uint64_t head[2])
{
	int err = 0;

	if (end - addr < 16)
		return -EAGAIN;
	if (addr < h->at || addr + 16 > h->at + h->len)
		err = load(h, addr, end);
	if (!err)
		memcpy(head, h->buf + (addr - h->at), 16);
	return err;
}

/*
 * One step: the chunk at p, whose header is head, to *c; head becomes that of the next.  1: more
 * follow; 0: it was the last (top, or the fencepost of a full heap, whose c->size is 0); -EAGAIN:
 * what stands there is no chunk.
 */
static int step(struct glibc_heap *h, uint64_t p, uint64_t end, uint64_t head[2],
		struct glibc_chunk *c)
{
	uint64_t size = head[1] & ~GLIBC_SIZE_BITS, flags = head[1];
	int err;

	*c = (struct glibc_chunk){.addr = p, .size = size, .kind = GLIBC_TOP};
	/* The end of a heap that is full: a chunk too small to be one, then one of size 0. */
	if (size <= 16 && flags & PREV_INUSE && end - p <= 0x40) {
		c->size = 0;
		return 0;
	}
	/* Top ends where the heap ends.  What was taken of it since the arena was read is too new.
	 */
	if (p == h->top_addr) {
		c->size = end - p;
		return 0;
	}
	if (size < GLIBC_MIN_CHUNK || flags & IS_MMAPPED || size & 15 || size > end - p)
		return -EAGAIN;
	if (size == end - p)
		return 0;
	err = header(h, p + size, end, head);
	if (err)
		return err;
	c->kind = head[1] & PREV_INUSE ? GLIBC_IN_USE : GLIBC_BINNED;
	/* A free chunk's size stands at its end too. */
	if (c->kind == GLIBC_BINNED && head[0] != size)
		return -EAGAIN;
	return 1;
}

static int settle(struct glibc_heap *h, int (*fn)(void *arg, struct glibc_chunk *c), void *arg)
{
	int err = 0;

	for (size_t i = 0; i < h->found.n && !err; i++)
		err = fn(arg, &h->found.v[i]);
	h->found.n = 0;
	return err;
}

/* What a block begins with, as long as it is there: a step may read on. */
struct beginning {
	uint64_t words[SIGNATURE_WORDS];
	size_t n; /* 0: not known */
};

static void read_beginning(const struct glibc_heap *h, uint64_t p, const uint64_t head[2],
			   struct beginning *b)
{
	uint64_t size = head[1] & ~GLIBC_SIZE_BITS;

	b->n = 0;
	if (!h->nfiles || size > HW_CACHED_CHUNK_MAX)
		return;
	b->n = signature_words(size);
	if (!glibc_heap_peek(h, p + 16, b->words, b->n * sizeof(*b->words)))
		b->n = 0;
}

int glibc_heap_walk(struct glibc_heap *h, int (*fn)(void *arg, struct glibc_chunk *c), void *arg)
{
	const struct glibc_region *r = h->r;
	uint64_t p = r->first, believed = r->first, head[2];
	bool known = false; /* head is that of p */
	int tries = 0, more = 1, err = 0;

	h->at = h->len = h->found.n = 0;
	while (more > 0 && p < r->end && !err) {
		struct glibc_chunk c = {0};
		uint64_t window = h->at;
		struct beginning begin;

		more = known ? 0 : header(h, p, r->end, head);
		if (!more) {
			read_beginning(h, p, head, &begin);
			more = step(h, p, r->end, head, &c);
		}
		known = more > 0;
		if (more == -EAGAIN && ++tries < TRIES) {
			h->found.n = h->len = 0;
			p = believed;
			more = 1;
			continue;
		}
		if (more < 0) {
			h->found.n = 0;
			return more;
		}
		if (c.size)
			err = glibc_chunks_add(&h->found, c.addr, c.size, c.kind);
		if (c.size && !err && c.kind == GLIBC_IN_USE && begin.n)
			h->found.v[h->found.n - 1].signature =
			    signature_of(h->files, h->nfiles, begin.words, begin.n);
		p += c.size;
		if (!err && h->at != window) {
			err = settle(h, fn, arg);
			believed = p;
			tries = 0;
		}
	}
	return err ? err : settle(h, fn, arg);
}
