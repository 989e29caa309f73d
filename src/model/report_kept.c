// SPDX-License-Identifier: GPL-2.0
#include "model/report_kept.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/strpool.h"
#include "model/report.h"

struct report_kept {
	struct report report;
	struct arena *arena;
	/* Functions, files and modules are few, and their names are in many frames. */
	struct strpool *strings;
	bool failed;
};

static void *alloc(struct report_kept *c, size_t n, size_t size)
{
	void *p = c->failed ? NULL : arena__alloc(c->arena, n, size);

	c->failed |= !p;
	return p;
}

static const char *text(struct report_kept *c, const char *s)
{
	const char *kept = s && !c->failed ? strpool__add(c->strings, s) : NULL;

	c->failed |= s && !kept;
	return kept;
}

static const struct report_frame *frames(struct report_kept *c, const struct report_site *from)
{
	struct report_frame *to = alloc(c, from->nframes, sizeof(*to));

	for (size_t i = 0; to && i < from->nframes; i++) {
		to[i] = from->frames[i];
		to[i].function = text(c, from->frames[i].function);
		to[i].file = text(c, from->frames[i].file);
		to[i].module = text(c, from->frames[i].module);
	}
	return to;
}

static const struct report_site *sites(struct report_kept *c, const struct report_process *from)
{
	struct report_site *to = alloc(c, from->nsites, sizeof(*to));

	for (size_t i = 0; to && i < from->nsites; i++) {
		to[i] = from->sites[i];
		to[i].frames = frames(c, &from->sites[i]);
	}
	return to;
}

/* Field by field: what is not named here must not point into a report that is gone. */
static void copy_process(struct report_kept *c, struct report_process *to,
			 const struct report_process *from)
{
	*to = (struct report_process){
	    .pid = from->pid,
	    .start_time = from->start_time,
	    .comm = text(c, from->comm),
	    .exe = text(c, from->exe),
	    .exited = from->exited,
	    .user_probes = text(c, from->user_probes),
	    .kernel_probes = text(c, from->kernel_probes),
	    .mode = text(c, from->mode),
	    .rss_bytes = from->rss_bytes,
	    .shared_bytes = from->shared_bytes,
	    .outstanding_bytes = from->outstanding_bytes,
	    .outstanding_blocks = from->outstanding_blocks,
	    .mapped_bytes = from->mapped_bytes,
	    .events = from->events,
	    .lost_events = from->lost_events,
	    .nsites = from->nsites,
	    .sites = sites(c, from),
	    .sites_total = from->sites_total,
	    .hidden_bytes = from->hidden_bytes,
	};
}

struct report_kept *report_kept__new(const struct report *r)
{
	struct report_kept *c = calloc(1, sizeof(*c));
	struct report_process *to;

	if (!c)
		return NULL;
	c->arena = arena__new();
	c->strings = strpool__new();
	c->failed = !c->arena || !c->strings;
	to = alloc(c, r->nprocesses, sizeof(*to));
	c->report = (struct report){.time_ns = r->time_ns,
				    .elapsed_ns = r->elapsed_ns,
				    .last = r->last,
				    .nprocesses = r->nprocesses,
				    .processes = to};
	for (size_t i = 0; to && i < r->nprocesses; i++)
		copy_process(c, &to[i], &r->processes[i]);
	if (!c->failed)
		return c;
	report_kept__free(c);
	return NULL;
}

void report_kept__free(struct report_kept *c)
{
	if (!c)
		return;
	arena__free(c->arena);
	strpool__free(c->strings);
	free(c);
}

const struct report *report_kept__report(const struct report_kept *c)
{
	return &c->report;
}
