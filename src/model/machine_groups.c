// SPDX-License-Identifier: GPL-2.0
#include "model/machine_groups.h"

#include <errno.h>
#include <stdlib.h>

void machine_groups_free(struct machine_groups *g)
{
	free(g->groups);
	free(g->sorted);
	*g = (struct machine_groups){0};
}

static const char *name_of(const struct machine_process *p, enum machine_grouping by)
{
	const char *name = by == GROUP_USER ? p->user : p->unit;

	return *name ? name : p->flags & MACHINE_KERNEL_THREAD ? "(kernel)" : "(none)";
}

/* FNV-1a; a group's key has the topmost bit clear, a process's has it set. */
uint64_t machine_group_key(const struct machine_process *p, enum machine_grouping by)
{
	uint64_t key = 0xcbf29ce484222325ull;

	for (const char *s = name_of(p, by); *s; s++)
		key = (key ^ (unsigned char)*s) * 0x100000001b3ull;
	return key & ~(1ull << 63);
}

static int by_key(const void *a, const void *b)
{
	const struct machine_group *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

static int by_order(const void *a, const void *b, void *arg)
{
	const struct machine_group *const *x = a, *const *y = b;
	const struct machine_order *o = arg;
	int way = machine_column_compare(o->sort, &(*x)->sum, &(*y)->sum);

	/* Their pids are all 0. */
	if (!way)
		way = by_key(*x, *y);
	return o->invert ? -way : way;
}

static void worst(enum machine_quality *sum, enum machine_quality q)
{
	if (q != MACHINE_UNKNOWN && (*sum == MACHINE_UNKNOWN || q < *sum))
		*sum = q;
}

static void add_heap(struct machine_heap *sum, const struct machine_heap *h)
{
	worst(&sum->held, h->held);
	worst(&sum->quality, h->quality);
	worst(&sum->resident, h->resident);
	sum->system += h->system;
	sum->top += h->top;
	sum->mmapped += h->mmapped;
	sum->arenas += h->arenas;
	sum->in_use += h->in_use;
	sum->free += h->free;
	sum->free_resident += h->free_resident;
}

static void add(struct machine_process *sum, const struct machine_process *p)
{
	sum->threads += p->threads;
	sum->flags |= p->flags & MACHINE_WATCHED;
	sum->rss += p->rss;
	sum->shared += p->shared;
	sum->swap += p->swap;
	sum->has_pss |= p->has_pss;
	sum->pss += p->pss;
	sum->mapped_otherwise += p->mapped_otherwise;
	add_heap(&sum->heap, &p->heap);
	sum->has_growth |= p->has_growth;
	sum->growth += p->growth;
	sum->has_events |= p->has_events;
	sum->events.brks += p->events.brks;
	sum->events.mmaps += p->events.mmaps;
	sum->events.munmaps += p->events.munmaps;
	sum->events.mapped_bytes += p->events.mapped_bytes;
	sum->events.unmapped_bytes += p->events.unmapped_bytes;
	sum->events.brk_rate += p->events.brk_rate;
	sum->events.mmap_rate += p->events.mmap_rate;
	sum->events.munmap_rate += p->events.munmap_rate;
}

static void begin(struct machine_group *g, const struct machine_process *p,
		  enum machine_grouping by)
{
	*g = (struct machine_group){.key = machine_group_key(p, by)};
	g->sum = (struct machine_process){.uid = p->uid,
					  .user = by == GROUP_USER ? p->user : "",
					  .comm = name_of(p, by),
					  .cmdline = name_of(p, by),
					  .exe = "",
					  .cgroup = by == GROUP_CGROUP ? p->cgroup : "",
					  .unit = by == GROUP_CGROUP ? p->unit : "",
					  .allocator = "",
					  .callsite = ""};
	g->sum.heap.age_ns = UINT64_MAX;
}

static int reserve(struct machine_groups *g, size_t n)
{
	struct machine_group *groups;
	const struct machine_group **sorted;

	if (n <= g->room)
		return 0;
	groups = reallocarray(g->groups, n, sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	g->groups = groups;
	sorted = reallocarray(g->sorted, n, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	g->sorted = sorted;
	g->room = n;
	return 0;
}

int machine_groups_make(struct machine_groups *g, const struct machine_process *const *processes,
			size_t n, const struct machine_order *order)
{
	int err = reserve(g, n);
	size_t kept = 0;

	g->n = 0;
	if (err)
		return err;
	for (size_t i = 0; i < n; i++) {
		begin(&g->groups[i], processes[i], order->groups);
		add(&g->groups[i].sum, processes[i]);
		g->groups[i].members = 1;
	}
	/* Equal keys become neighbours, then one. */
	if (n)
		qsort(g->groups, n, sizeof(*g->groups), by_key);
	for (size_t i = 0; i < n; i++) {
		if (kept && g->groups[kept - 1].key == g->groups[i].key) {
			add(&g->groups[kept - 1].sum, &g->groups[i].sum);
			g->groups[kept - 1].members++;
		} else {
			g->groups[kept++] = g->groups[i];
		}
	}
	g->n = kept;
	for (size_t i = 0; i < kept; i++)
		g->sorted[i] = &g->groups[i];
	if (kept)
		qsort_r(g->sorted, kept, sizeof(*g->sorted), by_order, (void *)order);
	return 0;
}
