// SPDX-License-Identifier: GPL-2.0
/*
 * estimate.c TRACE SEEN EVERY LARGE SEED: how well the estimator tells who holds what, on a trace
 * of a real program (16 bytes a call, struct record below), of which windows of SEEN calls in each
 * EVERY are seen, and with LARGE 1 all large blocks.  At eight instants: one line "error INSIDE
 * ERROR" with the ten largest callsites' error as a share of their bytes, how many of the 40
 * largest are within their error bars, and of how many; then a line "all SEEN_SHARE ERROR INSIDE"
 * with the means.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heapwatch/event.h"
#include "model/blocks.h"
#include "model/estimator.h"
#include "model/seen.h"

#define LARGE_SIZE (HW_CACHED_CHUNK_MAX - 8)
#define INSTANTS   8
#define LARGEST	   10
#define BARS	   40

struct record {
	uint64_t addr;
	uint32_t size; /* bit 31: the thread cache served it */
	uint32_t site; /* 0: a free */
};

struct truth {
	uint32_t key, site;
	double bytes;
};

struct sim {
	struct blocks *live;  /* the program's */
	struct blocks *known; /* ours; born: which window */
	uint32_t *keys;	      /* of the sites: a small number each */
	uint32_t nsites, room;
	uint32_t *index; /* hash of key -> number + 1 */
	uint64_t seen;
	bool large;
	uint32_t weight;
};

#define INDEX_BITS 20

static uint32_t site_of(struct sim *s, uint32_t key)
{
	uint32_t i = key * 2654435761u >> (32 - INDEX_BITS);

	while (s->index[i] && s->keys[s->index[i] - 1] != key)
		i = (i + 1) & ((1u << INDEX_BITS) - 1);
	if (!s->index[i]) {
		if (s->nsites == s->room) {
			s->room = s->room ? 2 * s->room : 1024;
			s->keys = realloc(s->keys, s->room * sizeof(*s->keys));
		}
		s->keys[s->nsites] = key;
		s->index[i] = ++s->nsites;
	}
	return s->index[i] - 1;
}

static uint64_t chunk_of(uint64_t size)
{
	uint64_t chunk = (size + 8 + 15) & ~15ull;

	return chunk < 32 ? 32 : chunk;
}

/* What a look at the heap finds out: is there a live block of that size? */
struct check {
	struct sim *s;
	uint64_t *dead;
	size_t n, room;
};

static int check_one(void *arg, const struct block *b)
{
	struct check *c = arg;
	struct block now;

	if (blocks__find(c->s->live, b->addr, &now) && chunk_of(now.size) == chunk_of(b->size))
		return 0;
	if (c->n == c->room) {
		c->room = c->room ? 2 * c->room : 1024;
		c->dead = realloc(c->dead, c->room * sizeof(*c->dead));
	}
	c->dead[c->n++] = b->addr;
	return 0;
}

static void check(struct sim *s)
{
	struct check c = {.s = s};

	blocks__each(s->known, check_one, &c);
	for (size_t i = 0; i < c.n; i++)
		blocks__take(s->known, c.dead[i], NULL);
	free(c.dead);
}

static void apply(struct sim *s, const struct record *r, bool window, uint32_t number)
{
	uint64_t size = r->size & 0x7fffffff;
	struct block b = {.addr = r->addr, .size = size, .born = number};
	bool big;

	if (!r->site) {
		if (blocks__take(s->live, r->addr, &b))
			return;
		big = s->large && b.size > LARGE_SIZE;
		s->seen += big || window;
		if (big || window)
			blocks__take(s->known, r->addr, NULL);
		return;
	}
	b.site = site_of(s, r->site);
	blocks__put(s->live, &b, NULL);
	big = s->large && size > LARGE_SIZE;
	s->seen += big || window;
	if (big || window)
		blocks__put(s->known, &b, NULL);
}

struct walk {
	struct sim *s;
	struct estimator *e;
	struct truth *truth;
	double bytes;
};

