// SPDX-License-Identifier: GPL-2.0
#include "model/growth_note.h"

#include <errno.h>
#include <stdlib.h>

#include "model/growth_parts.h"
#include "model/ledger.h"
#include "model/sampling.h"

/* Beyond the largest, so many that grow are kept. */
#define SMALL_ONES 5

static size_t add_exact(const struct snapshot *s, bool maps_only, struct growth_site *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nsites; i++)
		if (s->sites[i].kind == REPORT_MAP || !maps_only)
			out[n++] = (struct growth_site){
			    .key = growth_key(s->sites[i].site, s->sites[i].kind == REPORT_MAP),
			    .class = GROWTH_EXACT,
			    .bytes = (double)s->sites[i].bytes};
	return n;
}

static size_t add_samples(const struct estimates *e, struct growth_site *out)
{
	size_t n = 0;

	for (uint32_t class = 0; class < ESTIMATOR_CLASSES; class ++)
		if (e->class_bytes[class] > 0)
			out[n++] = (struct growth_site){
			    .key = GROWTH_CLASS, .class = class, .bytes = e->class_bytes[class]};
	for (size_t i = 0; i < e->nparts; i++) {
		const struct estimate_part *p = &e->parts[i];

		out[n++] =
		    (struct growth_site){.key = growth_key(p->site, false),
					 .class = p->class,
					 .bytes = p->chunks,
					 .gone = p->gone,
					 .sample = p->chunks > 0 ? p->squares / p->chunks : 0,
					 .worth = p->worth};
	}
	return n;
}

int growth__note(struct growth *g, const struct growth_look *look)
{
	const struct estimates *e = &look->sampling->estimates;
	const struct snapshot *s = look->snapshot;
	bool sampled = look->sampling->told;
	struct growth_site *sites;
	size_t n = 0;
	int err;

	/* A heap that changed under the look tells nothing new. */
	if (g->points && sampled && g->sampled && g->looks == look->sampling->looks)
		return 0;
	sites =
	    calloc(s->nsites + (sampled ? ESTIMATOR_CLASSES + e->nparts : 0) + 2, sizeof(*sites));
	if (!sites)
		return -ENOMEM;
	if (g->points && (g->sampled != sampled || g->program != look->program))
		growth_restart(g);
	g->sampled = sampled;
	g->program = look->program;
	g->looks = look->sampling->looks;
	if (look->has_heap)
		sites[n++] = (struct growth_site){
		    .key = GROWTH_HEAP, .class = GROWTH_EXACT, .bytes = (double)look->heap_bytes};
	sites[n++] = (struct growth_site){
	    .key = GROWTH_SEEN, .class = GROWTH_EXACT, .bytes = (double)s->outstanding_bytes};
	if (sampled)
		n += add_samples(e, sites + n);
	n += add_exact(s, sampled, sites + n);
	err = growth__add(g, look->time_ns, sites, n);
	free(sites);
	return err;
}

void growth_cut(const struct growth *g, struct snapshot *s, size_t top, uint64_t min_bytes)
{
	size_t kept = top;

	for (size_t i = top; top && i < s->nsites && kept < top + SMALL_ONES; i++) {
		const struct snapshot_site site = s->sites[i];
		struct growth_rate rate;

		if (!growth__of(g, growth_key(site.site, site.kind == REPORT_MAP), &rate) ||
		    !rate.growing)
			continue;
		s->sites[i] = s->sites[kept];
		s->sites[kept++] = site;
	}
	snapshot__cut(s, kept, min_bytes);
}
