// SPDX-License-Identifier: GPL-2.0
#include "model/growth.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define POINTS	 60u
#define SITES	 4096u
#define EVERY_NS 1000000000ull /* points are at least this apart: a minute at once */
#define SPAN_S	 2.0
#define NINETY	 1.645

struct site {
	uint64_t key;
	unsigned int n, next; /* points; where the next one goes */
	struct point {
		uint64_t time_ns;
		double bytes, spread;
	} point[POINTS];
};

struct growth {
	struct site **sites; /* by key */
	size_t n, room;
};

struct growth *growth__new(void)
{
	return calloc(1, sizeof(struct growth));
}

void growth__free(struct growth *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->n; i++)
		free(g->sites[i]);
	free(g->sites);
	free(g);
}

/* The first site whose key is not below. */
static size_t search(const struct growth *g, uint64_t key)
{
	size_t low = 0, high = g->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (g->sites[mid]->key < key)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct site *insert(struct growth *g, size_t i, uint64_t key)
{
	struct site *s;

	if (g->n == g->room) {
		size_t room = g->room ? 2 * g->room : 64;
		struct site **sites = reallocarray(g->sites, room, sizeof(struct site *));

		if (!sites)
			return NULL;
		g->sites = sites;
		g->room = room;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->key = key;
	memmove(&g->sites[i + 1], &g->sites[i], (g->n - i) * sizeof(struct site *));
	g->sites[i] = s;
	g->n++;
	return s;
}

int growth__add(struct growth *g, uint64_t time_ns, uint64_t key, double bytes, double spread)
{
	size_t i = search(g, key);
	struct site *s = i < g->n && g->sites[i]->key == key ? g->sites[i] : NULL;

	if (!s && g->n == SITES)
		return 0;
	if (!s)
		s = insert(g, i, key);
	if (!s)
		return -ENOMEM;
	if (s->n && time_ns - s->point[(s->next + POINTS - 1) % POINTS].time_ns < EVERY_NS)
		return 0;
	s->point[s->next] = (struct point){time_ns, bytes, spread};
	s->next = (s->next + 1) % POINTS;
	if (s->n < POINTS)
		s->n++;
	return 0;
}

/* Least squares; the error is of what the points are off the line, and of what each is unsure. */
bool growth__of(const struct growth *g, uint64_t key, double *per_minute, double *error)
{
	size_t i = search(g, key);
	const struct site *s = i < g->n && g->sites[i]->key == key ? g->sites[i] : NULL;
	double t = 0, b = 0, tt = 0, tb = 0, off = 0, unsure = 0, slope, span;
	uint64_t first;

	if (!s || s->n < 3)
		return false;
	first = s->point[s->n < POINTS ? 0 : s->next].time_ns;
	span = (double)(s->point[(s->next + POINTS - 1) % POINTS].time_ns - first) / 1e9;
	if (span < SPAN_S)
		return false;
	for (unsigned int k = 0; k < s->n; k++) {
		t += (double)(s->point[k].time_ns - first) / 1e9;
		b += s->point[k].bytes;
	}
	t /= s->n;
	b /= s->n;
	for (unsigned int k = 0; k < s->n; k++) {
		double dt = (double)(s->point[k].time_ns - first) / 1e9 - t;

		tt += dt * dt;
		tb += dt * (s->point[k].bytes - b);
	}
	slope = tb / tt;
	for (unsigned int k = 0; k < s->n; k++) {
		double dt = (double)(s->point[k].time_ns - first) / 1e9 - t;
		double d = s->point[k].bytes - b - slope * dt;

		off += d * d;
		unsure += dt * dt * s->point[k].spread * s->point[k].spread;
	}
	*per_minute = 60 * slope;
	*error = 60 * NINETY * sqrt(off / (s->n - 2) / tt + unsure / (tt * tt));
	return true;
}
