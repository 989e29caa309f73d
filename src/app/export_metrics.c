// SPDX-License-Identifier: GPL-2.0
#include "app/export_metrics.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "app/command.h"
#include "app/export_options.h"
#include "app/watcher.h"
#include "model/groups.h"
#include "model/machine.h"
#include "model/metrics.h"
#include "model/report.h"
#include "out/callsites.h"
#include "out/http.h"

static void count_up(struct groups *g, const struct report_process *p)
{
	const struct {
		enum group_counter counter;
		uint64_t value;
	} counters[] = {
	    {GROUP_EVENTS, p->events},
	    {GROUP_LOST, p->lost_events},
	    {GROUP_REPAIRED, p->repaired_blocks},
	    {GROUP_HITS, p->probe_hits},
	    {GROUP_PROBE_NS, p->probe_ns},
	};

	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++)
		groups__count_up(g, p->pid, p->start_time, counters[i].counter, counters[i].value);
}

static const char *const modes[GROUP_MODES] = {"exact", "degraded", "large", "sampled", "passive"};

static enum group_mode mode_of(const char *mode)
{
	size_t i = 0;

	while (i + 1 < GROUP_MODES && strcmp(modes[i], mode))
		i++;
	return i;
}

int export_account(struct groups *g, struct callsites *c, const struct report *r)
{
	int err = 0;

	for (size_t i = 0; i < r->nprocesses && !err; i++) {
		const struct report_process *p = &r->processes[i];
		struct group *to = groups__of(g, p->pid, p->start_time);

		count_up(g, p);
		if (!to || p->exited)
			continue;
		to->watched++;
		to->modes[mode_of(p->mode)]++;
		to->was_watched = true;
		to->outstanding += p->outstanding_bytes;
		to->outstanding_blocks += p->outstanding_blocks;
		to->outstanding_mapped += p->mapped_bytes;
		err = callsites__add(c, to->name, p);
	}
	return err;
}

static void memory(struct metrics *m, const struct group *g)
{
	const char *name = g->name;

	metrics__add(m, METRIC_PROCESSES, g->processes, name);
	metrics__add(m, METRIC_RESIDENT, (double)g->rss, name);
	metrics__add(m, METRIC_UNSHARED, (double)g->unshared, name);
	metrics__add(m, METRIC_SWAP, (double)g->swap, name);
	if (g->with_pss)
		metrics__add(m, METRIC_PROPORTIONAL, (double)g->pss, name);
	if (g->with_growth)
		metrics__add(m, METRIC_GROWTH, g->growth, name);
	metrics__add(m, METRIC_HEAPS, g->exact, name, "exact");
	metrics__add(m, METRIC_HEAPS, g->estimated, name, "estimated");
	metrics__add(m, METRIC_HEAPS, g->unknown, name, "unknown");
	/* A 0 where nothing is known would be a figure. */
	if (!g->exact && !g->estimated)
		return;
	metrics__add(m, METRIC_ALLOCATOR_SYSTEM, (double)g->system, name);
	metrics__add(m, METRIC_ALLOCATOR_IN_USE, (double)g->in_use, name);
	metrics__add(m, METRIC_ALLOCATOR_FREE, (double)g->free, name);
	metrics__add(m, METRIC_MAPPED, (double)g->mapped, name);
	if (g->with_resident_free)
		metrics__add(m, METRIC_ALLOCATOR_RESIDENT_FREE, (double)g->resident_free, name);
}

