// SPDX-License-Identifier: GPL-2.0
#include "inspect/machine_snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/machine_users.h"

#define SECOND 1000000000ull

/* Growth is told of processes that were seen for this long, over the last GROWTH_OVER. */
#define GROWTH_FROM (10 * SECOND)
#define GROWTH_OVER (60 * SECOND)

void machine_snapshot_free(struct machine_snapshot *s)
{
	free(s->rows);
	free(s->text);
}

/* Where s begins in text, as a pointer to be: the text moves while it grows. */
static int add(struct machine_snapshot *s, const char **to, const char *string)
{
	size_t len = string ? strlen(string) + 1 : 1;

	if (s->text_used + len > s->text_room) {
		size_t room = 2 * (s->text_room + len + 4096);
		char *text = realloc(s->text, room);

		if (!text)
			return -ENOMEM;
		s->text = text;
		s->text_room = room;
	}
	memcpy(s->text + s->text_used, string ? string : "", len);
	*to = (const char *)(uintptr_t)s->text_used;
	s->text_used += len;
	return 0;
}

static void settle(const struct machine_snapshot *s, const char **p)
{
	*p = s->text + (uintptr_t)*p;
}

static int add_strings(struct machine_snapshot *s, struct machine_process *p,
		       const struct machine_record *r, struct machine_users *users)
{
	if (add(s, &p->user, machine_users__name(users, r->status.uid)) ||
	    add(s, &p->comm, r->stat.comm) || add(s, &p->cmdline, r->cmdline) ||
	    add(s, &p->exe, r->exe) || add(s, &p->cgroup, r->cgroup) || add(s, &p->unit, r->unit) ||
	    add(s, &p->allocator, r->heap.name) ||
	    add(s, &p->callsite, r->site == r->named_site ? r->callsite : ""))
		return -ENOMEM;
	return 0;
}

static void settle_strings(const struct machine_snapshot *s, struct machine_process *p)
{
	settle(s, &p->user);
	settle(s, &p->comm);
	settle(s, &p->cmdline);
	settle(s, &p->exe);
	settle(s, &p->cgroup);
	settle(s, &p->unit);
	settle(s, &p->allocator);
	settle(s, &p->callsite);
}

static void growth(struct machine_process *p, const struct machine_record *r,
		   const struct machine_moment *m)
{
	uint64_t first = r->first_sample, elapsed;
	const uint64_t oldest = m->sample > MACHINE_HISTORY ? m->sample - MACHINE_HISTORY : 0;

	if (first < oldest)
		first = oldest;
	while (first < m->sample && m->now_ns - m->times[first % MACHINE_HISTORY] > GROWTH_OVER)
		first++;
	/* Where ticks are longer than the span: since the one before. */
	if (first + 1 >= m->sample && first > r->first_sample && first > oldest)
		first = m->sample - 2;
	if (first >= m->sample)
		return;
	elapsed = m->now_ns - m->times[first % MACHINE_HISTORY];
	if (elapsed < GROWTH_FROM)
		return;
	p->has_growth = true;
	p->growth = (int64_t)(((double)p->rss - 1024.0 * r->rss[first % MACHINE_HISTORY]) * 60 /
			      ((double)elapsed / SECOND));
}

static uint32_t flags_of(const struct machine_record *r)
{
	uint32_t flags = 0;

	if (r->stat.kernel_thread)
		flags |= MACHINE_KERNEL_THREAD;
	if (r->heap.state == HEAP_DENIED || r->denied)
		flags |= MACHINE_UNREADABLE;
	if (r->watched)
		flags |= MACHINE_WATCHED;
	if (r->stat.state == 'Z')
		flags |= MACHINE_ZOMBIE;
	if (r->fresh)
		flags |= MACHINE_NEW;
	if (r->container)
		flags |= MACHINE_CONTAINER;
	return flags;
}

