// SPDX-License-Identifier: GPL-2.0
#include "model/ledger.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "model/ledger_parts.h"

#define NS_PER_S 1000000000ull

static void on_mapped_site(void *arg, uint32_t site, int64_t bytes, int64_t extents)
{
	sites__change(arg, site, REPORT_MAP, bytes, extents);
}

struct ledger *ledger__new(uint64_t start_ns)
{
	struct ledger *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->start_ns = start_ns;
	l->pending = pending__new();
	l->blocks = blocks__new();
	l->sites = sites__new();
	if (l->sites)
		l->mappings = mappings__new(on_mapped_site, l->sites);
	if (!l->pending || !l->blocks || !l->mappings) {
		ledger__free(l);
		return NULL;
	}
	return l;
}

void ledger_forget(struct ledger *l, const struct block *blk)
{
	l->outstanding_bytes -= blk->size;
	l->outstanding_blocks--;
	sites__change(l->sites, blk->site, REPORT_HEAP, -(int64_t)blk->size, -1);
}

/* Of the parent's threads only the one that forked is in the child: what the others were in the
 * middle of is lost there, and their old blocks, which are in no table, with it. */
static void drop_parked(void *arg, const struct pending_call *p)
{
	struct ledger *child = arg;

	if (p->known)
		ledger_forget(child, &p->block);
}

struct ledger *ledger__fork(const struct ledger *l)
{
	struct ledger *child = calloc(1, sizeof(*child));

	if (!child)
		return NULL;
	child->start_ns = l->start_ns;
	child->brk = l->brk;
	child->outstanding_bytes = l->outstanding_bytes;
	child->outstanding_blocks = l->outstanding_blocks;
	child->pending = pending__new();
	child->blocks = blocks__fork(l->blocks);
	child->sites = sites__fork(l->sites);
	if (child->sites)
		child->mappings = mappings__copy(l->mappings, on_mapped_site, child->sites);
	if (!child->pending || !child->blocks || !child->mappings ||
	    crossings_copy(&child->crossings, &l->crossings) ||
	    requests_copy(&child->requests, &l->requests) || seen_copy(&child->seen, &l->seen) ||
	    (l->births && !(child->births = births__fork(l->births)))) {
		ledger__free(child);
		return NULL;
	}
	pending__each(l->pending, drop_parked, child);
	return child;
}

void ledger__free(struct ledger *l)
{
	if (!l)
		return;
	mappings__free(l->mappings);
	sites__free(l->sites);
	blocks__free(l->blocks);
	pending__free(l->pending);
	seen_free(&l->seen);
	births__free(l->births);
	crossings_free(&l->crossings);
	requests_free(&l->requests);
	free(l->fresh.addr);
	free(l);
}

int ledger__seed_mapping(struct ledger *l, uint64_t addr, uint64_t len)
{
	return mappings__add(l->mappings, addr, len, MAPPING_OLDER, SITES_UNKNOWN);
}

void ledger__seed_brk(struct ledger *l, uint64_t brk)
{
	l->brk = brk;
	mappings__set_brk(l->mappings, brk);
}

/* Another block is at its address.  That is a lost free, unless frees were not to be seen. */
static void replaced(struct ledger *l, const struct block *old)
{
	l->overwritten += seen_whole(&l->seen, old->born);
	ledger_forget(l, old);
}

static int put(struct ledger *l, const struct block *blk)
{
	struct block old;
	int err = blocks__put(l->blocks, blk, &old);

	/* Not one that the table can hold, yet it shows that nothing else is there any more. */
	if (err == -ERANGE && !blocks__take(l->blocks, blk->addr, &old))
		replaced(l, &old);
	if (err < 0)
		return err;
	if (err)
		replaced(l, &old);
	l->outstanding_bytes += blk->size;
	l->outstanding_blocks++;
	sites__change(l->sites, blk->site, REPORT_HEAP, (int64_t)blk->size, 1);
	sites__allocated(l->sites, blk->site, REPORT_HEAP, blk->size, 1);
	return ledger_born(l, blk);
}

uint32_t ledger_seconds(const struct ledger *l, uint64_t time)
{
	uint64_t s = time > l->start_ns ? (time - l->start_ns) / NS_PER_S : 0;

	return s < BLOCK_BORN_MAX ? (uint32_t)s : BLOCK_BORN_MAX;
}

