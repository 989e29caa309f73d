// SPDX-License-Identifier: GPL-2.0
#include "app/inspection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/cohorts.h"
#include "app/drain.h"
#include "app/inspection_peek.h"
#include "base/clock.h"
#include "base/log.h"
#include "inspect/glibc_locate.h"
#include "inspect/liveset.h"
#include "inspect/memory.h"
#include "inspect/procfs.h"
#include "inspect/signatures.h"
#include "model/blocks.h"
#include "model/cohort.h"
#include "model/modules.h"
#include "model/signature.h"

/* Of the time between two inspections, one takes no more than this part of a core. */
#define PART 20
/* ... or this part, where the last one tells little of now: the process has so much more memory
 * since, or what it held changed under the walk, which for so many times is tried again soon; or
 * not all is seen of it, and since then it has not been looked at more often than that, for what
 * begins changes most. */
#define HASTY	   5
#define GREW	   1.5
#define TORN_AGAIN 2
#define FIRST	   6

/* Beside a live view a walk takes no longer than this: what is larger, 3 GiB of small blocks, is
 * not told there.  explain takes its time. */
#define LIVE_BUDGET_NS 1000000000ull

/* Blocks younger than this may be in the ledger before the walk came by. */
#define SETTLED_S 2

/* Suspects at most: what is over that waits for the next time. */
#define SUSPECTS_MAX (1u << 20)

struct looking {
	struct blocks *blocks;
	struct liveset *live;
	uint32_t moment; /* of now (seen.h) */
	int err;
	struct sampling_look sampling;
};

void inspection_init(struct inspection *i, pid_t pid, ledger_leave_fn leave, void *arg)
{
	memset(i, 0, sizeof(*i));
	i->pid = pid;
	i->leave = leave;
	i->leave_arg = arg;
}

void inspection_free(struct inspection *i)
{
	explain_free(&i->explain);
	sampling_free(&i->sampling);
	cohort__free(i->cohort);
	free(i->suspects);
}

static struct pins_block find_block(void *arg, uint64_t addr, const struct glibc_chunk *chunk)
{
	struct looking *l = arg;
	struct block b;
	bool known;

	if (liveset__add(l->live, addr))
		l->err = -ENOMEM;
	known = l->blocks && blocks__find(l->blocks, addr, &b);
	if (!sampling_chunk(&l->sampling, addr, chunk->size, chunk->signature, known ? &b : NULL))
		return (struct pins_block){0};
	return (struct pins_block){.seen = true, .key = b.site, .requested = b.size};
}

static void soon(void *arg, uint64_t addr)
{
	const struct looking *l = arg;

	if (l->blocks)
		blocks__prefetch(l->blocks, addr);
}

/* ---- mending the ledger ---- */

struct hunt {
	const struct liveset *live;
	uint32_t now;	  /* moment (seen.h) when the walk began */
	uint32_t settled; /* blocks younger than this may be later than the walk */
	struct block *found, *dead;
	size_t nfound, ndead, room;
};

static int by_addr(const void *a, const void *b)
{
	const struct block *x = a, *y = b;

	return (x->addr > y->addr) - (x->addr < y->addr);
}

static bool suspected(const struct inspection *i, const struct block *b)
{
	const struct block *s =
	    i->nsuspects ? bsearch(b, i->suspects, i->nsuspects, sizeof(*b), by_addr) : NULL;

	return s && s->size == b->size && s->site == b->site && s->born == b->born;
}

static int hunt_block(void *arg, const struct block *b)
{
	struct hunt *h = arg;

	if (liveset__has(h->live, b->addr) || b->born + h->settled > h->now ||
	    h->nfound == SUSPECTS_MAX)
		return 0;
	if (h->nfound == h->room) {
		size_t room = h->room ? 2 * h->room : 256;
		struct block *found = reallocarray(h->found, room, sizeof(*found));

		if (!found)
			return -ENOMEM;
		h->found = found;
		h->room = room;
	}
	h->found[h->nfound++] = *b;
	return 0;
}

/*
 * A block that the ledger believes live, in a heap that was walked, where twice no live chunk
 * stood: its free was lost.  Twice, for the first walk may have torn there; and not a young one,
 * for its malloc may be later than the walk.
 */
