// SPDX-License-Identifier: GPL-2.0
#include "app/inspection_peek.h"

#include <stdlib.h>

#include "app/cohorts.h"
#include "app/drain.h"
#include "app/glimpse.h"
#include "app/inspection.h"
#include "inspect/glimpsed.h"
#include "inspect/memory.h"
#include "inspect/signatures.h"
#include "model/blocks.h"
#include "model/crossings.h"
#include "model/seen.h"
#include "model/signature.h"

/* Samples at most that are looked at before a look at the heap, a millisecond for a thousand. */
#define SAMPLES_MAX (1u << 18)

/* Of a chunk, before its block. */
#define CHUNK_HEADER 16u

static void peek_at(struct inspection *i, const struct block *blocks, size_t n,
		    const struct signature_range *files, size_t nfiles,
		    const struct drain_seen *seen, bool fresh)
{
	const struct memory mem = memory_of(i->pid);
	struct signatures_chunk *chunks = calloc(n + 1, sizeof(*chunks));

	for (size_t k = 0; chunks && k < n; k++)
		chunks[k].addr = blocks[k].addr;
	if (chunks && !signatures_read(&mem, files, nfiles, chunks, n))
		for (size_t k = 0; k < n; k++) {
			sampling_peek(&i->sampling, seen->spans, seen->n, &blocks[k],
				      chunks[k].size, &chunks[k].begins);
			if (fresh)
				cohorts_peek(i, &blocks[k], chunks[k].words);
		}
	free(chunks);
}

static bool is_same(const struct block *a, const struct block *b)
{
	return a->addr == b->addr && a->size == b->size && a->site == b->site && a->born == b->born;
}

/* How those n began that were looked at while their window was open. */
static void peek_glimpsed(struct inspection *i, const struct block *blocks, size_t n,
			  const struct signature_range *files, size_t nfiles,
			  const struct drain_seen *seen)
{
	struct glimpsed_part all;
	uint32_t last = 0;

	if (!i->glimpses)
		return;
	/* Of a window that is open by now there may be some already. */
	for (size_t k = 0; k < n; k++)
		if (blocks[k].born > last)
			last = blocks[k].born;
	glimpses__of(i->glimpses, i->id, i->execs, last, &all);
	for (size_t g = 0, k = 0; g < all.n; g++) {
		const struct signatures_chunk *c = &all.chunks[g];
		struct signature begins;

		while (k < n && blocks[k].addr < c->addr)
			k++;
		if (k == n || !is_same(&blocks[k], &all.blocks[g]))
			continue;
		/* What its process had mapped was not known then. */
		begins = signature_take(files, nfiles, c->words, c->size);
		sampling_peek(&i->sampling, seen->spans, seen->n, &blocks[k], c->size, &begins);
		cohorts_peek(i, &blocks[k], c->words);
	}
	glimpsed_part_free(&all);
}

struct small {
	struct block *v;
	size_t n, room;
	const struct drain_seen *seen;
	bool samples; /* these, or all others */
};

static int list_small(void *arg, const struct block *b)
{
	struct small *s = arg;

	if (b->size <= HW_CACHED_CHUNK_MAX && s->n < s->room &&
	    s->samples == (seen_weight(s->seen->spans, s->seen->n, b->born, b->size) > SEEN_ALL))
		s->v[s->n++] = *b;
	return 0;
}

/* Crossings, all of i->sampling.crossed: those that were found, or that were not looked at yet. */
static void peek_crossings(struct inspection *i, const struct signature_range *files, size_t nfiles,
			   const struct crossing *all, bool again)
{
	const struct sampling_crossed *crossed = i->sampling.crossed;
	const struct memory mem = memory_of(i->pid);
	size_t n = i->sampling.ncrossed, found = 0, k;
	struct signatures_chunk *chunks = calloc(n + 1, sizeof(*chunks));
	uint32_t *which = calloc(n + 1, sizeof(*which));

	for (k = 0; chunks && which && k < n; k++)
		if (!all[k].mapped && (again ? crossed[k].found : !crossed[k].looked)) {
			which[found] = (uint32_t)k;
			chunks[found++].addr = all[k].start + CHUNK_HEADER;
		}
	if (found && !signatures_read(&mem, files, nfiles, chunks, found))
		for (k = 0; k < found; k++)
			sampling_peek_crossing(&i->sampling, which[k], &all[which[k]],
					       chunks[k].size, &chunks[k].begins);
	free(which);
	free(chunks);
}

/* Samples, before a look: whether each still begins with what it did at first. */
void inspection_peek_again(struct inspection *i, const struct blocks *blocks,
			   const struct signature_range *files, size_t nfiles,
			   const struct drain_seen *seen)
{
	size_t n = blocks__count(blocks);
	struct small s = {.room = n < SAMPLES_MAX ? n : SAMPLES_MAX, .seen = seen, .samples = true};

	peek_crossings(i, files, nfiles, seen->crossings, true);
	s.v = calloc(s.room + 1, sizeof(*s.v));
	if (!s.v)
		return;
	blocks__each(blocks, list_small, &s);
	/* Of what was seen when all was, the frees are not seen any more either. */
	s.samples = false;
	blocks__each(blocks, list_small, &s);
	peek_at(i, s.v, s.n, files, nfiles, seen, false);
	sampling_peeked(&i->sampling);
	free(s.v);
}

/* Blocks that came in windows, and crossings, before much of that is gone again. */
void inspection_peek(struct inspection *i, struct drain *d, const struct modules *modules)
{
	struct drain_seen seen = {.leave = i->leave, .arg = i->leave_arg, .crossed = i->crossed};
	struct signature_range *files = NULL;
	size_t n = 0, nfiles = 0;
	struct block *fresh;

	fresh = drain__fresh(d, i->id, i->execs, &n, &seen);
	if ((n || seen.crossings) && !signatures_files(modules, &files, &nfiles)) {
		if (fresh && n)
			peek_glimpsed(i, fresh, n, files, nfiles, &seen);
		if (fresh && n)
			peek_at(i, fresh, n, files, nfiles, &seen, true);
		if (seen.crossings &&
		    !sampling_keep_crossings(&i->sampling, seen.crossings, seen.ncrossings))
			peek_crossings(i, files, nfiles, seen.crossings, false);
		i->crossed = seen.crossed;
	}
	free(seen.spans);
	free(seen.crossings);
	free(files);
	free(fresh);
}
