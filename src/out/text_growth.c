// SPDX-License-Identifier: GPL-2.0
/* text_growth.c: which callsites grow, a minute, and how sure that is. */
#include <stdlib.h>
#include <stdbool.h>
#include <string.h>

#include "base/units.h"
#include "base/utf8.h"
#include "model/report.h"
#include "out/callsites.h"
#include "out/text_parts.h"

#define SHOWN	  5
#define NAME_TEXT 256
/* Seconds: before that, that nothing grows says nothing. */
#define LONG_ENOUGH 15

/* What called into the library that maps: its own frames tell nothing. */
static size_t callers(const struct report_site *s)
{
	const char *module = s->nframes ? s->frames[0].module : NULL;
	size_t i = 0;

	if (s->kind != REPORT_MAP || !module)
		return 0;
	while (i < s->nframes && s->frames[i].module && !strcmp(s->frames[i].module, module))
		i++;
	return i < s->nframes ? i : 0;
}

/* What it grows by at least. */
static double surely(const struct report_site *s)
{
	return s->growth.per_minute - s->growth.error;
}

/* Is a to be told before b? */
static bool before(const struct report_site *a, const struct report_site *b)
{
	return surely(a) != surely(b) ? surely(a) > surely(b) : a < b;
}

/* The rank'th of those that grow, or NULL. */
static const struct report_site *ranked(const struct report_process *p, size_t rank)
{
	const struct report_site *last = NULL;

	for (size_t n = 0; n <= rank; n++) {
		const struct report_site *most = NULL;

		for (size_t i = 0; i < p->nsites; i++) {
			const struct report_site *s = &p->sites[i];

			if (s->growth.growing && (!last || before(last, s)) &&
			    (!most || before(s, most)))
				most = s;
		}
		last = most;
		if (!last)
			return NULL;
	}
	return last;
}

static void rate(char *buf, size_t len, const struct report_growth *g)
{
	char size[SIZE_TEXT], error[SIZE_TEXT];
	double by = g->per_minute < 0 ? -g->per_minute : g->per_minute;

	snprintf(buf, len, "%s%s +- %s", g->per_minute < 0 ? "-" : "",
		 size_format(size, (uint64_t)by), size_format(error, (uint64_t)g->error));
}

static void one(const struct text *t, const struct report_site *s)
{
	char line[512], by[64], name[NAME_TEXT], clean[NAME_TEXT];
	struct report_site from = *s;
	size_t skip = callers(s);

	from.frames += skip;
	from.nframes -= skip;
	rate(by, sizeof(by), &s->growth);
	snprintf(line, sizeof(line), "%26s  %s  %s", by, s->kind == REPORT_MAP ? "map " : "heap",
		 utf8_clean(clean, sizeof(clean), callsite_name(name, sizeof(name), &from)));
	text_put(t, NULL, line);
}

/* What seems to grow and may not: so much of it. */
static void replacing(const struct text *t, const struct report_process *p)
{
	char line[160], size[SIZE_TEXT];
	double sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < p->nsites; i++)
		if (p->sites[i].growth.replacing) {
			sum += p->sites[i].growth.per_minute;
			n++;
		}
	if (!n)
		return;
	snprintf(
	    line, sizeof(line),
	    "  not counted: %s at %zu callsite%s, in the place of blocks older than the attach",
	    size_format(size, (uint64_t)sum), n, n == 1 ? "" : "s");
	text_put(t, NULL, line);
}

void text_growth(const struct text *t, const struct report_process *p)
{
	const struct report_site *first = ranked(p, 0);
	bool passive = !strcmp(p->mode, "passive"), heap = p->heap_growth.known;
	char line[256], by[64] = "unknown";
	double span = report_growth_seconds(p);

	if (!first && span < LONG_ENOUGH)
		return;
	snprintf(line, sizeof(line),
		 first ? "growing, a minute, by the last %.0f s (nine times in ten within +-)"
		       : "growing, by the last %.0f s: no callsite for sure",
		 span);
	text_put(t, TEXT_BOLD, line);
	for (size_t i = 0; i < SHOWN && ranked(p, i); i++)
		one(t, ranked(p, i));
	replacing(t, p);
	if (heap)
		rate(by, sizeof(by), &p->heap_growth);
	if (passive)
		snprintf(line, sizeof(line),
			 "  %s: malloc is not watched; what its blocks hold grew by %s a minute",
			 first && first->kind == REPORT_HEAP ? "by samples" : "of mappings alone",
			 by);
	else
		snprintf(line, sizeof(line), "%26s        what malloc's blocks hold in all", by);
	if (passive || heap)
		text_put(t, NULL, line);
}