static int walk_one(void *arg, const struct block *b)
{
	struct walk *w = arg;
	struct block known;
	struct estimator_block block;

	w->truth[b->site].site = b->site;
	w->truth[b->site].bytes += (double)b->size;
	w->bytes += (double)b->size;
	if (!blocks__find(w->s->known, b->addr, &known))
		return estimator__chunk(w->e, chunk_of(b->size), NULL);
	block = (struct estimator_block){
	    .site = known.site,
	    .size = known.size,
	    .weight = w->s->large && known.size > LARGE_SIZE ? SEEN_ALL : w->s->weight,
	    .second = known.born};
	return estimator__chunk(w->e, chunk_of(b->size), &block);
}

static int by_bytes(const void *a, const void *b)
{
	const struct truth *x = a, *y = b;

	return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

static const struct estimate *find(const struct estimates *e, uint32_t site)
{
	for (size_t i = 0; i < e->n; i++)
		if (e->sites[i].site == site)
			return &e->sites[i];
	return NULL;
}

static void compare(struct sim *s, double *error, double *inside, double *bars)
{
	struct walk w = {.s = s, .e = estimator__new()};
	double wrong = 0, all = 0;
	struct estimates e;
	int in = 0, n = 0;

	check(s);
	w.truth = calloc(s->nsites + 1, sizeof(*w.truth));
	blocks__each(s->live, walk_one, &w);
	estimator__finish(w.e, &e);
	qsort(w.truth, s->nsites, sizeof(*w.truth), by_bytes);
	for (uint32_t i = 0; i < s->nsites && i < BARS && w.truth[i].bytes > 0; i++) {
		const struct truth *t = &w.truth[i];
		const struct estimate *found = find(&e, t->site);

		if (i < LARGEST) {
			wrong += fabs((found ? found->bytes : 0) - t->bytes);
			all += t->bytes;
		}
		if (!found)
			continue;
		n++;
		in += t->bytes >= found->low - 1 && t->bytes <= found->high + 1;
	}
	*error += all > 0 ? wrong / all : 0;
	*inside += in;
	*bars += n;
	printf("error %.4f inside %d %d bytes %.0f told %.0f\n", all > 0 ? wrong / all : 0, in, n,
	       w.bytes, e.bytes);
	free(w.truth);
	estimates_free(&e);
	estimator__free(w.e);
}

int main(int argc, char **argv)
{
	FILE *f = argc > 5 ? fopen(argv[1], "rb") : NULL;
	uint64_t seen = f ? strtoull(argv[2], NULL, 10) : 0,
		 every = f ? strtoull(argv[3], NULL, 10) : 1;
	struct sim s = {.live = blocks__new(), .known = blocks__new(), .large = f && atoi(argv[4])};
	double error = 0, inside = 0, bars = 0;
	uint64_t all, i = 0, start = 0, next;
	struct record r;

	if (!f || !seen || seen > every) {
		fprintf(stderr, "usage: estimate TRACE SEEN EVERY LARGE SEED\n");
		return 1;
	}
	srand48(atol(argv[5]));
	s.index = calloc(1u << INDEX_BITS, sizeof(*s.index));
	s.weight = (uint32_t)(every * 256 / seen);
	if (s.weight <= SEEN_ALL)
		s.weight = SEEN_ALL;
	fseek(f, 0, SEEK_END);
	all = (uint64_t)ftell(f) / sizeof(r);
	rewind(f);
	next = all / (INSTANTS + 1);
	for (; fread(&r, sizeof(r), 1, f) == 1; i++) {
		uint64_t at = i % every;

		if (!at)
			start = (uint64_t)(drand48() * (double)(every - seen + 1));
		apply(&s, &r, at >= start && at < start + seen, (uint32_t)(i / every));
		if (at == start + seen - 1 || at % (every / 4 + 1) == 0)
			check(&s);
		if (i == next && next < all - 1) {
			compare(&s, &error, &inside, &bars);
			next += all / (INSTANTS + 1);
		}
	}
	fclose(f);
	printf("all %.5f %.4f %.3f\n", (double)s.seen / (double)all, error / INSTANTS,
	       bars > 0 ? inside / bars : 0);
	blocks__free(s.live);
	blocks__free(s.known);
	free(s.index);
	free(s.keys);
	return 0;
}
