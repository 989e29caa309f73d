// SPDX-License-Identifier: GPL-2.0
/* drain_looks.c: what the drain holds, for who looks at the processes' heaps. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "app/drain_parts.h"
#include "base/clock.h"
#include "model/blocks.h"
#include "model/ledger.h"
#include "model/processes.h"

struct blocks *drain__blocks(struct drain *d, uint32_t id, uint32_t *execs, uint32_t *moment,
			     struct drain_seen *seen)
{
	struct blocks *b = NULL;
	struct process *p;

	drain_enter(d);
	p = processes__get(d->processes, id);
	if (p && p->ledger) {
		if (!ledger__spans(p->ledger, &seen->spans, &seen->n, &seen->partly) &&
		    !ledger__births(p->ledger, &seen->births, &seen->nbirths) &&
		    !ledger__crossings(p->ledger, seen->leave, seen->arg, &seen->crossings,
				       &seen->ncrossings) &&
		    !ledger__requests(p->ledger, seen->leave, seen->arg, &seen->requests,
				      &seen->nrequests, &seen->gaps))
			b = ledger__blocks(p->ledger);
		p->estimated |= seen->partly;
		*execs = p->execs;
		*moment = ledger__moment(p->ledger, clock_now_ns());
	}
	drain_leave(d);
	return b;
}

struct block *drain__fresh(struct drain *d, uint32_t id, uint32_t execs, size_t *n,
			   struct drain_seen *seen)
{
	struct block *b = NULL;
	struct process *p;

	*n = 0;
	drain_enter(d);
	p = processes__get(d->processes, id);
	if (p && p->ledger && p->execs == execs) {
		if (!ledger__fresh(p->ledger, &b, n) && *n)
			ledger__spans(p->ledger, &seen->spans, &seen->n, &seen->partly);
		if (ledger__crossed(p->ledger) != seen->crossed &&
		    !ledger__crossings(p->ledger, seen->leave, seen->arg, &seen->crossings,
				       &seen->ncrossings))
			seen->crossed = ledger__crossed(p->ledger);
	}
	drain_leave(d);
	return b;
}

/* Segments that are shared are counted without atomics: also the last copy goes under the lock. */
void drain__blocks_free(struct drain *d, struct blocks *b)
{
	drain_enter(d);
	blocks__free(b);
	drain_leave(d);
}

size_t drain__frames(struct drain *d, uint32_t id, uint32_t execs, uint32_t site, uint64_t *pc,
		     size_t max)
{
	struct process *p;
	size_t n = 0;

	drain_enter(d);
	p = processes__get(d->processes, id);
	if (p && p->ledger && p->execs == execs)
		n = ledger__frames(p->ledger, site, pc, max);
	drain_leave(d);
	return n;
}

void drain__keep_requests(struct drain *d, uint32_t id, uint32_t execs, uint32_t until,
			  const uint32_t *held, size_t n)
{
	struct process *p;

	drain_enter(d);
	p = processes__get(d->processes, id);
	if (p && p->ledger && p->execs == execs)
		ledger__keep_requests(p->ledger, until, held, n);
	drain_leave(d);
}

size_t drain__repair(struct drain *d, uint32_t id, uint32_t execs, const struct block *blocks,
		     size_t n)
{
	struct process *p;
	size_t repaired = 0;

	drain_enter(d);
	p = processes__get(d->processes, id);
	for (size_t i = 0; p && p->ledger && p->execs == execs && i < n; i++)
		repaired += ledger__repair(p->ledger, &blocks[i]);
	drain_leave(d);
	return repaired;
}

/* Of those that are watched together, so many of the latest may have a window open. */
#define GLIMPSED_MAX 4096u

/* The processes pay for it: no more blocks, and no longer a wait for who looks at ledgers. */
#define BLOCKS_MAX 2048u
#define WAIT_NS	   1000000u

static bool glimpse(struct process *p, size_t max, struct drain_glimpse *out)
{
	if (!p || !p->ledger || ledger__glimpse(p->ledger, max, &out->blocks, &out->n))
		return false;
	out->id = p->id;
	out->tgid = p->tgid;
	out->execs = p->execs;
	if (!out->n)
		free(out->blocks);
	return out->n;
}

size_t drain__glimpse(struct drain *d, pid_t tgid, struct drain_glimpse *out, size_t max)
{
	struct timespec until = clock_timespec(clock_now_ns() + WAIT_NS);
	size_t n = 0, left = BLOCKS_MAX;
	uint32_t last, id;

	/* Not in line with those that drain_enter() lets in first. */
	if (pthread_mutex_clocklock(&d->lock, CLOCK_MONOTONIC, &until))
		return 0;
	drain_apply(d, clock_now_ns());
	if (tgid) {
		n = max && glimpse(processes__find(d->processes, (uint32_t)tgid), left, out);
	} else {
		last = processes__last(d->processes);
		id = last > GLIMPSED_MAX ? last - GLIMPSED_MAX : 0;
		while (++id <= last && n < max && left)
			if (glimpse(processes__get(d->processes, id), left, &out[n]))
				left -= out[n++].n;
	}
	drain_leave(d);
	return n;
}
