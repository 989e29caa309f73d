// SPDX-License-Identifier: GPL-2.0
#include "model/growth_note.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "model/cohort.h"
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

/* Of each heap site, how many of its blocks were seen, by site; *n: room.  NULL where memory is
 * out. */
static uint64_t *seen_of(const struct snapshot *s, uint32_t *n)
{
	uint64_t *seen;

	*n = 1;
	for (size_t i = 0; i < s->nsites; i++)
		if (s->sites[i].site >= *n)
			*n = s->sites[i].site + 1;
	seen = calloc(*n, sizeof(*seen));
	for (size_t i = 0; seen && i < s->nsites; i++)
		if (s->sites[i].kind == REPORT_HEAP)
			seen[s->sites[i].site] = s->sites[i].allocated_blocks;
	return seen;
}

/* Of which did not go, the share. */
static void add_stays(struct growth_site *sites, size_t n, const struct snapshot *s,
		      const struct cohort *c)
{
	uint32_t nseen;
	uint64_t *seen = seen_of(s, &nseen);

	for (size_t i = 0; seen && i < n; i++) {
		uint32_t site = (uint32_t)(sites[i].key >> 1);

		if (sites[i].unit > 0 && site < nseen && seen[site])
			sites[i].stays *=
			    fmin((double)cohort__live(c, site) / (double)seen[site], 1);
	}
	free(seen);
}

static size_t add_samples(const struct estimates *e, const struct cohort *c,
			  struct growth_site *out)
{
	size_t n = 0;

	for (uint32_t class = 0; class < ESTIMATOR_CLASSES; class ++) {
		struct growth_site all = {
		    .key = GROWTH_CLASS, .class = class, .bytes = e->class_bytes[class]};

		if (all.bytes <= 0)
			continue;
		out[n++] = all;
		all.class |= GROWTH_ALSO;
		out[n++] = all;
	}
	for (size_t i = 0; i < e->nparts; i++) {
		const struct estimate_part *p = &e->parts[i];
		const struct cohort_part *part =
		    c && !p->crossing ? cohort__part(c, p->class, p->site) : NULL;

		struct growth_site site = {.key = growth_key(p->site, false),
					   .class = p->class,
					   .bytes = p->chunks,
					   .gone = p->gone,
					   .sample = p->chunks > 0 ? p->squares / p->chunks : 0,
					   .worth = p->worth};

		if (p->crossing) {
			site.class |= GROWTH_ALSO;
			site.unit = site.sample;
			site.same = p->same;
			site.stays = p->stays;
		} else if (part) {
			site.unit = part->unit;
			site.same = part->same;
			site.stays = part->same / part->all;
		}
		out[n++] = site;
	}
	return n;
}

/* A heap that cannot be walked: all that it has is one class. */
static size_t add_cohort(const struct cohort_part *parts, size_t nparts, uint64_t heap_bytes,
			 struct growth_site *out)
{
	size_t n = 0;

	out[n++] =
	    (struct growth_site){.key = GROWTH_CLASS, .class = 0, .bytes = (double)heap_bytes};
	for (size_t i = 0; i < nparts; i++) {
		const struct cohort_part *p = &parts[i];

		out[n++] = (struct growth_site){.key = growth_key(p->site, false),
						.class = 0,
						.bytes = p->all,
						.same = p->same,
						.unit = p->unit,
						.stays = p->same / p->all,
						.worth = p->worth};
	}
	return n;
}

int growth__note(struct growth *g, const struct growth_look *look)
{
	const struct estimates *e = &look->sampling->estimates;
	const struct snapshot *s = look->snapshot;
	const struct cohort_part *parts = NULL;
	size_t n = 0, nparts = 0;
	struct growth_site *sites;
	bool told = look->sampling->told, sampled;
	uint32_t looks = look->sampling->looks;
	int err;

	if (!told && look->cohort && look->has_heap && s->partly) {
		nparts = cohort__parts(look->cohort, &parts);
		looks = cohort__looks(look->cohort);
	}
	sampled = told || nparts;
	/* A heap that changed under the look tells nothing new. */
	if (g->points && sampled && g->sampled && g->looks == looks)
		return 0;
	sites = calloc(s->nsites + nparts + (told ? 2 * ESTIMATOR_CLASSES + e->nparts : 0) + 3,
		       sizeof(*sites));
	if (!sites)
		return -ENOMEM;
	if (g->points && (g->sampled != sampled || g->program != look->program))
		growth_restart(g);
	g->sampled = sampled;
	g->program = look->program;
	g->looks = looks;
	if (look->has_heap)
		sites[n++] = (struct growth_site){
		    .key = GROWTH_HEAP, .class = GROWTH_EXACT, .bytes = (double)look->heap_bytes};
	sites[n++] = (struct growth_site){
	    .key = GROWTH_SEEN, .class = GROWTH_EXACT, .bytes = (double)s->outstanding_bytes};
	if (told)
		n += add_samples(e, look->cohort, sites + n);
	else if (nparts)
		n += add_cohort(parts, nparts, look->heap_bytes, sites + n);
	if (sampled && look->cohort)
		add_stays(sites, n, s, look->cohort);
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
