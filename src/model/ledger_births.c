// SPDX-License-Identifier: GPL-2.0
/* ledger_births.c: of what was born in windows, how much; the rest of it is in the ledger. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/estimator.h"
#include "model/ledger.h"
#include "model/ledger_parts.h"

/*
 * What is born late in a window may be on its way to its free: whether it is one that stays is not
 * known yet, and before it can be looked at, its address may be another one's.  So who came after
 * the look while it was open, or else the last one of three, is no sample, and the others stand for
 * it too.
 */
#define LATE_OF 3

/* Of those that came before that look, the last one of so many may not be written to yet. */
#define FRESH_OF 8

static bool counts(const struct ledger *l, const struct block *blk)
{
	return l->births && blk->size <= HW_CACHED_CHUNK_MAX - 8u;
}

/* Without memory it is looked at later. */
static void add_fresh(struct ledger_fresh *f, uint64_t addr)
{
	if (f->n == f->room) {
		size_t room = f->room ? 2 * f->room : 256;
		uint64_t *addrs =
		    room <= LEDGER_FRESH_MAX ? reallocarray(f->addr, room, sizeof(*addrs)) : NULL;

		if (!addrs)
			return;
		f->addr = addrs;
		f->room = room;
	}
	f->addr[f->n++] = addr;
}

int ledger_born(struct ledger *l, const struct block *blk)
{
	if (!counts(l, blk))
		return 0;
	if (l->seen.window) {
		l->fresh.births++;
		add_fresh(&l->fresh, blk->addr);
	}
	return births__add(l->births, blk->site, estimator_class_of(blk->size));
}

static int by_address(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Those of n addresses, which are sorted here, that there are. */
static int find_all(const struct ledger *l, uint64_t *addr, size_t all, struct block **blocks,
		    size_t *n)
{
	*n = 0;
	*blocks = malloc(all ? all * sizeof(**blocks) : 1);
	if (!*blocks)
		return -ENOMEM;
	if (all)
		qsort(addr, all, sizeof(*addr), by_address);
	for (size_t i = 0; i < all; i++)
		if ((!i || addr[i] != addr[i - 1]) &&
		    blocks__find(l->blocks, addr[i], &(*blocks)[*n]))
			++*n;
	return 0;
}

int ledger__fresh(struct ledger *l, struct block **blocks, size_t *n)
{
	struct ledger_fresh *f = &l->fresh;
	size_t all = l->seen.window ? f->window : f->n;
	int err = find_all(l, f->addr, all, blocks, n);

	if (err || !all)
		return err;
	f->n -= all;
	f->window = 0;
	memmove(f->addr, f->addr + all, f->n * sizeof(*f->addr));
	/* Those whose address is another's by now, of the window that is open. */
	for (size_t i = all = 0; l->seen.window && i < *n; i++)
		if ((*blocks)[i].born < l->seen.opened)
			(*blocks)[all++] = (*blocks)[i];
	*n = l->seen.window ? all : *n;
	return 0;
}

int ledger__glimpse(struct ledger *l, size_t max, struct block **blocks, size_t *n)
{
	struct ledger_fresh *f = &l->fresh;
	size_t came = l->seen.window ? f->n - f->window : 0;
	size_t all = came - came / FRESH_OF < max ? came - came / FRESH_OF : max;
	uint64_t *addr = malloc(all ? all * sizeof(*addr) : 1);
	int err = -ENOMEM;

	*n = 0;
	*blocks = NULL;
	if (addr && all)
		memcpy(addr, f->addr + f->window, all * sizeof(*addr));
	if (addr)
		err = find_all(l, addr, all, blocks, n);
	if (!err && all) {
		f->glimpsed = all;
		f->came = came;
	}
	free(addr);
	return err;
}

/* Its births are not weighed yet, where it is of the window that is open, or of a time that all is
 * seen of. */
static bool is_fresh(const struct seen *s, const struct block *blk)
{
	return s->window ? blk->born >= s->opened : seen_whole(s, blk->born);
}

int ledger_died(struct ledger *l, const struct block *blk)
{
	const struct seen *s = &l->seen;

	if (!counts(l, blk))
		return 0;
	return births__drop(l->births, blk->site, estimator_class_of(blk->size),
			    seen_weight(s->spans, s->n, blk->born, blk->size), is_fresh(s, blk));
}

static int add_one(void *arg, const struct block *blk)
{
	return ledger_born(arg, blk);
}

/* Until now all was seen, and the others were seen to go. */
static int begin(struct ledger *l)
{
	int err;

	l->births = births__new();
	err = l->births ? blocks__each(l->blocks, add_one, l) : -ENOMEM;
	if (!err)
		err = births__weigh(l->births, SEEN_ALL, 1);
	if (err) {
		births__free(l->births);
		l->births = NULL;
	}
	return err;
}

/* The window that is open ends: what its samples stand for then; and each of them for so many of
 * its blocks. */
static uint32_t drop_late(struct ledger *l, uint32_t weight, double *each)
{
	struct ledger_fresh *f = &l->fresh;
	size_t n = f->n - f->window, late = f->glimpsed ? n - f->glimpsed : n / LATE_OF, of = n;
	uint64_t more;
	struct block b;

	/* Without memory not all of them are known. */
	if (weight <= SEEN_ALL || n != f->births || !late)
		return weight;
	for (size_t i = f->n - late; i < f->n; i++)
		if (blocks__find(l->blocks, f->addr[i], &b) && b.born >= l->seen.opened &&
		    counts(l, &b) && !blocks__take(l->blocks, b.addr, NULL)) {
			births__leave_out(l->births, b.site, estimator_class_of(b.size));
			ledger_forget(l, &b);
		}
	f->n -= late;
	*each = (double)n / (double)(n - late);
	/* What is weighed is the window until that look. */
	if (f->glimpsed)
		of = f->came;
	more = weight * (uint64_t)of / (n - late);
	return more < UINT32_MAX ? (uint32_t)more : UINT32_MAX;
}

int ledger_level(struct ledger *l, const struct hw_level *level)
{
	bool whole = l->seen.level == HW_SEEN_ALL, window = l->seen.window;
	struct hw_level now = *level, *e = &now;
	double each = 1;
	int err, ret = 0;

	if (window && !e->window)
		e->weight = drop_late(l, e->weight, &each);
	/* Where more is seen none is missed. */
	l->requests.gaps += e->seen == HW_SEEN_NONE && !e->requests &&
			    (l->seen.requests || l->seen.level != HW_SEEN_NONE);
	err = seen_apply(&l->seen, e, ledger_seconds(l, e->hdr.time));
	if (!window && e->window) {
		l->fresh.window = l->fresh.n;
		l->fresh.births = l->fresh.glimpsed = 0;
	}
	if (l->seen.ever_less && !l->births)
		ret = begin(l);
	else if (l->births && window && !e->window)
		ret = births__weigh(l->births, e->weight, each);
	else if (l->births && whole && e->seen != HW_SEEN_ALL)
		ret = births__weigh(l->births, SEEN_ALL, 1);
	return err ? err : ret;
}

int ledger__births(const struct ledger *l, struct birth **births, size_t *n)
{
	*n = l->births ? births__count(l->births) : 0;
	*births = malloc(*n ? *n * sizeof(**births) : 1);
	if (!*births) {
		*n = 0;
		return -ENOMEM;
	}
	if (*n)
		births__list(l->births, *births);
	return 0;
}
