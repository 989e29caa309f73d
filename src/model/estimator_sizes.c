// SPDX-License-Identifier: GPL-2.0
/* estimator_sizes.c: what samples stand for by size alone, whatever the heap says: for growth. */
#include <errno.h>
#include <stdlib.h>

#include "model/births.h"
#include "model/crossed.h"
#include "model/estimator.h"
#include "model/estimator_parts.h"
#include "model/seen.h"

/* One unit of samples, or more of those that stand for themselves. */
struct piece {
	struct estimate_part part; /* worth: bytes asked for, not of each */
	uint32_t moment;
	bool sample;
};

static int by_part(const struct estimate_part *x, const struct estimate_part *y)
{
	if (x->crossing != y->crossing)
		return x->crossing - y->crossing;
	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	return (x->site > y->site) - (x->site < y->site);
}

static int by_moment(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;
	int order = by_part(&x->part, &y->part);

	if (order)
		return order;
	if (x->sample != y->sample)
		return x->sample - y->sample;
	return (x->moment > y->moment) - (x->moment < y->moment);
}

static bool is_told(const struct estimator *e, const struct unit *u)
{
	return !u->changed || e->total[estimator_stands_in(e, u->stratum)].by_changed;
}

static size_t list_pieces(const struct estimator *e, struct piece *out)
{
	size_t n = 0;

	for (size_t i = 0; i < e->n; i++) {
		const struct unit *u = &e->units[i];
		double weight = u->weight / SEEN_ALL;

		if (!is_told(e, u))
			continue;
		out[n++] = (struct piece){.part = {.site = u->site,
						   .class = estimator_size_class(e, u->stratum),
						   .crossing = u->crossing,
						   .chunks = weight * u->chunks,
						   .blocks = weight * u->n,
						   .worth = weight * u->bytes,
						   .same = u->same ? weight * u->chunks : 0},
					  .moment = u->moment,
					  .sample = u->weight > SEEN_ALL};
	}
	return n;
}

/* What was sampled together is one draw. */
static size_t join(struct piece *p, size_t n, struct estimate_part *out)
{
	size_t kept = 0;

	for (size_t i = 0; i < n;) {
		const struct piece *first = &p[i];
		double chunks = 0;

		if (!kept || by_part(&out[kept - 1], &first->part)) {
			out[kept] = first->part;
			out[kept].chunks = out[kept].blocks = 0;
			out[kept].worth = out[kept].same = 0;
			kept++;
		}
		for (; i < n && !by_moment(&p[i], first); i++) {
			chunks += p[i].part.chunks;
			out[kept - 1].blocks += p[i].part.blocks;
			out[kept - 1].worth += p[i].part.worth;
			out[kept - 1].same += p[i].part.same;
		}
		out[kept - 1].chunks += chunks;
		if (first->sample)
			out[kept - 1].squares += chunks * chunks;
	}
	for (size_t i = 0; i < kept; i++)
		out[i].worth /= out[i].chunks;
	return kept;
}

int estimator_sizes(const struct estimator *e, struct estimates *out)
{
	struct piece *pieces = calloc(e->n + 1, sizeof(*pieces));
	size_t n;

	out->parts = calloc(e->n + 1, sizeof(*out->parts));
	if (!pieces || !out->parts) {
		free(pieces);
		return -ENOMEM;
	}
	n = list_pieces(e, pieces);
	if (n)
		qsort(pieces, n, sizeof(*pieces), by_moment);
	out->nparts = join(pieces, n, out->parts);
	free(pieces);
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

		if (p->crossing)
			break;
		while (k < n && (births[k].class < p->class ||
				 (births[k].class == p->class && births[k].site < p->site)))
			k++;
		if (k == n || births[k].class != p->class || births[k].site != p->site)
			continue;
		gone = (births[k].blocks + births[k].freed) / SEEN_ALL - p->blocks;
		p->gone = gone > 0 && p->blocks > 0 ? gone * p->chunks / p->blocks : 0;
	}
}

void estimates_crossings(struct estimates *e, const struct crossed *crossed, size_t n)
{
	for (size_t i = 0; i < e->nparts; i++) {
		const struct crossed *of = crossed_of(crossed, n, e->parts[i].site);

		if (e->parts[i].crossing && of)
			e->parts[i].stays = (double)of->same / of->looked;
	}
}
