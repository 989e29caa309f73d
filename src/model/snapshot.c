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

static void count(struct snapshot_flagged *f, const struct sites *sites, uint32_t id)
{
	f->stacks++;
	for (unsigned int kind = 0; kind < SITES_KINDS; kind++)
		f->allocated_blocks += sites__total(sites, id, kind).allocated_blocks;
}

static void count_flags(const struct sites *sites, struct snapshot *s)
{
	for (uint32_t id = 0; id < sites__count(sites); id++) {
		struct stack stack;
		unsigned int flag;

		sites__stack(sites, id, &stack);
		if (!stack.key)
			continue;
		count(&s->stacks, sites, id);
		flag = (unsigned int)__builtin_ffs((int)stack.flags);
		if (flag && flag <= HW_STACK_FLAGS)
			count(&s->flagged[flag - 1], sites, id);
	}
}

/* Those to be shown to ranks, which has room for all; what they and the others come to, to *s. */
static size_t choose(const struct sites *sites, uint64_t min_bytes, struct rank *ranks,
		     struct snapshot *s)
{
	size_t n = 0;

	for (uint32_t id = 0; id < sites__count(sites); id++) {
		for (unsigned int kind = 0; kind < SITES_KINDS; kind++) {
			struct site_total t = sites__total(sites, id, kind);
			struct stack stack;

			if (!t.bytes && !t.blocks)
				continue;
			s->sites_total++;
			s->hidden_bytes += t.bytes;
			if (t.bytes < min_bytes)
				continue;
			sites__stack(sites, id, &stack);
			ranks[n++] = (struct rank){t.bytes, stack.key, id, kind};
		}
	}
	return n;
}

struct snapshot *sites__snapshot(const struct sites *sites, size_t top, uint64_t min_bytes)
{
	struct snapshot sum = {0}, *s = NULL;
	size_t n, npcs = 0, all = (size_t)SITES_KINDS * sites__count(sites);
	struct rank *ranks = malloc(all * sizeof(*ranks));
	struct stack stack;
	uint64_t *pcs;

	if (!ranks)
		return NULL;
	n = choose(sites, min_bytes, ranks, &sum);
	count_flags(sites, &sum);
	qsort(ranks, n, sizeof(*ranks), by_bytes);
	if (top && n > top)
		n = top;
	for (size_t i = 0; i < n; i++) {
		sites__stack(sites, ranks[i].id, &stack);
		npcs += stack.nframes;
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
		struct site_total t = sites__total(sites, ranks[i].id, ranks[i].kind);

		sites__stack(sites, ranks[i].id, &stack);
		s->sites[i] = (struct snapshot_site){
		    .kind = ranks[i].kind,
		    .bytes = t.bytes,
		    .blocks = t.blocks,
		    .allocated_bytes = t.allocated_bytes,
		    .allocated_blocks = t.allocated_blocks,
		    .flags = stack.flags,
		    .nframes = stack.nframes,
		    .pc = pcs,
		    .stack = stack.key,
		    .site = ranks[i].id,
		    .low = t.bytes,
		    .high = t.bytes,
		};
		s->hidden_bytes -= t.bytes;
		if (stack.nframes)
			memcpy(pcs, stack.pc, stack.nframes * sizeof(*pcs));
		pcs += stack.nframes;
	}
out:
	free(ranks);
	return s;
}

void snapshot__leave_out_crossings(struct snapshot *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->nsites; i++) {
		const struct snapshot_site *site = &s->sites[i];

		if (site->kind != REPORT_HEAP || site->bytes || site->allocated_blocks)
			s->sites[kept++] = *site;
	}
	s->sites_total -= s->nsites - kept;
	s->nsites = kept;
}

void snapshot__cut(struct snapshot *s, size_t top, uint64_t min_bytes)
{
	size_t n = s->nsites;

	if (top && n > top)
		n = top;
	while (n && s->sites[n - 1].bytes < min_bytes)
		n--;
	for (; s->nsites > n; s->nsites--)
		s->hidden_bytes += s->sites[s->nsites - 1].bytes;
}

struct snapshot *snapshot__copy(const struct snapshot *s)
{
	struct snapshot *copy;
	size_t npcs = 0;
	uint64_t *pcs;

	for (size_t i = 0; i < s->nsites; i++)
		npcs += s->sites[i].nframes;
	copy = malloc(sizeof(*s) + s->nsites * sizeof(*s->sites) + npcs * sizeof(*pcs));
	if (!copy)
		return NULL;
	*copy = *s;
	copy->sites = (struct snapshot_site *)(copy + 1);
	pcs = (uint64_t *)(copy->sites + s->nsites);
	for (size_t i = 0; i < s->nsites; i++) {
		copy->sites[i] = s->sites[i];
		copy->sites[i].pc = pcs;
		for (size_t k = 0; k < s->sites[i].nframes; k++)
			*pcs++ = s->sites[i].pc[k];
	}
	return copy;
}

void snapshot__free(struct snapshot *s)
{
	free(s);
}
