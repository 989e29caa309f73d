// SPDX-License-Identifier: GPL-2.0
#include "app/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/watched.h"
#include "base/clock.h"

/* Processes that are named at the peak. */
#define SHARES 64

/* Reading PSS takes no more than this part of the time. */
#define PSS_PART 20
#define PSS_MAX	 (8ull << 30)

struct tree {
	uint64_t start_ns;
	uint64_t next_pss_ns; /* not before this */
	uint64_t pss_private; /* the peak that it is of */
	bool pss_due;	      /* the peak's is not read yet */
	struct report_tree sums;
	struct report_share shares[SHARES];
	char comm[SHARES][64];
};

struct tree *tree__new(uint64_t start_ns)
{
	struct tree *t = calloc(1, sizeof(*t));

	if (t)
		t->start_ns = start_ns;
	return t;
}

void tree__free(struct tree *t)
{
	free(t);
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t private_of(const struct watched *w)
{
	return minus(w->memory.rss_bytes, w->memory.shared_bytes);
}

static int by_private(const void *a, const void *b)
{
	const struct watched *const *x = a, *const *y = b;
	uint64_t p = private_of(*x), q = private_of(*y);

	return p != q ? (p < q ? 1 : -1) : ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

/* Those alive, by what they have of their own. */
static struct watched **ranked(struct watched *const *watched, size_t n, size_t *alive)
{
	struct watched **all = calloc(n ? n : 1, sizeof(struct watched *));

	*alive = 0;
	for (size_t i = 0; all && i < n; i++)
		if (!watched[i]->exited)
			all[(*alive)++] = watched[i];
	if (all)
		qsort(all, *alive, sizeof(struct watched *), by_private);
	return all;
}

static void share(struct tree *t, size_t i, const struct watched *w)
{
	const struct explain *e = &w->inspection.explain;
	bool told = w->inspection.done && e->has_glibc;
	bool own = w->inspection.done && e->has_own;

	snprintf(t->comm[i], sizeof(t->comm[i]), "%s", w->stat.comm);
	t->shares[i] = (struct report_share){
	    .pid = (uint32_t)w->pid,
	    .comm = t->comm[i],
	    .private_bytes = private_of(w),
	    .rss_bytes = w->memory.rss_bytes,
	    .pss_bytes = w->peak_pss,
	    .outstanding_bytes = w->outstanding,
	    .held_bytes = (told ? e->state.sum.system + e->state.mmapped_bytes : 0) +
			  (own ? e->own.system : 0),
	    .in_use_bytes = (told ? e->state.sum.in_use + e->state.mmapped_bytes : 0) +
			    (own ? e->own.in_use : 0),
	};
}

/* While all are still about as high as the peak was. */
static void read_pss(struct tree *t, struct watched *const *watched, size_t n, uint64_t private)
{
	uint64_t start = clock_now_ns(), sum = 0;
	struct procfs_rollup rollup;

	if (!t->pss_due || start < t->next_pss_ns || t->sums.peak_rss_bytes > PSS_MAX ||
	    private < t->sums.peak_private_bytes - t->sums.peak_private_bytes / 20)
		return;
	for (size_t i = 0; i < n; i++) {
		if (watched[i]->exited)
			continue;
		watched[i]->peak_pss =
		    procfs_rollup(watched[i]->pid, &rollup) ? 0 : rollup.pss_bytes;
		sum += watched[i]->peak_pss;
		for (size_t k = 0; k < t->sums.nshares; k++)
			if (t->shares[k].pid == (uint32_t)watched[i]->pid)
				t->shares[k].pss_bytes = watched[i]->peak_pss;
	}
	t->sums.peak_pss_bytes = sum;
	t->pss_private = t->sums.peak_private_bytes;
	t->pss_due = false;
	t->next_pss_ns = start + PSS_PART * (clock_now_ns() - start);
}

/* The PSS of a peak that was hardly lower is good for this one. */
static void note_peak(struct tree *t, struct watched *const *watched, size_t n, uint64_t private,
		      uint64_t rss)
{
	size_t alive;
	struct watched **all = ranked(watched, n, &alive);

	if (!all)
		return;
	if (private > t->pss_private + t->pss_private / 20) {
		t->pss_due = true;
		t->sums.peak_pss_bytes = 0;
		for (size_t i = 0; i < n; i++)
			watched[i]->peak_pss = 0;
	}
	t->sums.peak_ns = clock_now_ns() - t->start_ns;
	t->sums.peak_private_bytes = private;
	t->sums.peak_rss_bytes = rss;
	t->sums.nshares = alive < SHARES ? alive : SHARES;
	for (size_t i = 0; i < t->sums.nshares; i++)
		share(t, i, all[i]);
	free(all);
}

void tree__sample(struct tree *t, struct watched *const *watched, size_t n)
{
	uint64_t private = 0, rss = 0;

	for (size_t i = 0; i < n; i++) {
		/* Before its exec a command's process is ours. */
		if (watched[i]->exited || (watched[i]->launched && !watched[i]->life.execs))
			continue;
		watched__sample(watched[i]);
		private += private_of(watched[i]);
		rss += watched[i]->memory.rss_bytes;
	}
	if (private > t->sums.peak_private_bytes)
		note_peak(t, watched, n, private, rss);
	read_pss(t, watched, n, private);
}

const struct report_tree *tree__report(struct tree *t, const struct report_process *processes,
				       size_t n)
{
	struct report_tree *s = &t->sums;

	s->alive = s->ended = 0;
	s->rss_bytes = s->private_bytes = s->outstanding_bytes = s->outstanding_blocks = 0;
	s->held_bytes = s->in_use_bytes = 0;
	for (size_t i = 0; i < n; i++) {
		const struct report_process *p = &processes[i];
		const struct report_allocator *a = &p->allocator;

		if (p->exited) {
			s->ended++;
			continue;
		}
		s->alive++;
		s->rss_bytes += p->rss_bytes;
		s->private_bytes += minus(p->rss_bytes, p->shared_bytes);
		s->outstanding_bytes += p->outstanding_bytes;
		s->outstanding_blocks += p->outstanding_blocks;
		s->held_bytes += report_held(a);
		s->in_use_bytes += report_in_use(a);
	}
	s->shares = t->shares;
	return s;
}

void tree__forget(struct tree *t, const struct report_process *p)
{
	t->sums.forgotten++;
	if (!p)
		return;
	t->sums.forgotten_bytes += p->outstanding_bytes;
	t->sums.forgotten_blocks += p->outstanding_blocks;
	t->sums.forgotten_lost += p->lost_events;
}