static void fill_row(struct machine_process *p, const struct machine_record *r,
		     const struct machine_moment *m)
{
	uint64_t private, malloc_resident;

	*p = (struct machine_process){
	    .pid = r->pid,
	    .ppid = r->stat.ppid,
	    .start_time = r->stat.start_time,
	    .uid = r->status.uid,
	    .threads = r->stat.threads,
	    .flags = flags_of(r),
	    .state = r->stat.state,
	    .rss = r->statm.rss * m->page,
	    .shared = r->statm.shared * m->page,
	    .swap = r->status.swap,
	    .has_pss = r->has_pss,
	    .pss = r->pss,
	    .has_events = m->events && !r->stat.kernel_thread,
	    .events = r->events,
	    .callsite_bytes = r->site_bytes,
	};
	machine_heap_tell(&r->heap, m->now_ns, &p->heap);
	if (p->heap.held != MACHINE_UNKNOWN) {
		private = p->rss > p->shared ? p->rss - p->shared : 0;
		/* Free memory at the top was never touched, as a rule; what a walk knows counts. */
		malloc_resident = p->heap.in_use;
		if (r->heap.state == HEAP_OTHER)
			/* What of its free memory is resident is not known: all of it, then. */
			malloc_resident = p->heap.system;
		else if (p->heap.resident != MACHINE_UNKNOWN)
			malloc_resident += p->heap.free_resident;
		p->mapped_otherwise = private > malloc_resident ? private - malloc_resident : 0;
	}
	growth(p, r, m);
}

static void add_up(struct machine *m, const struct machine_process *p,
		   const struct machine_record *r)
{
	m->kernel_threads += !!(p->flags & MACHINE_KERNEL_THREAD);
	m->watched += !!(p->flags & MACHINE_WATCHED);
	m->rss_sum += p->rss;
	m->swap_sum += p->swap;
	if (p->heap.held != MACHINE_UNKNOWN) {
		m->heaps_known++;
		m->heap_system_sum += p->heap.system + p->heap.mmapped;
		m->heap_in_use_sum += p->heap.in_use;
		m->heap_free_sum += p->heap.free;
	} else if (p->flags & MACHINE_UNREADABLE) {
		m->heaps_denied++;
	} else if (p->rss && r->heap.state == HEAP_NEW) {
		m->heaps_pending++;
	}
}

int machine_snapshot_fill(struct machine_snapshot *s, const struct machine_table *t,
			  struct machine_users *users, const struct machine_moment *m)
{
	if (t->n > s->rows_room) {
		struct machine_process *rows =
		    reallocarray(s->rows, t->n + t->n / 4, sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		s->rows = rows;
		s->rows_room = t->n + t->n / 4;
	}
	s->machine = (struct machine){0};
	s->text_used = 0;
	for (size_t i = 0; i < t->n; i++) {
		fill_row(&s->rows[i], t->records[i], m);
		add_up(&s->machine, &s->rows[i], t->records[i]);
		if (add_strings(s, &s->rows[i], t->records[i], users))
			return -ENOMEM;
	}
	for (size_t i = 0; i < t->n; i++)
		settle_strings(s, &s->rows[i]);
	s->machine.processes = s->rows;
	s->machine.nprocesses = t->n;
	return 0;
}

void machine_snapshot_focus(struct machine_snapshot *s, const struct machine_record *r,
			    const struct machine_moment *m)
{
	uint64_t first = m->sample > MACHINE_HISTORY ? m->sample - MACHINE_HISTORY : 0;
	size_t n = 0;

	if (first < r->first_sample)
		first = r->first_sample;
	for (; first < m->sample; first++, n++) {
		s->rss_history[n] = 1024ull * r->rss[first % MACHINE_HISTORY];
		s->heap_history[n] = 1024ull * r->held[first % MACHINE_HISTORY];
	}
	s->machine.focus_pid = r->pid;
	s->machine.history_step_ns = MACHINE_HISTORY_STEP;
	s->machine.nhistory = n;
	s->machine.rss_history = s->rss_history;
	s->machine.heap_history = s->heap_history;
}
