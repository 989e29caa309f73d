// SPDX-License-Identifier: GPL-2.0
#include "app/export_render.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/command.h"
#include "app/export_metrics.h"
#include "app/export_pages.h"
#include "app/export_profile.h"
#include "model/metrics.h"
#include "out/callsites.h"
#include "out/index_page.h"
#include "out/json_groups.h"
#include "out/page.h"
#include "out/prom.h"

struct sources {
	const struct export_self *self;
	const struct groups *groups;
	const struct metrics *metrics;
	const struct report *report;
};

typedef int (*write_fn)(FILE *f, const struct sources *s);

static struct page *write_page(const char *type, write_fn fn, const struct sources *s)
{
	char *body = NULL;
	size_t len;
	FILE *f = open_memstream(&body, &len);
	int err = f ? fn(f, s) : -ENOMEM;

	if (f && fclose(f))
		err = -ENOMEM;
	if (!err)
		return page__new(type, body, len);
	free(body);
	return NULL;
}

static int write_text(FILE *f, const struct sources *s)
{
	return prom_write(f, s->metrics, PROM_TEXT);
}

static int write_openmetrics(FILE *f, const struct sources *s)
{
	return prom_write(f, s->metrics, PROM_OPENMETRICS);
}

static int write_json(FILE *f, const struct sources *s)
{
	return json_groups_write(f, s->groups, s->self->machine, s->report);
}

static int write_index(FILE *f, const struct sources *s)
{
	return index_page_write(f, HEAPWATCH_VERSION, s->groups, s->self->machine, s->report);
}

int export_render(const struct export_self *self, struct groups *g, struct callsites *c,
		  const struct report *r, struct pages_set *out)
{
	struct metrics *m = metrics__new();
	const struct sources s = {.self = self, .groups = g, .metrics = m, .report = r};
	int err;

	if (!m)
		return -ENOMEM;
	export_groups(m, g, self->machine);
	export_self(m, g, self);
	err = callsites__finish(c, m);
	if (!err)
		err = metrics__error(m);
	if (!err)
		*out = (struct pages_set){
		    .text = write_page(prom_content_type(PROM_TEXT), write_text, &s),
		    .openmetrics =
			write_page(prom_content_type(PROM_OPENMETRICS), write_openmetrics, &s),
		    .index = write_page("text/html; charset=utf-8", write_index, &s),
		    .report = write_page("application/json", write_json, &s),
		    .profile = profile__new(r, g)};
	metrics__free(m);
	return err;
}
