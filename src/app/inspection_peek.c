// SPDX-License-Identifier: GPL-2.0
#include "app/inspection_peek.h"

#include <stdlib.h>
#include <string.h>

#include "app/cohorts.h"
#include "app/drain.h"
#include "app/glimpse.h"
#include "app/inspection.h"
#include "heapwatch/heap.h"
#include "inspect/chunks.h"
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
				      chunks[k].size, chunks[k].signature, chunks[k].content);
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
	struct signatures_chunk *chunks = NULL;
	struct block *glimpsed = NULL;
	size_t all =
	    i->glimpses ? glimpses__of(i->glimpses, i->id, i->execs, &glimpsed, &chunks) : 0;

	for (size_t g = 0, k = 0; g < all; g++) {
		const struct signatures_chunk *c = &chunks[g];

		while (k < n && blocks[k].addr < c->addr)
			k++;
		if (k == n || !is_same(&blocks[k], &glimpsed[g]))
			continue;
		sampling_peek(&i->sampling, seen->spans, seen->n, &blocks[k], c->size,
			      signature_of(files, nfiles, c->words, signature_words(c->size)),
			      c->content);
		cohorts_peek(i, &blocks[k], c->words);
	}
	free(glimpsed);
	free(chunks);
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

/* Crossings that were found; all: those of i->sampling.crossed. */
static void crossings_again(struct inspection *i, const struct signature_range *files,
			    size_t nfiles, const struct crossing *all)
{
	const struct sampling_crossed *crossed = i->sampling.crossed;
	const struct memory mem = memory_of(i->pid);
	size_t n = i->sampling.ncrossed, found = 0;
	struct signatures_chunk *chunks = calloc(n + 1, sizeof(*chunks));

	for (size_t k = 0; chunks && k < n; k++)
		if (crossed[k].addr)
			chunks[found++].addr = crossed[k].addr;
	if (chunks && !signatures_read(&mem, files, nfiles, chunks, found))
		for (size_t k = n; k-- > 0;)
			if (crossed[k].addr) {
				found--;
				sampling_peek_crossing(&i->sampling, k, &all[k], chunks[found].addr,
						       chunks[found].size, chunks[found].signature,
						       chunks[found].content);
			}
	free(chunks);
}

/* Samples, before a look: whether each still begins with what it did at first. */
void inspection_peek_again(struct inspection *i, const struct blocks *blocks,
			   const struct signature_range *files, size_t nfiles,
			   const struct drain_seen *seen)
{
	size_t n = blocks__count(blocks);
	struct small s = {.room = n < SAMPLES_MAX ? n : SAMPLES_MAX, .seen = seen, .samples = true};

	crossings_again(i, files, nfiles, seen->crossings);
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

/* Where blocks are for which one heap grew, from one that was found to the next: crossings from
 * first to end. */
static void find_in_heap(struct inspection *i, const struct crossing *all, size_t first, size_t end,
			 uint64_t *points, uint64_t *addr)
{
	const struct sampling_crossed *crossed = i->sampling.crossed;
	const struct memory mem = memory_of(i->pid);
	uint64_t start = 0;
	size_t next = end, known;

	while (next > first && !crossed[next - 1].addr && !crossed[next - 1].looked)
		next--;
	if (next == end)
		return;
	for (known = next; known > first && !crossed[known - 1].addr;)
		known--;
	if (known > first)
		start = crossed[known - 1].addr - CHUNK_HEADER;
	else if (all[first].main || i->locate_err ||
		 glibc_first_chunk(&i->glibc, hw_heap_of(all[first].point), &start))
		return;
	for (size_t k = next; k < end; k++)
		points[k] = all[k].point;
	if (chunks_find(&mem, start, points + next, end - next, addr + next))
		memset(addr + next, 0, (end - next) * sizeof(*addr));
}

static bool same_heap(const struct crossing *a, const struct crossing *b)
{
	return a->main == b->main && (a->main || hw_heap_of(a->point) == hw_heap_of(b->point));
}

/* Where the block begins is known of most, else it is looked for by the chunks before it. */
static void find_crossings(struct inspection *i, const struct signature_range *files, size_t nfiles,
			   const struct crossing *all, size_t n)
{
	struct signatures_chunk *chunks = calloc(n + 1, sizeof(*chunks));
	uint64_t *points = calloc(n + 1, sizeof(*points)), *addr = calloc(n + 1, sizeof(*addr));
	const struct memory mem = memory_of(i->pid);
	size_t found = 0;

	for (size_t first = 0, end; chunks && points && addr && first < n; first = end) {
		for (end = first + 1; end < n && same_heap(&all[first], &all[end]);)
			end++;
		if (!all[first].start) {
			find_in_heap(i, all, first, end, points, addr);
			continue;
		}
		for (size_t k = first; k < end; k++)
			if (!i->sampling.crossed[k].looked && all[k].start)
				addr[k] = all[k].start + CHUNK_HEADER;
	}
	for (size_t k = 0; addr && chunks && k < n; k++)
		if (addr[k])
			chunks[found++].addr = addr[k];
	if (found && !signatures_read(&mem, files, nfiles, chunks, found))
		for (size_t k = n; k-- > 0;)
			if (addr[k]) {
				found--;
				sampling_peek_crossing(&i->sampling, k, &all[k], chunks[found].addr,
						       chunks[found].size, chunks[found].signature,
						       chunks[found].content);
			}
	free(addr);
	free(points);
	free(chunks);
}

/* Blocks that came in windows, and those for which the heap grew, before much of that is gone
 * again. */
void inspection_peek(struct inspection *i, struct drain *d, const struct modules *modules)
{
	struct drain_seen seen = {.leave = i->leave, .arg = i->leave_arg, .crossed = i->crossed};
	struct signature_range *files = NULL;
	size_t n = 0, nfiles = 0;
	struct block *fresh;

	/* As it was at the last look. */
	i->sampling.top_pad = i->explain.mmap_threshold ? i->explain.top_pad : CROSSING_TOP_PAD;
	fresh = drain__fresh(d, i->id, i->execs, &n, &seen);
	if ((n || seen.crossings) && !signatures_files(modules, &files, &nfiles)) {
		if (fresh && n)
			peek_glimpsed(i, fresh, n, files, nfiles, &seen);
		if (fresh && n)
			peek_at(i, fresh, n, files, nfiles, &seen, true);
		if (seen.crossings &&
		    !sampling_keep_crossings(&i->sampling, seen.crossings, seen.ncrossings))
			find_crossings(i, files, nfiles, seen.crossings, seen.ncrossings);
		i->crossed = seen.crossed;
	}
	free(seen.spans);
	free(seen.crossings);
	free(files);
	free(fresh);
}
