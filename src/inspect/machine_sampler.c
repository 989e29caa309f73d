// SPDX-License-Identifier: GPL-2.0
#include "inspect/machine_sampler.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "inspect/glibc_cache.h"
#include "inspect/machine_budget.h"
#include "inspect/machine_snapshot.h"
#include "inspect/machine_table.h"
#include "inspect/machine_users.h"

#define SECOND	    1000000000ull
#define MILLISECOND 1000000ull

/* A budget is there at once for this many ns, so that the first screens are not empty. */
#define HEAP_CREDIT (150 * MILLISECOND)
#define WALK_CREDIT (50 * MILLISECOND)
#define EAGER_WALKS (400 * MILLISECOND)
/* One walk takes no longer than this. */
#define WALK_MOST (500 * MILLISECOND)

/* smaps_rollup holds the mmap lock: never of processes this large. */
#define PSS_RSS_MAX (8ull << 30)
#define PSS_AGAIN   (5 * SECOND)

struct sampler {
	struct sampler_options options;
	struct machine_table table;
	struct machine_users *users;
	struct glibc_cache *cache;
	struct machine_snapshot snapshots[2];
	uint64_t page;
	uint64_t now_ns, last_ns;
	bool real; /* of this machine: its memory may be read */
	struct machine_budget heaps, walks;
	size_t heap_turn;

	uint32_t *shown;
	size_t nshown;
	bool want_pss, want_names;
	uint32_t focus;

	uint64_t sample, times[MACHINE_HISTORY];
	uint64_t self_ns;
	bool have_events;
};

int sampler__new(const struct sampler_options *options, struct sampler **out)
{
	struct sampler *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	if (options)
		s->options = *options;
	s->real = !s->options.proc;
	s->page = (uint64_t)sysconf(_SC_PAGESIZE);
	s->heaps = machine_budget_of(s->options.heap_budget_ns, 2 * MILLISECOND, HEAP_CREDIT);
	s->walks = machine_budget_of(s->options.walk_budget_ns, 2 * MILLISECOND, WALK_CREDIT);
	if (s->options.eager) {
		s->heaps.per_second = UINT64_MAX;
		s->walks.left = s->walks.tick_most = EAGER_WALKS;
	}
	s->table.proc_fd = -1;
	s->users = machine_users__new();
	s->cache = glibc_cache__new();
	err = s->users && s->cache ? 0 : -ENOMEM;
	if (!err)
		err = machine_table_init(&s->table, s->real ? "/proc" : s->options.proc);
	if (err) {
		sampler__free(s);
		return err;
	}
	s->table.eager = s->options.eager || !s->real;
	*out = s;
	return 0;
}

void sampler__free(struct sampler *s)
{
	if (!s)
		return;
	machine_table_free(&s->table);
	machine_users__free(s->users);
	glibc_cache__free(s->cache);
	for (int i = 0; i < 2; i++)
		machine_snapshot_free(&s->snapshots[i]);
	free(s->shown);
	free(s);
}

int sampler__show(struct sampler *s, const struct sampler_shown *shown)
{
	uint32_t *pids = NULL;

	if (shown->n) {
		pids = reallocarray(NULL, shown->n, sizeof(*pids));
		if (!pids)
			return -ENOMEM;
		memcpy(pids, shown->pids, shown->n * sizeof(*pids));
	}
	free(s->shown);
	s->shown = pids;
	s->nshown = shown->n;
	s->want_pss = shown->pss;
	s->want_names = shown->names;
	s->focus = shown->focus;
	return 0;
}

int sampler__watch(struct sampler *s, uint32_t pid, bool watched)
{
	struct machine_record *r = machine_table_find(&s->table, pid);

	if (!r)
		return -ESRCH;
	r->watched = watched;
	return 0;
}

/* ---- heaps ---- */

static void look_at_heap(struct sampler *s, struct machine_record *r)
{
	if (r->stat.kernel_thread || !r->statm.rss || r->heap.polled_ns == s->now_ns)
		return;
	machine_heap_locate(&r->heap, (pid_t)r->pid, r->statm.size * s->page, s->cache, s->now_ns);
	machine_heap_poll(&r->heap, s->now_ns);
}

static void look_at_heaps(struct sampler *s)
{
	struct machine_spell spell = machine_spell_begin(&s->heaps);

	for (size_t i = 0; i < s->table.n && machine_spell_goes_on(&spell); i++)
		if (s->table.records[i]->shown) {
			look_at_heap(s, s->table.records[i]);
			machine_spell_look(&spell);
		}
	for (size_t i = 0; i < s->table.n && machine_spell_goes_on(&spell); i++) {
		s->heap_turn = s->heap_turn + 1 < s->table.n ? s->heap_turn + 1 : 0;
		look_at_heap(s, s->table.records[s->heap_turn]);
		machine_spell_look(&spell);
	}
	machine_budget_spend(&s->heaps, spell.spent);
}

