// SPDX-License-Identifier: GPL-2.0
/* estimates.c: what was estimated, into a snapshot. */
#include <stdlib.h>

#include "model/estimator.h"
#include "model/ledger.h"

void estimates_free(struct estimates *e)
{
	free(e->sites);
	free(e->parts);
	*e = (struct estimates){0};
}

static int by_id(const void *a, const void *b)
{
	const struct estimate *x = a, *y = b;

	return (x->site > y->site) - (x->site < y->site);
}

static int by_bytes(const void *a, const void *b)
{
	const struct snapshot_site *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (x->stack != y->stack)
		return x->stack > y->stack ? 1 : -1;
	return (x->kind > y->kind) - (x->kind < y->kind);
}

void estimates_apply(const struct estimates *e, struct snapshot *s, size_t top, uint64_t min_bytes)
{
	size_t kept = 0;

	s->outstanding_bytes = s->outstanding_blocks = 0;
	s->sites_total = 0;
	for (size_t i = 0; i < s->nsites; i++) {
		struct snapshot_site *site = &s->sites[i];
		const struct estimate key = {.site = site->site},
				      *found =
					  site->kind != REPORT_HEAP || !e->n
					      ? NULL
					      : bsearch(&key, e->sites, e->n, sizeof(key), by_id);

		if (site->kind == REPORT_HEAP) {
			if (!found)
				continue;
			site->bytes = (uint64_t)(found->bytes + 0.5);
			site->blocks = (uint64_t)(found->blocks + 0.5);
			site->low = (uint64_t)found->low;
			site->high = (uint64_t)(found->high + 0.5);
			site->estimated = !found->exact;
			s->outstanding_bytes += site->bytes;
			s->outstanding_blocks += site->blocks;
		}
		s->sites_total++;
		s->sites[kept++] = *site;
	}
	qsort(s->sites, kept, sizeof(*s->sites), by_bytes);
	s->nsites = s->hidden_bytes = 0;
	for (size_t i = 0; i < kept; i++)
		if (s->sites[i].bytes >= min_bytes && (!top || i < top))
			s->nsites++;
		else
			s->hidden_bytes += s->sites[i].bytes;
}
