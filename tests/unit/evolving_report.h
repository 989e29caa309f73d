/* SPDX-License-Identifier: GPL-2.0 */
/*
 * evolving_report.h: a report that changes from tick to tick as those of running processes do, and
 * in ways that they seldom do: processes come, exec, end and go; sites come, go and come again.
 * Same seed, same reports.
 */
#ifndef EVOLVING_REPORT_H
#define EVOLVING_REPORT_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/report.h"
#include "out/json.h"

#define EV_PROCESSES 7
#define EV_SITES     61
#define EV_FRAMES    13

struct evolving {
	uint64_t seed;
	unsigned int tick;
	char names[EV_FRAMES][32];
	struct report_frame frames[EV_FRAMES];
	struct report_site live[EV_PROCESSES][EV_SITES];
	struct report_site shown[EV_PROCESSES][EV_SITES];
	struct report_arena arenas[EV_PROCESSES][5];
	struct report_line lines[EV_PROCESSES][3];
	struct report_pinned pinned[EV_PROCESSES][3];
	struct report_advice advice;
	struct report_share shares[3];
	struct report_process all[EV_PROCESSES], in[EV_PROCESSES];
	struct report report;
};

static uint64_t ev_random(struct evolving *e, uint64_t n)
{
	e->seed = e->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (e->seed >> 33) % n;
}

static void ev_init(struct evolving *e, uint64_t seed)
{
	*e = (struct evolving){.seed = seed};
	for (int i = 0; i < EV_FRAMES; i++) {
		snprintf(e->names[i], sizeof(e->names[i]), "function_%d\xff\"</script>", i);
		e->frames[i] = (struct report_frame){.function = i % 5 ? e->names[i] : NULL,
						     .file = i % 3 ? "/src/a.c" : NULL,
						     .line = i % 3 ? (uint32_t)i : 0,
						     .module = i % 7 ? "/usr/bin/app" : NULL,
						     .offset = (uint64_t)i * 16,
						     .pc = ~(uint64_t)i};
	}
	e->advice = (struct report_advice){"malloc_trim(0)", 1 << 20, "call it"};
	for (int p = 0; p < EV_PROCESSES; p++)
		e->all[p] = (struct report_process){.pid = 1000 + (uint32_t)p,
						    .start_time = p % 2 ? 5 : UINT64_MAX,
						    .comm = "app",
						    .exe = "/usr/bin/app",
						    .user_probes = "session",
						    .kernel_probes = "fentry",
						    .mode = "exact",
						    .seen_from = p ? "fork" : "attach",
						    .ppid = p ? 1000 : 0,
						    .waterfall = e->lines[p],
						    .pinned = e->pinned[p],
						    .advice = &e->advice};
}

static int ev_by_bytes(const void *a, const void *b)
{
	const struct report_site *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (x->stack != y->stack)
		return x->stack > y->stack ? 1 : -1;
	return (x->kind > y->kind) - (x->kind < y->kind);
}

static void ev_sites(struct evolving *e, int p)
{
	size_t n = 0;

	for (int k = 0; k < EV_SITES; k++) {
		struct report_site *s = &e->live[p][k];

		s->kind = k % 2 ? REPORT_HEAP : REPORT_MAP;
		s->stack = k < 2 ? 0 : (uint64_t)(k / 2) * 0x9e3779b97f4a7c15ull;
		s->nframes = k < 2 ? 0 : (size_t)k % EV_FRAMES;
		s->frames = e->frames + (size_t)k % (EV_FRAMES - s->nframes);
		s->truncated = k % 3 == 1;
		s->reason = k % 6 == 1 ? "assembly" : k % 9 == 2 ? "no Python" : NULL;
		if (ev_random(e, 3) == 0) {
			uint64_t more = ev_random(e, 100000), size = ev_random(e, 9);

			s->allocated_blocks += more;
			s->allocated_bytes += more * size;
			s->blocks += more;
			s->bytes += more * size;
		}
		if (ev_random(e, 5) == 0)
			s->blocks = s->bytes = 0;
		s->estimated = k % 7 == 3;
		s->low = s->bytes - (s->estimated ? s->bytes / 3 : 0);
		s->high = s->bytes + (s->estimated ? (uint64_t)k : 0);
		if (s->blocks)
			e->shown[p][n++] = *s;
	}
	qsort(e->shown[p], n, sizeof(*e->shown[p]), ev_by_bytes);
	e->all[p].sites = e->shown[p];
	e->all[p].nsites = e->all[p].sites_total = n;
}