/* The one whose walk is due for longer; at first the smaller heap. */
static bool comes_first(const struct machine_heap_reader *a, const struct machine_heap_reader *b)
{
	return a->next_walk_ns != b->next_walk_ns ? a->next_walk_ns < b->next_walk_ns
						  : a->system < b->system;
}

/* Whose turn it is, of those on the screen. */
static struct machine_record *next_walk(const struct sampler *s)
{
	struct machine_record *best = NULL;

	for (size_t i = 0; i < s->table.n; i++) {
		struct machine_record *r = s->table.records[i];

		if (r->shown && r->heap.state == HEAP_FOUND && s->now_ns >= r->heap.next_walk_ns &&
		    (!best || comes_first(&r->heap, &best->heap)))
			best = r;
	}
	return best;
}

static void walk_heaps(struct sampler *s)
{
	struct machine_spell spell = machine_spell_begin(&s->walks);
	struct machine_record *r;

	while (machine_spell_goes_on(&spell) && (r = next_walk(s))) {
		/* A walk that does not fit any more waits, unless none ever fits. */
		if (spell.spent && r->heap.walk_cost_ns > spell.budget - spell.spent)
			break;
		machine_heap_walk(&r->heap, WALK_MOST, s->now_ns);
		machine_spell_look(&spell);
	}
	machine_budget_spend(&s->walks, spell.spent);
}

static void read_pss(struct sampler *s)
{
	struct machine_spell spell = machine_spell_begin(&s->walks);

	for (size_t i = 0; i < s->table.n && machine_spell_goes_on(&spell); i++) {
		struct machine_record *r = s->table.records[i];
		char text[2048], path[64];

		if (!r->shown || r->stat.kernel_thread || r->statm.rss * s->page > PSS_RSS_MAX ||
		    (r->pss_ns && s->now_ns - r->pss_ns < PSS_AGAIN))
			continue;
		snprintf(path, sizeof(path), "%u/smaps_rollup", r->pid);
		r->has_pss = machine_table_read(&s->table, path, text, sizeof(text)) > 0 &&
			     !machine_parse_pss(text, &r->pss);
		r->pss_ns = s->now_ns;
		machine_spell_look(&spell);
	}
	machine_budget_spend(&s->walks, spell.spent);
}

/* ---- the kernel side ---- */

static bool same_process(const struct machine_record *r, const struct sampler_events *e)
{
	/* start_time is in ticks of 10 ms: USER_HZ is 100 on every machine that we know. */
	uint64_t ticks = e->start_ns / (SECOND / 100);

	return !e->start_ns || ticks == r->stat.start_time;
}

/* A counter that went back was begun anew. */
static double rate(uint64_t before, uint64_t now, double seconds)
{
	return now > before ? (double)(now - before) / seconds : 0;
}

static void take_events(struct machine_record *r, const struct sampler_events *e, double seconds)
{
	struct machine_events now = {.brks = e->brks,
				     .mmaps = e->mmaps,
				     .munmaps = e->munmaps,
				     .mapped_bytes = e->mapped_bytes,
				     .unmapped_bytes = e->unmapped_bytes};

	if (r->has_events && seconds > 0) {
		now.brk_rate = rate(r->events.brks, now.brks, seconds);
		now.mmap_rate = rate(r->events.mmaps, now.mmaps, seconds);
		now.munmap_rate = rate(r->events.munmaps, now.munmaps, seconds);
	}
	r->events = now;
	r->has_events = true;
	r->site = e->site;
	r->site_bytes = e->site_bytes;
}

static void read_events(struct sampler *s)
{
	const struct sampler_source *source = s->options.source;
	double seconds = s->last_ns ? (double)(s->now_ns - s->last_ns) / SECOND : 0;
	const struct sampler_events *e = NULL;
	size_t n = 0, k = 0;

	s->have_events = source && source->read && !source->read(source->arg, &e, &n);
	for (size_t i = 0; s->have_events && i < s->table.n; i++) {
		struct machine_record *r = s->table.records[i];

		while (k < n && e[k].pid < r->pid)
			k++;
		if (k < n && e[k].pid == r->pid && same_process(r, &e[k]))
			take_events(r, &e[k], seconds);
		else
			/* Nothing was seen of it so far: its first event counts as a rate. */
			take_events(r, &(struct sampler_events){0}, 0);
		if (s->want_names && r->shown && r->site && r->site != r->named_site &&
		    source->name &&
		    source->name(source->arg, r->pid, r->site, r->callsite, sizeof(r->callsite)))
			r->named_site = r->site;
	}
}

