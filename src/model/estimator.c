// SPDX-License-Identifier: GPL-2.0
#include "model/estimator.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/births.h"
#include "model/seen.h"
#include "model/share.h"

#define STEP	  16u
#define HEADER	  8u /* of a chunk: it ends in the next one */
#define SMALLEST  32u
#define SMALL_MAX 1040u
#define SMALL	  ((SMALL_MAX - SMALLEST) / STEP + 1)

/* Of a normal distribution: nine in ten are within this many standard deviations. */
#define NINETY 1.645
/* What one site's samples of one class and one moment come to. */
struct unit {
	uint32_t class, site, moment, n;
	double weight; /* 256ths, of one */
	double bytes, chunks;
};

struct estimator {
	struct share_class total[ESTIMATOR_CLASSES];
	struct birth *births; /* by class and site; the caller's */
	size_t nbirths;
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

unsigned int estimator_class_of(uint64_t bytes)
{
	return estimator_class((bytes + HEADER + STEP - 1) & ~(uint64_t)(STEP - 1));
}

void estimator__older(struct estimator *e, const uint64_t *bytes)
{
	for (unsigned int i = 0; i < ESTIMATOR_CLASSES; i++)
		e->total[i].older = (double)bytes[i];
}

/* Neighbours in the heap often are of one site and time: cheap, and it keeps the table short. */
static bool joins(const struct unit *u, const struct unit *with)
{
	return u->class == with->class && u->site == with->site && u->moment == with->moment &&
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
	return (x->moment > y->moment) - (x->moment < y->moment);
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

	e->total[class].bytes += (double)size;
	e->total[class].blocks++;
	if (!b)
		return 0;
	u.site = b->site;
	u.weight = b->weight;
	u.bytes = (double)b->size;
	/* Of one that stands for itself it does not matter when it was born. */
	if (b->weight > SEEN_ALL)
		u.moment = b->moment;
	else
		u.weight = SEEN_ALL;
	return add(e, &u);
}

static int by_class_and_site(const void *a, const void *b)
{
	const struct birth *x = a, *y = b;

	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	return (x->site > y->site) - (x->site < y->site);
}

void estimator__births(struct estimator *e, struct birth *births, size_t n)
{
	if (n)
		qsort(births, n, sizeof(*births), by_class_and_site);
	e->births = births;
	e->nbirths = n;
	for (size_t i = 0; i < n; i++)
		if (births[i].class < SMALL)
			e->total[births[i].class].births += births[i].blocks / SEEN_ALL;
}

static struct share_part part_of(const struct estimator *e, size_t *i)
{
	const struct unit *first = &e->units[*i];
	const struct birth key = {.site = first->site, .class = first->class}, *births;
	struct share_part p = {.class = first->class, .site = first->site, .real = 1};

	for (; *i < e->n; ++*i) {
		const struct unit *u = &e->units[*i];
		double weight = u->weight / SEEN_ALL;
		struct sum *s = u->weight <= SEEN_ALL ? &p.exact : &p.samples;

		if (u->class != first->class || u->site != first->site)
			break;
		s->blocks += weight * u->n;
		s->bytes += weight * u->bytes;
		s->chunks += weight * u->chunks;
		if (s == &p.exact)
			continue;
		p.squares += weight * u->chunks * weight * u->chunks;
		p.units++;
	}
	births = e->nbirths ? bsearch(&key, e->births, e->nbirths, sizeof(key), by_class_and_site)
			    : NULL;
	if (births)
		p.births = births->blocks / SEEN_ALL;
	if (p.births < p.samples.blocks + p.exact.blocks)
		p.births = p.samples.blocks + p.exact.blocks;
	return p;
}

static int by_site(const void *a, const void *b)
{
	const struct share_part *x = a, *y = b;

	return (x->site > y->site) - (x->site < y->site);
}

static void gather(struct estimates *out, const struct share_part *parts, size_t n)
{
	for (size_t i = 0; i < n;) {
		struct estimate *s = &out->sites[out->n++];
		double variance = 0, least = 0;

		*s = (struct estimate){.site = parts[i].site, .exact = true};
		for (; i < n && parts[i].site == s->site; i++) {
			s->bytes += parts[i].exact.bytes + parts[i].samples.bytes;
			s->blocks += parts[i].exact.blocks + parts[i].samples.blocks;
			s->exact &= parts[i].variance <= 0;
			variance += parts[i].variance;
			least += parts[i].exact.bytes;
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
	struct share_part *parts;
	size_t n = 0, i;

	memset(out, 0, sizeof(*out));
	compact(e);
	parts = calloc(e->n + 1, sizeof(*parts));
	out->sites = calloc(e->n + 1, sizeof(*out->sites));
	if (!parts || !out->sites) {
		free(parts);
		estimates_free(out);
		return -ENOMEM;
	}
	for (i = 0; i < e->n;)
		parts[n++] = part_of(e, &i);
	for (i = 0; i < ESTIMATOR_CLASSES; i++)
		out->nobodys += e->total[i].bytes;
	for (i = 0; i < n;) {
		struct share_class *class = &e->total[parts[i].class];
		size_t k = i;

		while (k < n && parts[k].class == parts[i].class)
			k++;
		out->nobodys += share_out(class, &parts[i], k - i) - class->bytes;
		i = k;
	}
	qsort(parts, n, sizeof(*parts), by_site);
	gather(out, parts, n);
	free(parts);
	return 0;
}
