// SPDX-License-Identifier: GPL-2.0
#include "out/callsites.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/metrics.h"
#include "model/report.h"
#include "out/label.h"

#define NAME_FRAMES 3
#define NAME_TEXT   160
#define FRAME_TEXT  96

struct entry {
	const char *group;
	const struct report_site *site; /* one of those that are added up here */
	uint64_t id, bytes, blocks;
	double growth, variance; /* bytes a second, of those that grow */
	bool picked, told;
};

struct past {
	uint64_t group, id;
};

struct callsites {
	size_t top;
	struct entry *all;
	size_t n, room;
	struct past *past; /* picked by the last finish; sorted */
	size_t npast;
};

/* FNV-1a: it must be the same tomorrow, and a collision only adds two callsites up. */
static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
	for (const unsigned char *p = data, *end = p + len; p < end; p++)
		hash = (hash ^ *p) * 0x100000001b3u;
	return hash;
}

static uint64_t mix_text(uint64_t hash, const char *s)
{
	return mix(hash, s, strlen(s) + 1);
}

uint64_t callsite_id(const struct report_site *s)
{
	uint64_t hash = mix(0xcbf29ce484222325u, s->kind == REPORT_HEAP ? "h" : "m", 1);

	for (size_t i = 0; i < s->nframes; i++) {
		const struct report_frame *f = &s->frames[i];

		hash = mix_text(hash, f->module ? label_base_name(f->module) : "");
		if (f->function)
			hash = mix_text(hash, f->function);
		else if (f->module)
			hash = mix(hash, &f->offset, sizeof(f->offset));
	}
	return hash;
}

char *callsite_name(char *buf, size_t len, const struct report_site *s)
{
	size_t used = 0;

	snprintf(buf, len, "%s", s->nframes ? "" : LABEL_UNKNOWN);
	for (size_t i = 0; i < s->nframes && i < NAME_FRAMES && used < len; i++) {
		char frame[FRAME_TEXT];

		used += (size_t)snprintf(buf + used, len - used, "%s%s", i ? " < " : "",
					 label_frame(frame, sizeof(frame), &s->frames[i]));
	}
	return buf;
}

struct callsites *callsites__new(size_t top)
{
	struct callsites *c = calloc(1, sizeof(*c));

	if (c)
		c->top = top;
	return c;
}

void callsites__free(struct callsites *c)
{
	if (!c)
		return;
	free(c->all);
	free(c->past);
	free(c);
}

int callsites__add(struct callsites *c, const char *group, const struct report_process *p)
{
	if (c->n + p->nsites > c->room) {
		size_t room = 2 * (c->n + p->nsites);
		struct entry *all = reallocarray(c->all, room, sizeof(*all));

		if (!all)
			return -ENOMEM;
		c->all = all;
		c->room = room;
	}
	for (size_t i = 0; i < p->nsites; i++) {
		const struct report_growth *g = &p->sites[i].growth;
		struct entry *e = &c->all[c->n++];

		*e = (struct entry){.group = group,
				    .site = &p->sites[i],
				    .id = callsite_id(&p->sites[i]),
				    .bytes = p->sites[i].bytes,
				    .blocks = p->sites[i].blocks};
		if (g->growing) {
			e->growth = g->per_minute / 60;
			e->variance = g->error / 60 * g->error / 60;
		}
	}
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(x->group, y->group);

	if (!order)
		order = (x->site->kind > y->site->kind) - (x->site->kind < y->site->kind);
	return order ? order : (x->id > y->id) - (x->id < y->id);
}

/* Within a group and kind, the largest first. */
static int by_bytes(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(x->group, y->group);

	if (!order)
		order = (x->site->kind > y->site->kind) - (x->site->kind < y->site->kind);
	if (!order)
		order = (x->bytes < y->bytes) - (x->bytes > y->bytes);
	return order ? order : (x->id > y->id) - (x->id < y->id);
}

static int by_past(const void *a, const void *b)
{
	const struct past *x = a, *y = b;

	if (x->group != y->group)
		return x->group > y->group ? 1 : -1;
	return (x->id > y->id) - (x->id < y->id);
}

static struct past past_of(const struct entry *e)
{
	return (struct past){.group = mix_text(0xcbf29ce484222325u, e->group), .id = e->id};
}