static void mend(struct inspection *i, struct drain *d, const struct looking *l, uint32_t execs)
{
	/* Where frees are not all seen, this is how blocks go: it is no accident to be sure of. */
	const bool partly = l->sampling.partly;
	struct hunt h = {.live = l->live, .now = l->moment, .settled = partly ? 1 : SETTLED_S};
	size_t n = 0;

	if (l->err || !i->explain.has_glibc)
		return;
	if (blocks__each(l->blocks, hunt_block, &h))
		goto out;
	if (h.nfound)
		qsort(h.found, h.nfound, sizeof(*h.found), by_addr);
	h.dead = calloc(h.nfound + 1, sizeof(*h.dead));
	for (size_t k = 0; h.dead && k < h.nfound; k++)
		if ((partly || suspected(i, &h.found[k])) &&
		    explain_surveyed(&i->explain, h.found[k].addr))
			h.dead[h.ndead++] = h.found[k];
	if (h.ndead)
		n = drain__repair(d, i->id, execs, h.dead, h.ndead);
	if (n)
		log_debug("%d: %zu blocks were free though no free was seen: mended", i->pid, n);
	free(i->suspects);
	i->suspects = h.found;
	i->nsuspects = h.nfound;
	h.found = NULL;
out:
	free(h.found);
	free(h.dead);
}

/* ---- one inspection ---- */

static void locate(struct inspection *i, const struct modules *modules)
{
	i->locate_err = glibc_locate(i->pid, modules, NULL, &i->glibc, &i->minor);
	i->located = true;
	i->place = (struct allocator_place){0};
	i->no_glibc = !i->locate_err		  ? NULL
		      : i->locate_err == -ENOENT  ? "it does not use glibc"
		      : i->locate_err == -ENOTSUP ? "the layout of its glibc is not known"
		      : i->locate_err == -ENODATA ? "the arenas of its glibc were not found"
						  : strerror(-i->locate_err);
	if (i->locate_err && i->locate_err != -ENOENT)
		log_debug("%d: malloc's own figures: %s", i->pid, i->no_glibc);
}

static void keep_frames(struct inspection *i, struct drain *d, uint32_t execs)
{
	for (size_t k = 0; k < INSPECTION_PINNED; k++) {
		i->frames[k].n = 0;
		if (k < i->explain.nsites && !i->explain.sites[k].by_size && d)
			i->frames[k].n = drain__frames(d, i->id, execs, i->explain.sites[k].key,
						       i->frames[k].pc, INSPECTION_FRAMES);
	}
}

static bool is_live(const void *arg, uint64_t addr)
{
	return liveset__has(arg, addr);
}

static void conclude(struct inspection *i, struct drain *d, struct looking *l, uint32_t execs)
{
	bool whole = i->explain.has_glibc && !l->err;

	for (size_t k = 0; whole && k < i->explain.state.narenas; k++)
		whole = i->explain.state.arenas[k].walked;
	sampling_conclude(&l->sampling, whole, is_live, l->live);
	i->torn = i->sampling.stale ? i->torn + 1 : 0;
	if (!i->sampling.stale)
		i->estimated_ns = i->when_ns;
	if (whole && i->sampling.requested.until)
		drain__keep_requests(d, i->id, execs, i->sampling.requested.until,
				     i->sampling.requested.serials, i->sampling.requested.nserials);
	if (l->sampling.ndead)
		drain__repair(d, i->id, execs, l->sampling.dead, l->sampling.ndead);
}