uint32_t ledger__moment(const struct ledger *l, uint64_t time)
{
	return seen_moment(&l->seen, ledger_seconds(l, time));
}

static int alloc(struct ledger *l, uint64_t time, uint64_t addr, uint64_t size, uint64_t stack)
{
	struct block blk = {.addr = addr,
			    .size = size,
			    .site = sites__find(l->sites, stack),
			    .born = ledger__moment(l, time)};

	return put(l, &blk);
}

static int take(struct ledger *l, uint64_t addr)
{
	struct block blk;
	int err = blocks__take(l->blocks, addr, &blk);

	if (!err) {
		ledger_forget(l, &blk);
		return ledger_died(l, &blk);
	}
	if (err == -ENOENT) {
		l->older_freed_blocks += !l->seen.ever_less;
		err = 0;
	}
	return err;
}

/* Was this address among the last freed ones?  It is the very last one now. */
static bool freed_lately(struct ledger *l, uint64_t addr)
{
	uint64_t *set = l->freed[(addr * 0x9e3779b97f4a7c15ull >> 32) % LEDGER_FREED_SETS];
	unsigned int i = 0;
	bool found;

	while (i < LEDGER_FREED_WAYS - 1 && set[i] != addr)
		i++;
	found = set[i] == addr;
	memmove(set + 1, set, i * sizeof(*set));
	set[0] = addr;
	return found;
}

/*
 * Functions that free call each other (operator delete calls free): one call is then two records,
 * of which the second finds nothing.  It is no older block that is freed there.  Told apart unless
 * other threads freed four more addresses of its set between the two records: then it counts as one
 * older block.
 */
static int on_free(struct ledger *l, uint64_t addr)
{
	if (freed_lately(l, addr) && !blocks__find(l->blocks, addr, NULL))
		return 0;
	return take(l, addr);
}

/*
 * The END of this realloc is lost.  That it succeeded is much more likely than not, so the block
 * is gone: kept, it could stand there as a leak for ever.
 */
void ledger_settle(struct ledger *l, const struct pending_call *p)
{
	l->unsettled += !l->seen.ever_less;
	if (p->known)
		ledger_forget(l, &p->block);
}

static int on_realloc_begin(struct ledger *l, const struct hw_realloc_begin *e)
{
	struct pending_call p, fresh = {.tid = e->tid, .kind = PENDING_REALLOC, .addr = e->addr};
	int err;

	if (pending__take(l->pending, fresh.tid, fresh.kind, &p))
		ledger_settle(l, &p);
	err = pending__reserve(l->pending);
	if (err)
		return err; /* the block stays in the table, and the END will find it there */
	err = blocks__take(l->blocks, e->addr, &fresh.block);
	if (err && err != -ENOENT)
		return err;
	fresh.known = !err;
	pending__put(l->pending, &fresh);
	return 0;
}

static int unpark(struct ledger *l, const struct block *blk)
{
	int err;

	/* A failed realloc never gave the address away: whose it is now, its own END is wrong. */
	if (blocks__find(l->blocks, blk->addr, NULL)) {
		l->unsettled += !l->seen.ever_less;
		ledger_forget(l, blk);
		return 0;
	}
	err = blocks__put(l->blocks, blk, NULL);
	if (err)
		ledger_forget(l, blk);
	return err;
}

static int on_realloc_end(struct ledger *l, const struct hw_realloc_end *e)
{
	bool gone = e->addr || !e->size, begun;
	struct pending_call p;
	int err = 0, ret;

	begun = pending__take(l->pending, e->tid, PENDING_REALLOC, &p);
	if (begun && p.addr != e->old_addr) {
		ledger_settle(l, &p);
		begun = false;
	}
	if (!begun) {
		/* If another thread was given the address meanwhile, its block is taken for the
		 * old one.  But that window is small, and an old block left here is a leak. */
		l->unsettled += !l->seen.ever_less;
		if (gone)
			err = take(l, e->old_addr);
	} else if (!gone) {
		err = p.known ? unpark(l, &p.block) : 0;
	} else if (p.known) {
		ledger_forget(l, &p.block);
		err = ledger_died(l, &p.block);
	} else {
		l->older_freed_blocks += !l->seen.ever_less;
	}
	if (!e->addr)
		return err;
	ret = alloc(l, e->hdr.time, e->addr, e->size, e->stack);
	return err ? err : ret;
}

