// SPDX-License-Identifier: GPL-2.0
#include "app/top_watch.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/session.h"
#include "base/clock.h"
#include "model/report_copy.h"
#include "tui/page.h"

struct top_watch {
	struct session *session;
	uint64_t start_ns;
	pid_t pid;
	uint64_t last_ns, last_hits; /* for the rate of hits */
};

int top_watch__new(const struct session_config *config, pid_t pid, struct top_watch **out,
		   char *why, size_t len)
{
	struct top_watch *w = calloc(1, sizeof(*w));
	int err = w ? session__new(config, &w->session) : -ENOMEM;

	if (!err)
		err = session__watch(w->session, pid);
	if (err) {
		snprintf(why, len, "it cannot be watched: %s", strerror(-err));
		top_watch__free(w);
		return err;
	}
	w->start_ns = w->last_ns = clock_now_ns();
	w->pid = pid;
	*out = w;
	return 0;
}

void top_watch__free(struct top_watch *w)
{
	if (!w)
		return;
	session__free(w->session);
	free(w);
	/* A session is large, and another may never come. */
	malloc_trim(0);
}

int top_watch__fd(const struct top_watch *w)
{
	return session__fd(w->session);
}

void top_watch__step(struct top_watch *w)
{
	session__step(w->session);
}

void top_watch__report(struct top_watch *w, struct page_data *d)
{
	const struct report *r = session__report(w->session, false);
	const struct report_process *p = NULL;
	uint64_t now = clock_now_ns();

	for (size_t i = 0; r && i < r->nprocesses; i++)
		if (r->processes[i].pid == (uint32_t)w->pid)
			p = &r->processes[i];
	if (!p)
		return;
	d->process = report_copy(d->arena, p);
	d->elapsed = (double)(now - w->start_ns) / 1e9;
	if (p->probe_hits > w->last_hits)
		d->hits_rate =
		    (double)(p->probe_hits - w->last_hits) / ((double)(now - w->last_ns) / 1e9);
	d->overhead = p->overhead_percent;
	w->last_ns = now;
	w->last_hits = p->probe_hits;
}
