// SPDX-License-Identifier: GPL-2.0
/* estimator_sizes.c: what samples stand for by size alone, whatever the heap says: for growth. */
#include <errno.h>
#include <stdlib.h>

#include "model/births.h"
#include "model/estimator.h"
#include "model/estimator_parts.h"
#include "model/seen.h"

static int by_size(const void *a, const void *b)
{
	const struct estimate_part *x = a, *y = b;

	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	return (x->site > y->site) - (x->site < y->site);
}

static void add(struct estimate_part *to, const struct estimate_part *p)
{
	double chunks = to->chunks + p->chunks;

	to->worth = (to->worth * to->chunks + p->worth * p->chunks) / chunks;
	to->chunks = chunks;
	to->squares += p->squares;
	to->blocks += p->blocks;
}

static size_t merge(struct estimate_part *p, size_t n)
{
	size_t kept = 0;

	if (!n)
		return 0;
	qsort(p, n, sizeof(*p), by_size);
	for (size_t i = 1; i < n; i++)
		if (by_size(&p[i], &p[kept]))
			p[++kept] = p[i];
		else
			add(&p[kept], &p[i]);
	return kept + 1;
}

int estimator_sizes(const struct estimator *e, const struct share_part *parts, size_t n,
		    struct estimates *out)
{
	out->parts = calloc(n + 1, sizeof(*out->parts));
	if (!out->parts)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct share_part *x = &parts[i];
		double blocks = x->exact.blocks + x->samples.blocks;
		double chunks = x->exact.chunks + x->samples.chunks;

		out->parts[i] =
		    (struct estimate_part){.site = x->site,
					   .class = estimator_size_class(e, x->stratum),
					   .chunks = chunks,
					   .squares = x->squares,
					   .blocks = blocks,
					   .worth = (x->exact.bytes + x->samples.bytes) / chunks};
	}
	out->nparts = merge(out->parts, n);
	for (uint32_t k = 0; k < e->ntotal; k++)
		if (estimator_stands_in(e, k) == k)
			out->class_bytes[estimator_size_class(e, k)] += e->total[k].all.bytes;
	return 0;
}

void estimates_births(struct estimates *e, const struct birth *births, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < e->nparts; i++) {
		struct estimate_part *p = &e->parts[i];
		double gone;

		while (k < n && (births[k].class < p->class ||
				 (births[k].class == p->class && births[k].site < p->site)))
			k++;
		if (k == n || births[k].class != p->class || births[k].site != p->site)
			continue;
		gone = (births[k].blocks + births[k].freed) / SEEN_ALL - p->blocks;
		p->gone = gone > 0 && p->blocks > 0 ? gone * p->chunks / p->blocks : 0;
	}
}
