/* SPDX-License-Identifier: GPL-2.0 */
/*
 * glibc.h: what glibc's malloc says of itself, read from outside while the process runs.
 *
 * Two depths.  The cheap one reads each arena's header and its top chunk: always safe, for the
 * fields are single words.  The full one also follows the fastbins' lists and steps through the
 * heap chunk by chunk; a process that allocates meanwhile tears that walk, so every step is
 * checked, retried, and what cannot be told is said to be unknown: see enum glibc_confidence.
 */
#ifndef INSPECT_GLIBC_H
#define INSPECT_GLIBC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inspect/glibc_layout.h"
#include "inspect/memory.h"

struct pagemap;

struct glibc {
	struct memory mem;
	const struct glibc_layout *layout;
	uint64_t main_arena, par; /* run-time addresses */
	/* No heap of this process can have more bytes: what claims to be larger is none.  It bounds
	 * the work that a hostile heap makes.  0: nothing is known. */
	uint64_t limit;
};

enum glibc_confidence {
	GLIBC_UNKNOWN,	 /* free chunks could not be counted: only system and top hold */
	GLIBC_ESTIMATED, /* counted while the heap changed */
	GLIBC_EXACT,	 /* counted while nothing changed */
};

struct glibc_arena {
	uint64_t addr;
	bool main;
	uint64_t attached; /* threads */
	uint64_t system, max_system;
	uint64_t top_addr, top_bytes;

	/* The full walk; chunk bytes, headers included. */
	enum glibc_confidence confidence;
	/* Each chunk was shown to the visitor.  False where the sums are of the lists only: the
	 * heap tore, or has memory that is not in one piece (somebody else's sbrk). */
	bool walked;
	uint64_t fast_bytes, fast_chunks;
	uint64_t bin_bytes, bin_chunks;	      /* small, large and unsorted; without top */
	uint64_t tcache_bytes, tcache_chunks; /* free to the program, in use to malloc_info(3) */
	/* system - top - fast - bins: what malloc_info(3) would call in use */
	uint64_t in_use;
	uint64_t free_resident; /* of top, bins, fast and tcache: in resident pages */
	uint64_t
	    trimmable; /* of those: whole resident pages, which malloc_trim(0) would give back */
};

#define GLIBC_ARENAS_MAX 4096

struct glibc_state {
	struct glibc_arena *arenas; /* main first, then in the order of their list */
	size_t narenas;
	bool more; /* the list did not come back to main_arena: hostile, or torn */
	uint64_t mmapped_bytes, max_mmapped_bytes, mmapped_blocks; /* blocks with a mapping each */
	struct glibc_sums {
		uint64_t system, top, fast, bins, tcache, in_use, free_resident, trimmable;
	} sum;
	enum glibc_confidence confidence; /* the worst arena's */
};

/*
 * The cheap reading.  0; -ESRCH, -EPERM, -EFAULT; -ENODATA where there is no plausible main_arena
 * (malloc was not called yet, or these addresses are wrong).  Fields of the full walk are 0, and
 * in_use is system - top: an upper bound.  glibc_state_free even after a failure.
 */
int glibc_poll(const struct glibc *g, struct glibc_state *out);

/* One chunk of a heap, in the order of their addresses. */
enum glibc_chunk_kind { GLIBC_IN_USE, GLIBC_BINNED, GLIBC_FAST, GLIBC_TCACHE, GLIBC_TOP };
struct glibc_chunk {
	uint64_t addr; /* of its header; the block that malloc returned is at addr + 16 */
	uint64_t size; /* header included */
	enum glibc_chunk_kind kind;
	uint32_t signature; /* signature.h; 0: none, or not asked for */
};

struct signature_range;

struct glibc_visitor {
	/* Of chunks in use that a thread's cache can hold the signatures are to be told: by these.
	 */
	const struct signature_range *files;
	size_t nfiles;
	/* Pages of a heap, before its chunks: states[i] is that of page start + i. */
	void (*region)(void *arg, uint64_t start, uint64_t npages, const uint8_t *states);
	/* Each chunk once; one that spans heaps does not exist. */
	void (*chunk)(void *arg, const struct glibc_chunk *c);
	void *arg;
};

/*
 * The full walk, into a state that glibc_poll made; v may be NULL.  Reads resident pages only: it
 * changes nothing in the target, what is swapped stays swapped.  budget_ns: not longer than about
 * this (0: no limit).  Returns 0 (look at the confidence), -ETIMEDOUT, -ENOMEM, -ESRCH, -EPERM.
 */
int glibc_walk(const struct glibc *g, struct pagemap *pages, uint64_t budget_ns,
	       const struct glibc_visitor *v, struct glibc_state *state);

void glibc_state_free(struct glibc_state *s);

/* The program's heap in the main arena, [start, end of top), or of the heaps of another arena:
 * calls fn for each range.  For telling malloc's mappings from others. */
int glibc_regions(const struct glibc *g, const struct glibc_arena *a,
		  int (*fn)(void *arg, uint64_t start, uint64_t end, uint64_t first_chunk),
		  void *arg);

#endif
