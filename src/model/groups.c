// SPDX-License-Identifier: GPL-2.0
#include "model/groups.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/machine.h"
#include "model/rules.h"

struct entry {
	struct group group;
	char name[RULES_NAME];
	uint64_t seen_ns; /* when it last had a process */
};

/* A process of the last tick or, if it has ended since, of the one before. */
struct member {
	uint32_t pid;
	uint64_t start_time;
	struct entry *entry; /* NULL: in no group */
	bool ended;
	uint64_t seen[GROUP_COUNTERS];
};

struct members {
	struct member *all; /* by pid */
	size_t n, room;
};

struct groups {
	struct groups_config config;
	struct entry **entries; /* by name */
	size_t n, room;
	struct entry *other; /* also in entries once it is needed */
	struct members now, before;
	uint32_t folded;
};

struct groups *groups__new(const struct groups_config *config)
{
	struct groups *g = calloc(1, sizeof(*g));

	if (g)
		g->config = *config;
	return g;
}

void groups__free(struct groups *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->n; i++)
		free(g->entries[i]);
	free(g->entries);
	free(g->now.all);
	free(g->before.all);
	free(g);
}

/* The first entry whose name is not less. */
static size_t place(const struct groups *g, const char *name)
{
	size_t low = 0, high = g->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (strcmp(g->entries[mid]->name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct entry *insert(struct groups *g, size_t at, const char *name)
{
	struct entry *e;

	if (g->n == g->room) {
		size_t room = g->room ? 2 * g->room : 64;
		struct entry **all = reallocarray(g->entries, room, sizeof(struct entry *));

		if (!all)
			return NULL;
		g->entries = all;
		g->room = room;
	}
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	strncpy(e->name, name, sizeof(e->name) - 1);
	e->group.name = e->name;
	memmove(&g->entries[at + 1], &g->entries[at], (g->n - at) * sizeof(*g->entries));
	g->entries[at] = e;
	g->n++;
	return e;
}

/* A group that somebody called "other" on purpose is that one. */
static struct entry *entry_of(struct groups *g, const char *name)
{
	size_t at = place(g, name);

	if (at < g->n && !strcmp(g->entries[at]->name, name))
		return g->entries[at];
	if (strcmp(name, GROUPS_OTHER) && g->n - (g->other != NULL) >= g->config.limit) {
		g->folded++;
		return entry_of(g, GROUPS_OTHER);
	}
	if (strcmp(name, GROUPS_OTHER))
		return insert(g, at, name);
	g->other = insert(g, at, name);
	return g->other;
}

static void expire(struct groups *g, uint64_t now_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->n; i++) {
		struct entry *e = g->entries[i];

		if (e->group.processes || now_ns - e->seen_ns < g->config.expire_ns) {
			g->entries[kept++] = e;
			continue;
		}
		for (size_t k = 0; k < g->now.n; k++)
			if (g->now.all[k].entry == e)
				g->now.all[k].entry = NULL;
		if (e == g->other)
			g->other = NULL;
		free(e);
	}
	g->n = kept;
}

/* All but the name and what is never forgotten. */
static void clear(struct groups *g)
{
	for (size_t i = 0; i < g->n; i++) {
		struct group *was = &g->entries[i]->group;
		struct group fresh = {.name = was->name, .was_watched = was->was_watched};

		memcpy(fresh.counters, was->counters, sizeof(fresh.counters));
		*was = fresh;
	}
	g->folded = 0;
}

static int name_of(const struct groups *g, const struct machine_process *p,
		   const struct rules *rules, char name[RULES_NAME])
{
	enum rules_verdict verdict = rules ? rules__group(rules, p, name) : RULES_NONE;
	const char *from = p->comm;

	if (verdict == RULES_IGNORE)
		return -ENOENT;
	if (verdict == RULES_GROUP)
		return 0;
	if (g->config.by == GROUPS_BY_PID) {
		snprintf(name, RULES_NAME, "%s %u", p->comm, p->pid);
		return 0;
	}
	if (g->config.by == GROUPS_BY_CGROUP)
		from = p->unit[0] ? p->unit : p->cgroup[0] ? p->cgroup : "none";
	strncpy(name, from, RULES_NAME - 1);
	name[RULES_NAME - 1] = 0;
	return 0;
}

static void add_heap(struct group *to, const struct machine_process *p)
{
	const struct machine_heap *h = &p->heap;

	if (h->held == MACHINE_UNKNOWN) {
		to->unknown++;
		return;
	}
	to->system += h->system + h->mmapped;
	to->in_use += h->in_use;
	to->free += h->free;
	to->mapped += p->mapped_otherwise;
	if (h->quality == MACHINE_EXACT)
		to->exact++;
	else
		to->estimated++;
	if (h->resident != MACHINE_UNKNOWN) {
		to->resident_free += h->free_resident;
		to->with_resident_free++;
	}
}

static void add_process(struct group *to, const struct machine_process *p)
{
	to->processes++;
	to->rss += p->rss;
	to->unshared += p->rss > p->shared ? p->rss - p->shared : 0;
	to->swap += p->swap;
	if (p->has_pss) {
		to->pss += p->pss;
		to->with_pss++;
	}
	if (p->has_growth) {
		to->growth += (double)p->growth / 60;
		to->with_growth++;
	}
	add_heap(to, p);
}

static struct member *find_member(const struct members *in, uint32_t pid, uint64_t start_time)
{
	size_t low = 0, high = in->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (in->all[mid].pid < pid)
			low = mid + 1;
		else
			high = mid;
	}
	/* A pid that was used again while a watched process of it was on its last tick stands
	 * twice. */
	for (; low < in->n && in->all[low].pid == pid; low++)
		if (in->all[low].start_time == start_time)
			return &in->all[low];
	return NULL;
}

static void count_up(struct member *m, enum group_counter counter, uint64_t value)
{
	uint64_t before = m->seen[counter];

	/* What counts anew starts at 0: a second attach, for one. */
	if (m->entry)
		m->entry->group.counters[counter] += value >= before ? value - before : value;
	m->seen[counter] = value;
}

static void count_events(struct member *m, const struct machine_process *p)
{
	if (!p->has_events)
		return;
	if (m->entry)
		m->entry->group.with_events++;
	count_up(m, GROUP_BRKS, p->events.brks);
	count_up(m, GROUP_MMAPS, p->events.mmaps);
	count_up(m, GROUP_MUNMAPS, p->events.munmaps);
	count_up(m, GROUP_MAPPED_BYTES, p->events.mapped_bytes);
	count_up(m, GROUP_UNMAPPED_BYTES, p->events.unmapped_bytes);
}

static bool counts(const struct machine_process *p)
{
	return !(p->flags & (MACHINE_KERNEL_THREAD | MACHINE_ZOMBIE));
}

static int by_rss(const void *a, const void *b)
{
	const struct machine_process *x = *(const struct machine_process *const *)a;
	const struct machine_process *y = *(const struct machine_process *const *)b;

	return x->rss != y->rss ? (x->rss < y->rss ? 1 : -1)
				: (x->pid > y->pid) - (x->pid < y->pid);
}

/* The largest first: groups that are there keep their place, and of new ones these get one. */
static const struct machine_process **by_size(const struct machine *m, size_t *n)
{
	const struct machine_process **all = calloc(m->nprocesses + 1, sizeof(*all));

	*n = 0;
	for (size_t i = 0; all && i < m->nprocesses; i++)
		if (counts(&m->processes[i]))
			all[(*n)++] = &m->processes[i];
	if (all)
		qsort(all, *n, sizeof(*all), by_rss);
	return all;
}

static int by_pid(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int join(struct groups *g, const struct machine_process *p, uint64_t now_ns,
		const struct rules *rules)
{
	const struct member *before = find_member(&g->before, p->pid, p->start_time);
	struct member *m = &g->now.all[g->now.n];
	char name[RULES_NAME];

	*m = (struct member){.pid = p->pid, .start_time = p->start_time};
	if (before)
		memcpy(m->seen, before->seen, sizeof(m->seen));
	if (!name_of(g, p, rules, name)) {
		m->entry = entry_of(g, name);
		if (!m->entry)
			return -ENOMEM;
		m->entry->seen_ns = now_ns;
		add_process(&m->entry->group, p);
	}
	count_events(m, p);
	g->now.n++;
	return 0;
}

static int room_for(struct members *in, size_t n)
{
	struct member *all;

	in->n = 0;
	if (n <= in->room)
		return 0;
	all = reallocarray(in->all, n + n / 4, sizeof(*all));
	if (!all)
		return -ENOMEM;
	in->all = all;
	in->room = n + n / 4;
	return 0;
}

/* Those that ended since are kept for one tick more: their last figures are still to come. */
static void keep_ended(struct groups *g)
{
	size_t alive = g->now.n;

	for (size_t i = 0; i < g->before.n; i++) {
		const struct members living = {.all = g->now.all, .n = alive};
		const struct member *m = &g->before.all[i];

		if (m->ended || find_member(&living, m->pid, m->start_time))
			continue;
		g->now.all[g->now.n] = *m;
		g->now.all[g->now.n++].ended = true;
	}
	qsort(g->now.all, g->now.n, sizeof(*g->now.all), by_pid);
}

int groups__tick(struct groups *g, const struct machine *m, const struct rules *rules)
{
	struct members swap = g->before;
	const struct machine_process **all;
	size_t n;
	int err;

	/* The members of the tick before last end here. */
	g->before = g->now;
	g->now = swap;
	clear(g);
	all = by_size(m, &n);
	err = all ? room_for(&g->now, n + g->before.n) : -ENOMEM;
	for (size_t i = 0; i < n && !err; i++)
		err = join(g, all[i], m->now_ns, rules);
	free(all);
	if (err)
		return err;
	qsort(g->now.all, g->now.n, sizeof(*g->now.all), by_pid);
	keep_ended(g);
	expire(g, m->now_ns);
	return 0;
}

size_t groups__count(const struct groups *g)
{
	return g->n;
}

const struct group *groups__at(const struct groups *g, size_t i)
{
	return &g->entries[i]->group;
}

uint32_t groups__folded(const struct groups *g)
{
	return g->folded;
}

struct group *groups__of(struct groups *g, uint32_t pid, uint64_t start_time)
{
	struct member *m = find_member(&g->now, pid, start_time);

	return m && m->entry ? &m->entry->group : NULL;
}

void groups__count_up(struct groups *g, uint32_t pid, uint64_t start_time,
		      enum group_counter counter, uint64_t value)
{
	struct member *m = find_member(&g->now, pid, start_time);

	if (m)
		count_up(m, counter, value);
}
