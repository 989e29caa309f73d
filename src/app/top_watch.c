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
#include "probe/feature.h"
#include "probe/kinds.h"
#include "tui/page.h"

struct top_watch {
	struct session *session;
	uint64_t start_ns;
	/* For the rate of hits. */
	uint64_t last_ns, last_hits;
	/* ns that a hit costs the process, measured on ourselves; below 0: not known. */
	double hit_ns;
	bool measured;
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
	w->hit_ns = -1;
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

static void measure(struct top_watch *w, const char *kind_name)
{
	struct feature_costs costs;

	w->measured = true;
	for (enum user_kind k = USER_SESSION; k < USER_KINDS; k++)
		/* Entry and return are two hits. */
		if (!strcmp(kind_name, user_kind_name(k)) && !feature_costs(k, &costs))
			w->hit_ns = costs.entry_return / 2;
}

void top_watch__report(struct top_watch *w, struct page_data *d)
{
	const struct report *r = session__report(w->session, false);
	uint64_t now = clock_now_ns();
	const struct report_process *p = r && r->nprocesses ? r->processes : NULL;
	double seconds = (double)(now - w->last_ns) / 1e9;

	if (!p)
		return;
	d->process = report_copy(d->arena, p);
	d->elapsed = (double)(now - w->start_ns) / 1e9;
	d->hits_rate =
	    p->probe_hits > w->last_hits ? (double)(p->probe_hits - w->last_hits) / seconds : 0;
	w->last_ns = now;
	w->last_hits = p->probe_hits;
	if (!w->measured)
		measure(w, p->user_probes);
	if (w->hit_ns >= 0)
		d->hits_share = d->hits_rate * w->hit_ns / 1e9;
}