/* Equal callsites of a group's processes become one. */
static void add_up(struct callsites *c)
{
	size_t n = 0;

	if (c->n)
		qsort(c->all, c->n, sizeof(*c->all), by_id);
	for (size_t i = 0; i < c->n; i++) {
		if (n && !by_id(&c->all[n - 1], &c->all[i])) {
			c->all[n - 1].bytes += c->all[i].bytes;
			c->all[n - 1].blocks += c->all[i].blocks;
			c->all[n - 1].growth += c->all[i].growth;
			c->all[n - 1].variance += c->all[i].variance;
		} else {
			c->all[n++] = c->all[i];
		}
	}
	c->n = n;
	if (n)
		qsort(c->all, n, sizeof(*c->all), by_bytes);
}

static bool same_list(const struct entry *a, const struct entry *b)
{
	return a->site->kind == b->site->kind && !strcmp(a->group, b->group);
}

static void write_one(struct metrics *m, const struct entry *e, const char *id, const char *name,
		      uint64_t bytes, uint64_t blocks)
{
	const char *kind = e->site->kind == REPORT_HEAP ? "heap" : "map";

	metrics__add(m, METRIC_CALLSITE_BYTES, (double)bytes, e->group, kind, id, name);
	metrics__add(m, METRIC_CALLSITE_BLOCKS, (double)blocks, e->group, kind, id, name);
}

/* One group's callsites of one kind, n of them, by bytes. */
static void write_list(const struct callsites *c, struct entry *list, size_t n, struct metrics *m)
{
	uint64_t bytes = 0, blocks = 0;

	for (size_t i = 0; i < n; i++) {
		struct past key = past_of(&list[i]);
		char id[24], name[NAME_TEXT];

		list[i].picked =
		    i < c->top || (i < 2 * c->top && c->npast &&
				   bsearch(&key, c->past, c->npast, sizeof(key), by_past));
		if (!list[i].picked) {
			bytes += list[i].bytes;
			blocks += list[i].blocks;
			continue;
		}
		snprintf(id, sizeof(id), "%016" PRIx64, list[i].id);
		write_one(m, &list[i], id, callsite_name(name, sizeof(name), list[i].site),
			  list[i].bytes, list[i].blocks);
	}
	if (n)
		write_one(m, list, "other", "", bytes, blocks);
}

static double surely(const struct entry *e)
{
	return e->growth - sqrt(e->variance);
}

static struct entry *fastest(struct entry *list, size_t n)
{
	struct entry *most = NULL;

	for (size_t i = 0; i < n; i++)
		if (list[i].growth > 0 && !list[i].told &&
		    (!most || surely(&list[i]) > surely(most)))
			most = &list[i];
	return most;
}

static void write_growing(const struct callsites *c, struct entry *list, size_t n,
			  struct metrics *m)
{
	struct entry *e;

	for (size_t i = 0; i < c->top && (e = fastest(list, n)); i++) {
		const char *kind = e->site->kind == REPORT_HEAP ? "heap" : "map";
		char id[24], name[NAME_TEXT];

		e->told = true;
		snprintf(id, sizeof(id), "%016" PRIx64, e->id);
		callsite_name(name, sizeof(name), e->site);
		metrics__add(m, METRIC_CALLSITE_GROWTH, e->growth, e->group, kind, id, name);
		metrics__add(m, METRIC_CALLSITE_GROWTH_ERROR, sqrt(e->variance), e->group, kind, id,
			     name);
	}
}

static int remember(struct callsites *c)
{
	size_t n = 0;

	free(c->past);
	c->npast = 0;
	c->past = calloc(c->n + 1, sizeof(*c->past));
	if (!c->past)
		return -ENOMEM;
	for (size_t i = 0; i < c->n; i++)
		if (c->all[i].picked)
			c->past[n++] = past_of(&c->all[i]);
	qsort(c->past, n, sizeof(*c->past), by_past);
	c->npast = n;
	return 0;
}

int callsites__finish(struct callsites *c, struct metrics *m)
{
	size_t first = 0;
	int err;

	add_up(c);
	for (size_t i = 1; i <= c->n; i++)
		if (i == c->n || !same_list(&c->all[i], &c->all[first])) {
			write_list(c, &c->all[first], i - first, m);
			write_growing(c, &c->all[first], i - first, m);
			first = i;
		}
	err = remember(c);
	c->n = 0;
	return err;
}