static void counters(struct metrics *m, const struct group *g, bool events)
{
	const uint64_t *c = g->counters;
	const char *name = g->name;

	if (events) {
		metrics__add(m, METRIC_BRK_CALLS, (double)c[GROUP_BRKS], name);
		metrics__add(m, METRIC_MMAP_CALLS, (double)c[GROUP_MMAPS], name);
		metrics__add(m, METRIC_MUNMAP_CALLS, (double)c[GROUP_MUNMAPS], name);
		metrics__add(m, METRIC_MAPPED_TOTAL, (double)c[GROUP_MAPPED_BYTES], name);
		metrics__add(m, METRIC_UNMAPPED_TOTAL, (double)c[GROUP_UNMAPPED_BYTES], name);
	}
	metrics__add(m, METRIC_WATCHED, g->watched, name);
	if (!g->was_watched)
		return;
	metrics__add(m, METRIC_EVENTS, (double)c[GROUP_EVENTS], name);
	metrics__add(m, METRIC_LOST_EVENTS, (double)c[GROUP_LOST], name);
	metrics__add(m, METRIC_REPAIRED_BLOCKS, (double)c[GROUP_REPAIRED], name);
	metrics__add(m, METRIC_PROBE_HITS, (double)c[GROUP_HITS], name);
	metrics__add(m, METRIC_PROBE_SECONDS, (double)c[GROUP_PROBE_NS] / 1e9, name);
	if (!g->watched)
		return;
	for (size_t i = 0; i < GROUP_MODES; i++)
		metrics__add(m, METRIC_MODES, g->modes[i], name, modes[i]);
	metrics__add(m, METRIC_OUTSTANDING, (double)g->outstanding, name);
	metrics__add(m, METRIC_OUTSTANDING_BLOCKS, (double)g->outstanding_blocks, name);
	metrics__add(m, METRIC_OUTSTANDING_MAPPED, (double)g->outstanding_mapped, name);
}

void export_groups(struct metrics *m, const struct groups *g, const struct machine *machine)
{
	for (size_t i = 0; i < groups__count(g); i++) {
		memory(m, groups__at(g, i));
		counters(m, groups__at(g, i), machine->events[0]);
	}
}

static void requests(struct metrics *m, const struct http *http)
{
	unsigned int status;
	uint64_t n;

	for (size_t i = 0; http__count(http, i, &status, &n); i++) {
		char code[16];

		snprintf(code, sizeof(code), "%u", status);
		metrics__add(m, METRIC_HTTP_REQUESTS, (double)n, code);
	}
}

void export_self(struct metrics *m, const struct groups *g, const struct export_self *self)
{
	const struct machine *machine = self->machine;
	struct watcher_state watch;
	struct utsname host = {.machine = ""};

	uname(&host);
	watcher__state(self->watcher, &watch);
	metrics__add(m, METRIC_BUILD, 1, HEAPWATCH_VERSION, host.machine,
		     machine->events[0] ? machine->events : "none", watch.user_probes);
	metrics__add(m, METRIC_GROUPS, (double)groups__count(g));
	metrics__add(m, METRIC_GROUPS_LIMIT, (double)self->options->max_groups);
	metrics__add(m, METRIC_GROUPS_FOLDED, groups__folded(g));
	metrics__add(m, METRIC_WATCH_LIMIT, (double)self->options->max_watched);
	metrics__add(m, METRIC_WATCH_FAILED, (double)watch.failed);
	metrics__add(m, METRIC_WATCH_WITHDRAWN, (double)watch.withdrawn);
	metrics__add(m, METRIC_WATCH_WITHDRAWALS, (double)watch.withdrawals);
	metrics__add(m, METRIC_OVERHEAD, watch.worst);
	metrics__add(m, METRIC_OVERHEAD_LIMIT,
		     self->options->max_overhead > 0 ? self->options->max_overhead : INFINITY);
	metrics__add(m, METRIC_TICKS, (double)machine->tick);
	metrics__add(m, METRIC_TICK_DURATION, (double)machine->took_ns / 1e9);
	metrics__add(m, METRIC_RENDER_DURATION, (double)self->render_ns / 1e9);
	metrics__add(m, METRIC_LAST_TICK, (double)(machine->time_ns / 1000000) / 1e3);
	requests(m, self->http);
	metrics__add(m, METRIC_RELOAD_OK, self->reload_ok);
	metrics__add(m, METRIC_RELOAD_TIME, self->reloaded);
	metrics__add(m, METRIC_SELF_CPU, (double)machine->self.cpu_ns / 1e9);
	metrics__add(m, METRIC_SELF_RESIDENT, (double)machine->self.rss);
	metrics__add(m, METRIC_SELF_START, self->started);
}
