// SPDX-License-Identifier: GPL-2.0
#include "model/growth.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/growth_parts.h"

#define EVERY_NS    1000000000ull
#define EVERY_MAX   (8 * EVERY_NS)
#define SPAN_S	    2.0
#define LEAST	    1024.0 /* bytes a minute: less is not worth a word */
#define STILL	    0.25   /* of its growth, in the last third */
#define TIMES_ERROR 2.0

struct growth *growth__new(void)
{
	struct growth *g = calloc(1, sizeof(*g));

	if (g)
		g->every_ns = EVERY_NS;
	return g;
}

void growth__free(struct growth *g)
{
	if (!g)
		return;
	growth_restart(g);
	free(g->series);
	free(g);
}

void growth_restart(struct growth *g)
{
	for (size_t i = 0; i < g->n; i++)
		free(g->series[i]);
	g->n = g->points = 0;
	g->every_ns = EVERY_NS;
}

/* The first one that is not before this. */
static size_t search(const struct growth *g, uint64_t key, uint32_t class)
{
	size_t low = 0, high = g->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct series *s = g->series[mid];

		if (s->key < key || (s->key == key && s->class < class))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct series *insert(struct growth *g, size_t i, uint64_t key, uint32_t class)
{
	struct series *s;

	if (g->n == g->room) {
		size_t room = g->room ? 2 * g->room : 64;
		struct series **series = reallocarray(g->series, room, sizeof(struct series *));

		if (!series)
			return NULL;
		g->series = series;
		g->room = room;
	}
	/* Before it was known it held nothing. */
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->key = key;
	s->class = class;
	memmove(&g->series[i + 1], &g->series[i], (g->n - i) * sizeof(struct series *));
	g->series[i] = s;
	g->n++;
	return s;
}

/* Without every other point, or without the oldest. */
static void thin(struct growth *g, bool halve)
{
	unsigned int kept = 0;

	for (unsigned int from = halve ? 0 : 1; from < g->points; from += halve ? 2 : 1, kept++) {
		g->time_ns[kept] = g->time_ns[from];
		for (size_t i = 0; i < g->n; i++) {
			g->series[i]->bytes[kept] = g->series[i]->bytes[from];
			g->series[i]->gone[kept] = g->series[i]->gone[from];
			g->series[i]->same[kept] = g->series[i]->same[from];
		}
	}
	g->points = kept;
}

static bool held_any(const struct growth *g, const struct series *s)
{
	for (unsigned int i = 0; i < g->points; i++)
		if (s->bytes[i] != 0)
			return true;
	return false;
}

/* The heap is not always read: then it is what it was. */
static bool stays(const struct series *s)
{
	return s->key == GROWTH_HEAP;
}

/* For one more point, at which nobody holds anything as yet. */
static void make_room(struct growth *g)
{
	size_t kept = 0;

	if (g->points == GROWTH_POINTS) {
		bool halve = g->every_ns < EVERY_MAX;

		thin(g, halve);
		g->every_ns *= halve ? 2 : 1;
	}
	for (size_t i = 0; i < g->n; i++) {
		struct series *s = g->series[i];

		if (!held_any(g, s)) {
			free(s);
			continue;
		}
		s->bytes[g->points] = stays(s) && g->points ? s->bytes[g->points - 1] : 0;
		s->gone[g->points] = g->points ? s->gone[g->points - 1] : 0;
		s->same[g->points] = 0;
		g->series[kept++] = s;
	}
	g->n = kept;
}

static int put(struct growth *g, const struct growth_site *site)
{
	size_t i = search(g, site->key, site->class);
	struct series *s =
	    i < g->n && g->series[i]->key == site->key && g->series[i]->class == site->class
		? g->series[i]
		: NULL;

	if (!s && g->n == GROWTH_SERIES)
		return 0;
	if (!s) {
		s = insert(g, i, site->key, site->class);
		if (!s)
			return -ENOMEM;
		for (unsigned int k = 0; k < g->points; k++) {
			s->gone[k] = site->gone;
			s->bytes[k] = stays(s) ? site->bytes : 0;
		}
	}
	s->bytes[g->points] = site->bytes;
	s->gone[g->points] = site->gone;
	s->same[g->points] = site->same;
	if (site->sample > 0)
		s->sample = site->sample;
	s->stays = site->stays;
	if (site->unit > 0)
		s->unit = site->unit;
	s->worth = site->worth > 0 ? site->worth : 1;
	return 0;
}

int growth__add(struct growth *g, uint64_t time_ns, const struct growth_site *sites, size_t n)
{
	/* A report comes a little early or late. */
	const uint64_t slack = EVERY_NS / 8;
	int err = 0;

	if (g->points && time_ns - g->time_ns[g->points - 1] + slack < g->every_ns)
		return 0;
	make_room(g);
	for (size_t i = 0; i < n && !err; i++)
		err = put(g, &sites[i]);
	g->time_ns[g->points++] = time_ns;
	growth_settle(g);
	return err;
}

static double seconds(const struct growth *g, unsigned int i)
{
	return (double)(g->time_ns[i] - g->time_ns[0]) / 1e9;
}

/* Of one that holds exact figures; NULL: there is none. */
static const struct series *exact(const struct growth *g, uint64_t key)
{
	size_t i = search(g, key, GROWTH_EXACT);

	return i < g->n && g->series[i]->key == key ? g->series[i] : NULL;
}

static bool replaces(const struct growth *g, double slope)
{
	const struct series *heap = exact(g, GROWTH_HEAP), *seen = exact(g, GROWTH_SEEN);

	return heap && seen && heap->slope + heap->error < slope / 2 &&
	       seen->slope - heap->slope > slope / 2;
}

/* What a callsite's series come to, bytes a second. */
struct rates {
	double slope, variance, recent;
};

static void sum(struct rates *r, const struct series *s, double part)
{
	double by = part * s->worth;

	r->slope += by * s->slope;
	r->variance += by * by * s->error * s->error;
	r->recent += by * s->recent;
}

static bool is_sampled(const struct series *s)
{
	return s->sample > 0 || s->unit > 0;
}

/* Blocks that stand for themselves are no part of what samples stand for. */
static void weigh(struct rates *r, const struct series *s, const struct series *also)
{
	double mine = s->worth * s->worth * s->error * s->error;
	double its = also->worth * also->worth * also->error * also->error;
	double part = mine + its > 0 ? its / (mine + its) : 0.5;

	if (!is_sampled(s))
		part = 1;
	sum(r, s, part);
	sum(r, also, is_sampled(s) ? 1 - part : 1);
}

static struct rates rates_of(const struct growth *g, uint64_t key, size_t i)
{
	size_t k = search(g, key, GROWTH_ALSO), end = k;
	struct rates r = {0};

	for (; end < g->n && g->series[end]->key == key && g->series[end]->class != GROWTH_EXACT;)
		end++;
	for (size_t first = i, also = k; first < k || also < end;) {
		const struct series *s = first < k ? g->series[first] : NULL;
		const struct series *t = also < end ? g->series[also] : NULL;

		if (s && t && s->class == (t->class & ~GROWTH_ALSO)) {
			weigh(&r, s, t);
			first++;
			also++;
		} else if (s && (!t || s->class < (t->class & ~GROWTH_ALSO))) {
			sum(&r, s, 1);
			first++;
		} else {
			sum(&r, t, 1);
			also++;
		}
	}
	if (end < g->n && g->series[end]->key == key)
		sum(&r, g->series[end], 1);
	return r;
}

bool growth__of(const struct growth *g, uint64_t key, struct growth_rate *rate)
{
	unsigned int last = g->points - 1;
	size_t i = search(g, key, 0);
	struct rates r;

	if (g->points < 3 || seconds(g, last) < SPAN_S || i == g->n || g->series[i]->key != key)
		return false;
	r = rates_of(g, key, i);
	*rate = (struct growth_rate){.per_minute = 60 * r.slope,
				     .error = 60 * sqrt(r.variance),
				     .seconds = seconds(g, last)};
	rate->growing = rate->per_minute >= LEAST && rate->per_minute > TIMES_ERROR * rate->error &&
			r.recent >= STILL * r.slope;
	/* Mappings, whose keys are odd, are not the heap's. */
	rate->replacing = rate->growing && !(key & 1) && replaces(g, r.slope);
	rate->growing &= !rate->replacing;
	return true;
}
