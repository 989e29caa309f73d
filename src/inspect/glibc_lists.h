/* SPDX-License-Identifier: GPL-2.0 */
/* glibc_lists.h: free chunks by their linked lists: fastbins, bins, tcache.  Private to glibc_*.c.
 */
#ifndef INSPECT_GLIBC_LISTS_H
#define INSPECT_GLIBC_LISTS_H

#include <stdint.h>

#include "inspect/glibc.h"

#define GLIBC_SIZE_BITS 7ull /* PREV_INUSE, IS_MMAPPED, NON_MAIN_ARENA */
#define GLIBC_MIN_CHUNK 32ull

/* Chunks, in the order of their addresses once sorted; at most `max` (0: no limit). */
struct glibc_chunks {
	struct glibc_chunk *v;
	size_t n, room;
};

int glibc_chunks_add(struct glibc_chunks *c, uint64_t addr, uint64_t size,
		     enum glibc_chunk_kind kind);
void glibc_chunks_sort(struct glibc_chunks *c);
/* The chunk at addr, or NULL; sorted before. */
const struct glibc_chunk *glibc_chunks_find(const struct glibc_chunks *c, uint64_t addr);

/*
 * Append the arena's fastbins, or its bins, as state (read from a->addr) has their heads.
 * 0; -EAGAIN (the list tore: nothing of the torn bin is appended), -ETIMEDOUT (later than
 * deadline_ns of CLOCK_MONOTONIC; 0: none), -ENOMEM, -ESRCH, -EPERM.
 */
int glibc_fastbins(const struct glibc *g, const struct glibc_arena *a, const void *state,
		   uint64_t deadline_ns, struct glibc_chunks *out);
int glibc_bins(const struct glibc *g, const struct glibc_arena *a, const void *state,
	       uint64_t deadline_ns, struct glibc_chunks *out);

/*
 * If `content` (layout->tcache_size bytes from behind a chunk's header) is a thread's cache, append
 * what it holds and return how many; 0: it is none, or is empty; -ENOMEM.  *room: how many entries
 * may be looked at yet, in all: a hostile heap can look like a million caches of lists without end.
 */
int glibc_tcache(const struct glibc *g, const void *content, size_t *room,
		 struct glibc_chunks *out);

/* Read a->addr's arena anew; the full walk's fields become 0.  0, -ENODATA (implausible), ... */
int glibc_arena_read(const struct glibc *g, struct glibc_arena *a);

#endif