static void ev_memory(struct evolving *e, int n)
{
	struct report_process *p = &e->all[n];
	struct report_allocator *a = &p->allocator;

	*a = (struct report_allocator){.name = "glibc", .confidence = "unknown"};
	if (ev_random(e, 3)) {
		a->told = true;
		a->version = "2.36";
		a->confidence = ev_random(e, 2) ? "exact" : "estimated";
		a->in_use_bytes = ev_random(e, 1 << 30);
		a->system_bytes = a->in_use_bytes + ev_random(e, 1 << 20);
		a->arenas = e->arenas[n];
		a->narenas = ev_random(e, 6);
	}
	for (size_t i = 0; i < a->narenas; i++)
		e->arenas[n][i] =
		    (struct report_arena){.address = i, .main = !i, .confidence = "exact"};
	p->nlines = ev_random(e, 4);
	for (size_t i = 0; i < p->nlines; i++)
		e->lines[n][i] =
		    (struct report_line){"a line", 7 - (int64_t)ev_random(e, 1000), "exact"};
	p->npinned = ev_random(e, 4);
	for (size_t i = 0; i < p->npinned; i++)
		e->pinned[n][i] = (struct report_pinned){.bytes = ev_random(e, 99999),
							 .blocks = i ? NULL : "of up to 96 B",
							 .nframes = i,
							 .frames = e->frames + i};
	p->nadvice = ev_random(e, 2);
	p->ncuts = ev_random(e, REPORT_CUTS + 1);
	for (size_t i = 0; i < p->ncuts; i++)
		p->cuts[i] = (struct report_cut){"assembly", i, ev_random(e, 1000)};
}

/* The next instant; belongs to e. */
static const struct report *ev_next(struct evolving *e)
{
	size_t n = 0;

	for (int p = 0; p < EV_PROCESSES; p++) {
		struct report_process *q = &e->all[p];

		/* One every 3 ticks, each ends after 40; the first two are taken from the list. */
		if (e->tick < 3 * (unsigned int)p || (p < 2 && e->tick > 60))
			continue;
		q->exited = e->tick > 3 * (unsigned int)p + 40;
		if (!q->exited) {
			if (e->tick % 20 == 19 && p == 3)
				q->exe = e->tick % 40 == 19 ? "/usr/bin/other" : "/usr/bin/app";
			q->rss_bytes = ev_random(e, 1ull << 40);
			q->shared_bytes = ev_random(e, q->rss_bytes + 2);
			q->outstanding_bytes = ev_random(e, 1 << 20);
			q->events += ev_random(e, 1000);
			q->overhead_percent = (double)ev_random(e, 1000) / 3;
			q->windows += ev_random(e, 3);
			q->pss_bytes = ev_random(e, 1 << 20);
			q->status = 256;
			q->lost_events += ev_random(e, 100) == 0;
			q->mode = q->lost_events ? "degraded" : "exact";
			q->estimates = e->tick % 3 ? "stale" : NULL;
			q->estimates_older = (double)e->tick / 7;
			q->inspection_age = (double)ev_random(e, 1000) / 7;
			ev_sites(e, p);
			ev_memory(e, p);
		}
		e->in[n++] = *q;
	}
	/* Another order now and then. */
	if (n > 2 && e->tick % 11 == 0) {
		struct report_process first = e->in[0];

		e->in[0] = e->in[1];
		e->in[1] = first;
	}
	for (size_t i = 0; i < 3; i++)
		e->shares[i] =
		    (struct report_share){1000 + (uint32_t)i, "app", e->tick, 5, 6, 7, 8, 9};
	e->report = (struct report){.tree = {.alive = n,
					     .ended = e->tick,
					     .peak_ns = e->tick / 9,
					     .peak_pss_bytes = ev_random(e, 99),
					     .nshares = e->tick % 4,
					     .shares = e->shares},
				    .time_ns = 1700000000000000000ull + e->tick * 100000007ull,
				    .elapsed_ns = e->tick * 100000007ull,
				    .last = e->tick == 99,
				    .nprocesses = n,
				    .processes = e->in};
	e->tick++;
	return &e->report;
}

/* All that a report says, as text; the caller's to free. */
static inline char *ev_text(const struct report *r)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f || json_write(f, r))
		abort();
	fprintf(f, "%llu %llu\n", (unsigned long long)r->time_ns,
		(unsigned long long)r->elapsed_ns);
	for (size_t p = 0; p < r->nprocesses; p++)
		for (size_t s = 0; s < r->processes[p].nsites; s++)
			fprintf(f, "%llx %s ", (unsigned long long)r->processes[p].sites[s].stack,
				r->processes[p].sites[s].reason ? r->processes[p].sites[s].reason
								: "");
	fclose(f);
	return text;
}

#endif