static int apply(struct ledger *l, const union wire_event *ev)
{
	const struct hw_alloc *a = ev->alloc;

	switch (ev->hdr->kind) {
	case HW_STACK:
		return sites__add(l->sites, ev->stack->stack, ev->stack->flags, ev->stack->nframes,
				  (const uint64_t *)ev->stack->pc);
	case HW_ALLOC:
		return alloc(l, a->hdr.time, a->addr, a->size, a->stack);
	case HW_FREE:
		return on_free(l, ev->free->addr);
	case HW_REALLOC_BEGIN:
		return on_realloc_begin(l, ev->realloc_begin);
	case HW_REALLOC_END:
		return on_realloc_end(l, ev->realloc_end);
	case HW_LEVEL:
		return ledger_level(l, ev->level);
	case HW_REQUEST:
		return ledger_request(l, ev->request);
	}
	return ledger_vm_apply(l, ev);
}

int ledger__apply(struct ledger *l, const union wire_event *ev)
{
	int err;

	if (ev->hdr->kind == HW_PROC_EXEC || ev->hdr->kind == HW_PROC_EXIT ||
	    ev->hdr->kind == HW_PROC_FORK)
		return 0;
	l->events++;
	err = apply(l, ev);
	/* A record that makes no sense here is not the caller's to handle, but it is to be seen. */
	if (err)
		l->dropped++;
	return err == -ENOMEM ? err : 0;
}

struct snapshot *ledger__snapshot(const struct ledger *l, size_t top, uint64_t min_bytes)
{
	struct snapshot *s = sites__snapshot(l->sites, top, min_bytes);

	if (!s)
		return NULL;
	s->outstanding_bytes = l->outstanding_bytes;
	s->outstanding_blocks = l->outstanding_blocks;
	s->older_freed_blocks = l->older_freed_blocks;
	s->advised_bytes = l->advised_bytes;
	s->events = l->events;
	s->overwritten = l->overwritten;
	s->unsettled = l->unsettled;
	s->partly = l->seen.ever_less;
	s->dropped = l->dropped + sites__failed(l->sites);
	s->repaired = l->repaired;
	mappings__totals(l->mappings, &s->mappings);
	s->older_freed_bytes = s->mappings.older_freed_bytes;
	return s;
}

int ledger__spans(const struct ledger *l, struct seen_span **spans, size_t *n, bool *partly)
{
	size_t size = l->seen.n * sizeof(**spans);

	*n = l->seen.n;
	*partly = l->seen.ever_less;
	*spans = malloc(size ? size : 1);
	if (!*spans)
		return -ENOMEM;
	if (size)
		memcpy(*spans, l->seen.spans, size);
	return 0;
}

void ledger__inherit_seen(struct ledger *l, const struct ledger *old)
{
	l->seen.level = old->seen.level;
	l->seen.window = old->seen.window;
	l->seen.requests = old->seen.requests;
	l->seen.ever_less = old->seen.level != HW_SEEN_ALL;
}

struct blocks *ledger__blocks(const struct ledger *l)
{
	return blocks__fork(l->blocks);
}

size_t ledger__frames(const struct ledger *l, uint32_t site, uint64_t *pc, size_t max)
{
	struct stack s;

	if (site >= sites__count(l->sites))
		return 0;
	sites__stack(l->sites, site, &s);
	for (size_t i = 0; i < s.nframes && i < max; i++)
		pc[i] = s.pc[i];
	return s.nframes < max ? s.nframes : max;
}

bool ledger__repair(struct ledger *l, const struct block *blk)
{
	struct block now;

	if (!blocks__find(l->blocks, blk->addr, &now) || now.born != blk->born ||
	    now.size != blk->size || now.site != blk->site ||
	    blocks__take(l->blocks, blk->addr, NULL))
		return false;
	ledger_forget(l, &now);
	l->repaired++;
	return true;
}

size_t ledger__memory(const struct ledger *l)
{
	struct mapping_totals t;
	size_t sum = sizeof(*l) + blocks__memory(l->blocks) + sites__memory(l->sites) +
		     pending__memory(l->pending) + (l->births ? births__memory(l->births) : 0);

	/* mappings.h does not say; an extent is a struct mapping, near enough. */
	mappings__totals(l->mappings, &t);
	for (int i = 0; i < MAPPING_OWNERS; i++)
		sum += t.extents[i] * sizeof(struct mapping);
	return sum;
}
