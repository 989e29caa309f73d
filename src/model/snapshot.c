// SPDX-License-Identifier: GPL-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/ledger.h"
#include "model/sites.h"

/* What the order depends on, so that the sort does not move whole sites. */
struct rank {
	uint64_t bytes, stack;
	uint32_t id;
	enum report_kind kind;
};

static int by_bytes(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (x->stack != y->stack)
		return x->stack > y->stack ? 1 : -1;
	return (x->kind > y->kind) - (x->kind < y->kind);
}

static void count(struct snapshot_flagged *f, const struct site *site)
{
	f->stacks++;
	for (unsigned int kind = 0; kind < SITES_KINDS; kind++)
		f->allocated_blocks += site->total[kind].allocated_blocks;
}

static void count_flags(const struct sites *sites, struct snapshot *s)
{
	for (uint32_t id = 0; id < sites__count(sites); id++) {
		struct site site;
		unsigned int flag;

		sites__get(sites, id, &site);
		if (!site.stack)
			continue;
		count(&s->stacks, &site);
		flag = (unsigned int)__builtin_ffs((int)site.flags);
		if (flag && flag <= HW_STACK_FLAGS)
			count(&s->flagged[flag - 1], &site);
	}
}

/* Those to be shown to ranks, which has room for all; what they and the others come to, to *s. */
static size_t choose(const struct sites *sites, uint64_t min_bytes, struct rank *ranks,
		     struct snapshot *s)
{
	size_t n = 0;

	for (uint32_t id = 0; id < sites__count(sites); id++) {
		for (unsigned int kind = 0; kind < SITES_KINDS; kind++) {
			const struct site_total *t = sites__total(sites, id, kind);
			struct site site;

			if (!t->bytes && !t->blocks)
				continue;
			s->sites_total++;
			s->hidden_bytes += t->bytes;
			if (t->bytes < min_bytes)
				continue;
			sites__get(sites, id, &site);
			ranks[n++] = (struct rank){t->bytes, site.stack, id, kind};
		}
	}
	return n;
}

struct snapshot *sites__snapshot(const struct sites *sites, size_t top, uint64_t min_bytes)
{
	struct snapshot sum = {0}, *s = NULL;
	size_t n, npcs = 0, all = (size_t)SITES_KINDS * sites__count(sites);
	struct rank *ranks = malloc(all * sizeof(*ranks));
	struct site site;
	uint64_t *pcs;

	if (!ranks)
		return NULL;
	n = choose(sites, min_bytes, ranks, &sum);
	count_flags(sites, &sum);
	qsort(ranks, n, sizeof(*ranks), by_bytes);
	if (top && n > top)
		n = top;
	for (size_t i = 0; i < n; i++) {
		sites__get(sites, ranks[i].id, &site);
		npcs += site.nframes;
	}
	/* One piece: it is handed to another thread, and freed as a whole. */
	s = malloc(sizeof(*s) + n * sizeof(*s->sites) + npcs * sizeof(*pcs));
	if (!s)
		goto out;
	*s = sum;
	s->nsites = n;
	s->sites = (struct snapshot_site *)(s + 1);
	pcs = (uint64_t *)(s->sites + n);
	for (size_t i = 0; i < n; i++) {
		const struct site_total *t = &site.total[ranks[i].kind];

		sites__get(sites, ranks[i].id, &site);
		s->sites[i] = (struct snapshot_site){
		    .kind = ranks[i].kind,
		    .bytes = t->bytes,
		    .blocks = t->blocks,
		    .allocated_bytes = t->allocated_bytes,
		    .allocated_blocks = t->allocated_blocks,
		    .flags = site.flags,
		    .nframes = site.nframes,
		    .pc = pcs,
		    .stack = site.stack,
		    .site = ranks[i].id,
		    .low = t->bytes,
		    .high = t->bytes,
		};
		s->hidden_bytes -= t->bytes;
		if (site.nframes)
			memcpy(pcs, site.pc, site.nframes * sizeof(*pcs));
		pcs += site.nframes;
	}
out:
	free(ranks);
	return s;
}

void snapshot__free(struct snapshot *s)
{
	free(s);
}
