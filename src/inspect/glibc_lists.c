// SPDX-License-Identifier: GPL-2.0
#include "inspect/glibc_lists.h"
#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A thread's cache holds 7 a bin unless a tunable says more; glibc takes 65535 at most. */
#define TCACHE_COUNT_MAX 65535u

struct links {
	uint64_t prev_size, size, fd, bk;
};

int glibc_chunks_add(struct glibc_chunks *c, uint64_t addr, uint64_t size,
		     enum glibc_chunk_kind kind)
{
	if (c->n == c->room) {
		size_t room = c->room ? 2 * c->room : 256;
		struct glibc_chunk *v = reallocarray(c->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		c->v = v;
		c->room = room;
	}
	c->v[c->n++] = (struct glibc_chunk){.addr = addr, .size = size, .kind = kind};
	return 0;
}

static int by_addr(const void *a, const void *b)
{
	const struct glibc_chunk *x = a, *y = b;

	return (x->addr > y->addr) - (x->addr < y->addr);
}

void glibc_chunks_sort(struct glibc_chunks *c)
{
	if (c->n)
		qsort(c->v, c->n, sizeof(*c->v), by_addr);
}

const struct glibc_chunk *glibc_chunks_find(const struct glibc_chunks *c, uint64_t addr)
{
	struct glibc_chunk key = {.addr = addr};

	return c->n ? bsearch(&key, c->v, c->n, sizeof(*c->v), by_addr) : NULL;
}

static uint64_t word(const void *state, size_t offset)
{
	uint64_t v;

	memcpy(&v, (const char *)state + offset, sizeof(v));
	return v;
}

/* PROTECT_PTR: a link is stored XORed with its own address >> 12. */
static uint64_t reveal(const struct glibc *g, uint64_t where, uint64_t link)
{
	return g->layout->mangled ? link ^ where >> 12 : link;
}

/* -EFAULT of a link that leads nowhere is a tear, not an error of the process. */
static int read_links(const struct glibc *g, uint64_t addr, struct links *l)
{
	int err = addr & 15 ? -EAGAIN : memory_read(&g->mem, addr, l, sizeof(*l));

	return err == -EFAULT ? -EAGAIN : err;
}

static int late(uint64_t deadline_ns)
{
	return deadline_ns && clock_now_ns() > deadline_ns ? -ETIMEDOUT : 0;
}

static int one_fastbin(const struct glibc *g, const struct glibc_arena *a, uint64_t p,
		       uint64_t size, uint64_t deadline_ns, struct glibc_chunks *out)
{
	uint64_t sum = 0;

	while (p) {
		struct links l;
		int err = read_links(g, p, &l);

		if (!err && ((l.size & ~GLIBC_SIZE_BITS) != size || (sum += size) > a->system))
			err = -EAGAIN;
		if (!err)
			err = glibc_chunks_add(out, p, size, GLIBC_FAST);
		if (!err && sum / size % 1024 == 0)
			err = late(deadline_ns);
		if (err)
			return err;
		p = reveal(g, p + 16, l.fd);
	}
	return 0;
}

int glibc_fastbins(const struct glibc *g, const struct glibc_arena *a, const void *state,
		   uint64_t deadline_ns, struct glibc_chunks *out)
{
	int torn = 0;

	for (unsigned int i = 0; g->layout->fastbins && i < GLIBC_FASTBINS; i++) {
		uint64_t head = word(state, g->layout->fastbins + 8 * i);
		size_t before = out->n;
		int err = one_fastbin(g, a, head, (i + 2) * 16, deadline_ns, out);

		for (int again = 0; err == -EAGAIN && again < 4; again++) {
			out->n = before;
			err =
			    memory_read_u64(&g->mem, a->addr + g->layout->fastbins + 8 * i, &head);
			if (!err)
				err = one_fastbin(g, a, head, (i + 2) * 16, deadline_ns, out);
		}
		if (err && err != -EAGAIN)
			return err;
		if (err) {
			out->n = before;
			torn = err;
		}
	}
	return torn;
}

static int one_bin(const struct glibc *g, const struct glibc_arena *a, uint64_t bin, uint64_t p,
		   uint64_t deadline_ns, struct glibc_chunks *out)
{
	uint64_t prev = bin, sum = 0;

	/* An arena that was never used has zeroes here. */
	for (size_t n = 0; p && p != bin; n++) {
		struct links l;
		int err = read_links(g, p, &l);
		uint64_t size = err ? 0 : l.size & ~GLIBC_SIZE_BITS;

		if (!err && (l.bk != prev || size < GLIBC_MIN_CHUNK || size & 15 ||
			     (sum += size) > a->system))
			err = -EAGAIN;
		if (!err)
			err = glibc_chunks_add(out, p, size, GLIBC_BINNED);
		if (!err && n % 1024 == 1023)
			err = late(deadline_ns);
		if (err)
			return err;
		prev = p;
		p = l.fd;
	}
	return 0;
}

int glibc_bins(const struct glibc *g, const struct glibc_arena *a, const void *state,
	       uint64_t deadline_ns, struct glibc_chunks *out)
{
	int torn = 0;

	for (unsigned int i = 0; i < GLIBC_BINS; i += 2) {
		uint16_t at = (uint16_t)(g->layout->bins + 8 * i);
		/* A bin is a chunk whose fd and bk are these two words. */
		uint64_t bin = a->addr + at - 16, head = word(state, at);
		size_t before = out->n;
		int err = one_bin(g, a, bin, head, deadline_ns, out);

		for (int again = 0; err == -EAGAIN && again < 4; again++) {
			out->n = before;
			err = memory_read_u64(&g->mem, a->addr + at, &head);
			if (!err)
				err = one_bin(g, a, bin, head, deadline_ns, out);
		}
		if (err && err != -EAGAIN)
			return err;
		if (err) {
			out->n = before;
			torn = err;
		}
	}
	return torn;
}

/* The bins of one size each; behind them, from 2.42 on, such of a range. */
#define TCACHE_SMALL 64u

/* Follow a bin to its end: how many entries, at most max; -EAGAIN: it is none. */
static int one_entry(const struct glibc *g, uint64_t e, unsigned int bin, unsigned int max,
		     size_t *room, struct glibc_chunks *out)
{
	unsigned int n = 0;

	for (; e; n++) {
		struct links l;
		int err = e & 15 || n == max || !*room ? -EAGAIN : read_links(g, e - 16, &l);
		uint64_t size = err ? 0 : l.size & ~GLIBC_SIZE_BITS;

		*room -= *room != 0;
		if (!err && (bin < TCACHE_SMALL ? size != (bin + 2) * 16u
						: size < (TCACHE_SMALL + 2) * 16u || size & 15))
			err = -EAGAIN;
		if (!err)
			err = glibc_chunks_add(out, e - 16, size, GLIBC_TCACHE);
		if (err)
			return err;
		e = reveal(g, e, l.fd);
	}
	return (int)n;
}

/* Does a bin that holds n say so?  From 2.42 on it says how many more fit: in all bins together
 * with those that are there the same, or none where the bin is not used. */
static bool fits(const struct glibc_layout *l, unsigned int said, unsigned int n,
		 unsigned int *capacity)
{
	if (!l->tcache_left)
		return said == n;
	if (!*capacity)
		*capacity = said + n;
	return said + n == *capacity || (!said && !n);
}

int glibc_tcache(const struct glibc *g, const void *content, size_t *room, struct glibc_chunks *out)
{
	const struct glibc_layout *l = g->layout;
	const unsigned char *counts = content;
	unsigned int capacity = 0;
	size_t before = out->n;

	for (unsigned int i = 0; i < l->tcache_bins; i++) {
		uint64_t e = word(content, l->tcache_entries + 8 * i);
		unsigned int said = counts[i];
		int n = 0;

		if (l->tcache_count_bytes == 2)
			said = counts[2 * i] | (unsigned int)counts[2 * i + 1] << 8;
		/* Any other data of that size fails here, or at the chunks that it points to. */
		if (l->tcache_left ? capacity > TCACHE_COUNT_MAX : !e != !said)
			n = -EAGAIN;
		if (e && !n)
			n = one_entry(g, e, i, l->tcache_left ? TCACHE_COUNT_MAX : said, room, out);
		if (n >= 0 && !fits(l, said, (unsigned int)n, &capacity))
			n = -EAGAIN;
		if (n < 0) {
			out->n = before;
			return n == -ENOMEM ? n : 0;
		}
	}
	return (int)(out->n - before);
}