/* d NULL: there is no ledger.  first: none yet. */
static int look(struct inspection *i, struct drain *d, const struct modules *modules,
		uint32_t *execs, bool first)
{
	struct looking l = {.live = liveset__new()};
	struct drain_seen seen = {.leave = i->leave, .arg = i->leave_arg};
	struct pins_ledger ledger = {.find = find_block, .soon = soon, .arg = &l};
	struct signature_range *files = NULL;
	struct explain fresh = {0};
	int err;

	if (!l.live)
		return -ENOMEM;
	if (d)
		l.blocks = drain__blocks(d, i->id, execs, &l.moment, &seen);
	err = sampling_begin(&l.sampling, &i->sampling, seen.partly, seen.spans, seen.n,
			     seen.births, seen.nbirths);
	if (!err)
		err = sampling_crossings(&l.sampling, seen.crossings, seen.ncrossings);
	else
		free(seen.crossings);
	if (!err)
		err = sampling_requests(&l.sampling, seen.requests, seen.nrequests, seen.gaps);
	else
		free(seen.requests);
	/* What kind of thing a chunk is matters where not all is known of it. */
	if (!err && (seen.partly || first))
		err = signatures_files(modules, &files, &ledger.nfiles);
	ledger.files = files;
	if (!err && l.blocks && seen.partly)
		inspection_peek_again(i, l.blocks, files, ledger.nfiles, &seen);
	if (!err)
		err = explain_take(i->pid, i->locate_err ? NULL : &i->glibc, i->minor, &i->place,
				   d || first ? LIVE_BUDGET_NS : 0, d || first ? &ledger : NULL,
				   &fresh);
	if (err) {
		explain_free(&fresh);
	} else {
		explain_free(&i->explain);
		i->explain = fresh;
		i->done = true;
		i->when_ns = clock_now_ns();
		keep_frames(i, d, *execs);
		if (l.blocks)
			mend(i, d, &l, *execs);
		if (l.blocks || first)
			conclude(i, d, &l, *execs);
		i->looks += l.sampling.partly;
		if (l.blocks && l.sampling.partly)
			cohorts_look(i, l.blocks, &l.sampling);
	}
	if (l.blocks)
		drain__blocks_free(d, l.blocks);
	sampling_look_end(&l.sampling);
	liveset__free(l.live);
	free(files);
	return err;
}

static uint64_t resident(const struct inspection *i)
{
	struct procfs_memory now;

	return procfs_memory(i->pid, &now) ? 0 : now.rss_bytes;
}

static bool is_early(const struct inspection *i, size_t processes)
{
	const uint64_t since = clock_now_ns() - i->began_ns, each = processes * i->took_ns;

	if (!i->began_ns || since >= PART * each)
		return false;
	if (since < HASTY * each)
		return true;
	return (!i->looks || i->looks > FIRST) && (!i->torn || i->torn > TORN_AGAIN) &&
	       (double)resident(i) < GREW * (double)i->rss_bytes;
}

int inspection_update(struct inspection *i, struct drain *d, const struct modules *modules,
		      size_t processes)
{
	uint64_t start = clock_now_ns(), cpu = clock_thread_ns();
	struct drain_state state = {0};
	uint32_t execs = 0;
	int err;

	if (is_early(i, processes)) {
		if (d)
			inspection_peek(i, d, modules);
		return 0;
	}
	if (d)
		drain__state(d, i->id, &state);
	if (!i->located || state.execs != i->execs) {
		i->execs = state.execs;
		i->crossed = i->looks = 0;
		sampling_free(&i->sampling);
		/* An exec leaves nothing of what was there before. */
		i->sampling = (struct sampling){.have_older = state.execs > 0};
		cohort__free(i->cohort);
		i->cohort = NULL;
		locate(i, modules);
	} else if (i->locate_err && modules__count(modules) != i->nmodules) {
		/* The program had not mapped its C library yet. */
		locate(i, modules);
	}
	i->nmodules = modules__count(modules);
	if (d)
		inspection_peek(i, d, modules);
	i->rss_bytes = resident(i);
	err = look(i, d, modules, &execs, false);
	i->began_ns = start;
	i->took_ns = clock_thread_ns() - cpu;
	if (!err || i->done)
		return 0;
	if (err == -ESRCH)
		return err;
	log_error("cannot look into process %d: %s%s", i->pid, strerror(-err),
		  err == -EPERM || err == -EACCES ? "; run as root (sudo heapwatch ...)" : "");
	return err;
}

void inspection_baseline(struct inspection *i, const struct modules *modules)
{
	uint32_t execs = 0;

	locate(i, modules);
	if (look(i, NULL, modules, &execs, true))
		log_debug("%d: what is there before the attach is not known", i->pid);
}

bool inspection_heap(const struct inspection *i, uint64_t *bytes)
{
	const struct explain *e = &i->explain;

	if (i->done && e->has_own) {
		*bytes = e->own.in_use;
		return true;
	}
	if (!i->done || !e->has_glibc || e->state.confidence == GLIBC_UNKNOWN)
		return false;
	*bytes = e->state.sum.in_use - e->state.sum.tcache + e->state.mmapped_bytes;
	return true;
}

bool inspection_is_cheap(const struct inspection *i)
{
	return i->explain.took_ns < 200000000u;
}