/* ---- a tick ---- */

static void mark_shown(struct sampler *s)
{
	for (size_t i = 0; i < s->table.n; i++)
		s->table.records[i]->shown = false;
	for (size_t i = 0; i < s->nshown; i++) {
		struct machine_record *r = machine_table_find(&s->table, s->shown[i]);

		if (r)
			r->shown = true;
	}
}

static void keep_history(struct sampler *s)
{
	bool due = !s->sample || s->now_ns - s->times[(s->sample - 1) % MACHINE_HISTORY] +
					 MACHINE_HISTORY_STEP / 20 >=
				     MACHINE_HISTORY_STEP;
	size_t at = s->sample % MACHINE_HISTORY;

	for (size_t i = 0; i < s->table.n; i++) {
		struct machine_record *r = s->table.records[i];

		if (r->fresh)
			r->first_sample = s->sample;
		if (!due)
			continue;
		r->rss[at] = (uint32_t)(r->statm.rss * s->page / 1024);
		r->held[at] = (uint32_t)(machine_heap_held(&r->heap) / 1024);
	}
	if (due)
		s->times[s->sample++ % MACHINE_HISTORY] = s->now_ns;
}

static void fill_machine(struct sampler *s, struct machine *m)
{
	uint64_t cpu_ns;
	struct rusage usage;
	struct timespec now;
	char text[4096];
	const struct machine_record *self = machine_table_find(&s->table, (uint32_t)getpid());
	const struct machine_record *first = machine_table_find(&s->table, 1);
	uint64_t whole, part;

	clock_gettime(CLOCK_REALTIME, &now);
	m->time_ns = (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
	m->now_ns = s->now_ns;
	m->tick = s->table.tick;
	if (machine_table_read(&s->table, "meminfo", text, sizeof(text)) > 0)
		machine_parse_meminfo(text, &m->memory);
	if (machine_table_read(&s->table, "loadavg", text, sizeof(text)) > 0)
		machine_parse_loadavg(text, m->load, &m->running, &m->threads);
	if (machine_table_read(&s->table, "uptime", text, sizeof(text)) > 0 &&
	    sscanf(text, "%lu.%lu", &whole, &part) == 2)
		m->uptime = (double)whole + (double)part / 100;
	m->held = m->memory.anon + m->memory.mapped;
	m->hidden = s->table.refused || !first;
	getrusage(RUSAGE_SELF, &usage);
	cpu_ns = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * SECOND +
		 (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
	m->self.cpu_ns = cpu_ns;
	if (s->last_ns && s->now_ns > s->last_ns)
		m->self.cpu = (double)(cpu_ns - s->self_ns) / (double)(s->now_ns - s->last_ns);
	m->self.rss = self && s->real ? self->statm.rss * s->page : 0;
	s->self_ns = cpu_ns;
	m->events = s->have_events ? s->options.source->kind : "";
	m->events_reason = s->options.source ? s->options.source->reason : "";
}

const struct machine *sampler__tick(struct sampler *s, uint64_t now_ns)
{
	struct machine_snapshot *out = &s->snapshots[s->table.tick & 1];
	const struct machine_record *focus;
	uint64_t start = clock_now_ns();
	struct machine_moment moment;

	s->last_ns = s->now_ns;
	s->now_ns = now_ns;
	mark_shown(s);
	if (machine_table_tick(&s->table))
		return NULL;
	machine_budget_refill(&s->heaps, s->last_ns ? now_ns - s->last_ns : 0);
	machine_budget_refill(&s->walks, s->last_ns ? now_ns - s->last_ns : 0);
	/* The first picture is of who is there; what is on the screen is looked into next. */
	if (s->real && (s->last_ns || s->options.eager)) {
		look_at_heaps(s);
		if (s->options.walk_budget_ns != UINT64_MAX)
			walk_heaps(s);
	}
	if (s->want_pss)
		read_pss(s);
	read_events(s);
	keep_history(s);
	moment = (struct machine_moment){.now_ns = now_ns,
					 .page = s->page,
					 .sample = s->sample,
					 .times = s->times,
					 .events = s->have_events};
	if (machine_snapshot_fill(out, &s->table, s->users, &moment))
		return NULL;
	fill_machine(s, &out->machine);
	focus = s->focus ? machine_table_find(&s->table, s->focus) : NULL;
	if (focus)
		machine_snapshot_focus(out, focus, &moment);
	out->machine.took_ns = clock_now_ns() - start;
	return &out->machine;
}
