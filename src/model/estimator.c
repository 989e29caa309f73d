// SPDX-License-Identifier: GPL-2.0
#include "model/estimator.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/ledger.h"
#include "model/seen.h"

#define STEP	  16u
#define SMALLEST  32u
#define SMALL_MAX 1040u
#define SMALL	  ((SMALL_MAX - SMALLEST) / STEP + 1)

/* Of a normal distribution: nine in ten are within this many standard deviations. */
#define NINETY 1.645
/*
 * What the samples' own scatter does not show, as found on traces of real programs
 * (tests/bench/estimate.c): their error bars then hold nine times in ten.  Samples whose address
 * was freed and given out again without anybody seeing it cannot be told from others.  And a site
 * may have had a burst that no window saw: as large as the usual, once or twice.
 */
#define REUSE  0.12
#define UNSEEN 2

/* What one site's samples of one class and one second come to. */
struct unit {
	uint32_t class, site, second, n;
	double weight; /* 256ths, of one */
	double bytes, chunks;
};

struct total {
	double heap, heap_blocks; /* chunk bytes, as the walk has them */
	double known;		  /* of these, blocks that stand for themselves */
	double older;
};

struct estimator {
	struct total total[ESTIMATOR_CLASSES];
	struct unit *units;
	size_t n, room;
};

struct estimator *estimator__new(void)
{
	return calloc(1, sizeof(struct estimator));
}

void estimator__free(struct estimator *e)
{
	if (!e)
		return;
	free(e->units);
	free(e);
}

unsigned int estimator_class(uint64_t size)
{
	unsigned int log, class;

	if (size <= SMALL_MAX)
		return size < SMALLEST ? 0 : (unsigned int)((size - SMALLEST) / STEP);
	log = 63u - (unsigned int)__builtin_clzll(size);
	class = SMALL + (log - 10) * 4 + (unsigned int)(size >> (log - 2) & 3);
	return class < ESTIMATOR_CLASSES ? class : ESTIMATOR_CLASSES - 1;
}

void estimator__older(struct estimator *e, const uint64_t *bytes)
{
	for (unsigned int i = 0; i < ESTIMATOR_CLASSES; i++)
		e->total[i].older = (double)bytes[i];
}

/* Neighbours in the heap often are of one site and time: cheap, and it keeps the table short. */
static bool joins(const struct unit *u, const struct unit *with)
{
	return u->class == with->class && u->site == with->site && u->second == with->second &&
	       u->weight == with->weight;
}

static void join(struct unit *u, const struct unit *with)
{
	u->n += with->n;
	u->bytes += with->bytes;
	u->chunks += with->chunks;
}

static int by_class(const void *a, const void *b)
{
	const struct unit *x = a, *y = b;

	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	if (x->site != y->site)
		return x->site < y->site ? -1 : 1;
	if (x->weight != y->weight)
		return x->weight < y->weight ? -1 : 1;
	return (x->second > y->second) - (x->second < y->second);
}

static void compact(struct estimator *e)
{
	size_t kept = 0;

	if (!e->n)
		return;
	qsort(e->units, e->n, sizeof(*e->units), by_class);
	for (size_t i = 1; i < e->n; i++)
		if (joins(&e->units[i], &e->units[kept]))
			join(&e->units[kept], &e->units[i]);
		else
			e->units[++kept] = e->units[i];
	e->n = kept + 1;
}

static int add(struct estimator *e, const struct unit *u)
{
	if (e->n && joins(u, &e->units[e->n - 1])) {
		join(&e->units[e->n - 1], u);
		return 0;
	}
	if (e->n == e->room) {
		struct unit *units;
		size_t room;

		compact(e);
		room = e->room ? e->room : 1024;
		while (e->n * 2 > room)
			room *= 2;
		units = reallocarray(e->units, room, sizeof(*units));
		if (!units)
			return -ENOMEM;
		e->units = units;
		e->room = room;
	}
	e->units[e->n++] = *u;
	return 0;
}

int estimator__chunk(struct estimator *e, uint64_t size, const struct estimator_block *b)
{
	unsigned int class = estimator_class(size);
	struct unit u = {.class = class, .n = 1, .chunks = (double)size};

	e->total[class].heap += (double)size;
	e->total[class].heap_blocks++;
	if (!b)
		return 0;
	u.site = b->site;
	u.weight = b->weight;
	u.bytes = (double)b->size;
	if (b->weight <= SEEN_ALL) {
		/* When it was born does not matter. */
		e->total[class].known += (double)size;
		u.weight = SEEN_ALL;
	} else {
		u.second = b->second;
	}
	return add(e, &u);
}

/* ---- sharing out ---- */

/* A class's samples: what they stand for in all, and what one of their chunk bytes is worth. */
struct share {
	double chunks;	/* weighted */
	double squares; /* of the units' weighted chunks */
	double units;
	double scale;
};

static void shares(const struct estimator *e, struct share *out, double *nobodys)
{
	memset(out, 0, ESTIMATOR_CLASSES * sizeof(*out));
	for (size_t i = 0; i < e->n; i++) {
		const struct unit *u = &e->units[i];
		double chunks = u->weight * u->chunks;

		if (u->weight <= SEEN_ALL)
			continue;
		out[u->class].chunks += chunks;
		out[u->class].squares += chunks * chunks;
		out[u->class].units++;
	}
	*nobodys = 0;
	for (unsigned int i = 0; i < ESTIMATOR_CLASSES; i++) {
		const struct total *t = &e->total[i];
		double rest = t->heap - t->known, older = t->older < rest ? t->older : rest;

		if (rest <= 0)
			continue;
		if (out[i].chunks > 0)
			out[i].scale = (rest - older) / out[i].chunks;
		*nobodys += out[i].chunks > 0 ? older : rest;
	}
}

/* A site's part of a class: the units from *i on that are of both. */
struct part {
	uint32_t site;
	double bytes, blocks, least, variance;
	bool exact;
};

static struct part part_of(const struct estimator *e, const struct share *shares, size_t *i)
{
	const struct unit *first = &e->units[*i];
	const struct share *s = &shares[first->class];
	struct part p = {.site = first->site, .exact = true};
	double chunks = 0, bytes = 0, squares = 0, worth, portion, own, few;

	for (; *i < e->n; ++*i) {
		const struct unit *u = &e->units[*i];

		if (u->class != first->class || u->site != first->site)
			break;
		p.least += u->bytes;
		if (u->weight <= SEEN_ALL) {
			p.bytes += u->bytes;
			p.blocks += u->n;
			continue;
		}
		p.exact = false;
		chunks += u->weight * u->chunks;
		bytes += u->weight * u->bytes;
		p.blocks += s->scale * u->weight * u->n;
		squares += u->weight * u->chunks * u->weight * u->chunks;
	}
	if (p.exact)
		return p;
	worth = bytes / chunks;
	portion = chunks / s->chunks;
	p.bytes += s->scale * bytes;
	own = (1 - portion) * (1 - portion) * squares +
	      portion * portion * (s->squares > squares ? s->squares - squares : 0);
	own += UNSEEN * (1 - portion) * s->squares / s->units;
	/* One or two units say little of how units differ: as Student's distribution is wider. */
	few = 1 + squares / (chunks * chunks);
	p.variance = worth * worth * s->scale * s->scale * own * few * few;
	/* And what nobody has been seen to hold may be of those who were not. */
	own = s->scale * bytes / (s->units + 1);
	p.variance += own * own;
	/* Addresses used again: as if that part of the class were anybody's. */
	own = REUSE * s->scale * bytes * sqrt(1 - portion);
	p.variance += own * own;
	return p;
}

static int by_site(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return (x->site > y->site) - (x->site < y->site);
}

static void gather(struct estimates *out, const struct part *parts, size_t n)
{
	for (size_t i = 0; i < n;) {
		struct estimate *s = &out->sites[out->n++];
		double variance = 0, least = 0;

		*s = (struct estimate){.site = parts[i].site, .exact = true};
		for (; i < n && parts[i].site == s->site; i++) {
			s->bytes += parts[i].bytes;
			s->blocks += parts[i].blocks;
			s->exact &= parts[i].exact;
			variance += parts[i].variance;
			least += parts[i].exact ? parts[i].bytes : 0;
		}
		s->low = s->bytes - NINETY * sqrt(variance);
		s->high = s->bytes + NINETY * sqrt(variance);
		if (s->low < least)
			s->low = least;
		out->bytes += s->bytes;
		out->blocks += s->blocks;
	}
}

int estimator__finish(struct estimator *e, struct estimates *out)
{
	struct share *s = malloc(ESTIMATOR_CLASSES * sizeof(*s));
	struct part *parts;
	size_t n = 0;

	memset(out, 0, sizeof(*out));
	compact(e);
	parts = calloc(e->n + 1, sizeof(*parts));
	out->sites = calloc(e->n + 1, sizeof(*out->sites));
	if (s && parts && out->sites) {
		shares(e, s, &out->nobodys);
		for (size_t i = 0; i < e->n;)
			parts[n++] = part_of(e, s, &i);
		qsort(parts, n, sizeof(*parts), by_site);
		gather(out, parts, n);
	}
	free(s);
	free(parts);
	if (s && parts && out->sites)
		return 0;
	estimates_free(out);
	return -ENOMEM;
}

void estimates_free(struct estimates *e)
{
	free(e->sites);
	*e = (struct estimates){0};
}

/* ---- into a snapshot ---- */

static int by_id(const void *a, const void *b)
{
	const struct estimate *x = a, *y = b;

	return (x->site > y->site) - (x->site < y->site);
}

static int by_bytes(const void *a, const void *b)
{
	const struct snapshot_site *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (x->stack != y->stack)
		return x->stack > y->stack ? 1 : -1;
	return (x->kind > y->kind) - (x->kind < y->kind);
}

void estimates_apply(const struct estimates *e, struct snapshot *s, size_t top, uint64_t min_bytes)
{
	size_t kept = 0;

	s->outstanding_bytes = s->outstanding_blocks = 0;
	s->sites_total = 0;
	for (size_t i = 0; i < s->nsites; i++) {
		struct snapshot_site *site = &s->sites[i];
		const struct estimate key = {.site = site->site},
				      *found =
					  site->kind != REPORT_HEAP || !e->n
					      ? NULL
					      : bsearch(&key, e->sites, e->n, sizeof(key), by_id);

		if (site->kind == REPORT_HEAP) {
			if (!found)
				continue;
			site->bytes = (uint64_t)(found->bytes + 0.5);
			site->blocks = (uint64_t)(found->blocks + 0.5);
			site->low = (uint64_t)found->low;
			site->high = (uint64_t)(found->high + 0.5);
			site->estimated = !found->exact;
			s->outstanding_bytes += site->bytes;
			s->outstanding_blocks += site->blocks;
		}
		s->sites_total++;
		s->sites[kept++] = *site;
	}
	qsort(s->sites, kept, sizeof(*s->sites), by_bytes);
	s->nsites = s->hidden_bytes = 0;
	for (size_t i = 0; i < kept; i++)
		if (s->sites[i].bytes >= min_bytes && (!top || i < top))
			s->nsites++;
		else
			s->hidden_bytes += s->sites[i].bytes;
}
