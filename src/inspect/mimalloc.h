/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mimalloc.h: what mimalloc's segments say of themselves, read from outside while the process runs.
 *
 * There is no total to read: each segment's header counts the blocks in use of each of its pages,
 * and blocks that another thread freed stand on lists until their owner looks.  So every segment is
 * looked for (at multiples of 32 MiB, by its cookie), and the lists are followed; one that moves
 * too fast is left out, and its blocks are counted as in use.  Nothing is stale; it is read twice,
 * and `steady` says that nothing moved in between.  Layouts are those of mimalloc 2.0.9 on 64-bit
 * machines, without its secure and debug modes; others do not fit and are refused.
 */
#ifndef INSPECT_MIMALLOC_H
#define INSPECT_MIMALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inspect/allocator_ranges.h"
#include "inspect/memory.h"

struct modules;

struct mimalloc {
	struct memory mem;
	uint64_t heap_main; /* run-time address of _mi_heap_main */
	/* Of private anonymous memory that can be read and written: where segments may be. */
	struct allocator_ranges ranges;
};

struct mimalloc_state {
	uint64_t system;      /* committed, of segments: blocks, free blocks, and headers */
	uint64_t reserved;    /* their address space */
	uint64_t in_use;      /* blocks' bytes, rounded up to their size class */
	uint64_t thread_free; /* freed by another thread, not taken back yet: not in in_use */
	uint64_t segments;
	bool steady;
};

/*
 * Look for _mi_heap_main within one range of a file's initialised data: its table of size classes
 * stands in it.  0; -ENOENT (not there), -ENODATA (more than one, or a process that has not
 * allocated yet), or what reading gave.
 */
int mimalloc_find(const struct memory *m, const struct allocator_range *r, uint64_t *heap_main);

/* 0; -ENODATA (no such heap), -EAGAIN (it moved so fast that its parts did not fit), -E2BIG (more
 * than it is worth to follow), -ENOMEM, -ESRCH, -EPERM. */
int mimalloc_read(const struct mimalloc *m, struct mimalloc_state *out);

/* Add the memory of its segments.  As mimalloc_read. */
int mimalloc_ranges(const struct mimalloc *m, struct allocator_ranges *out);

/* Find it in the process pid, whose mappings are m: heap_main, no ranges yet.  0, -ENOENT (there is
 * none), -ENODATA, ... */
int mimalloc_locate(pid_t pid, const struct modules *m, struct mimalloc *out);
/* The ranges, which are those of now: again where mappings have changed.  0, -ENOMEM. */
int mimalloc_survey(struct mimalloc *mi, const struct modules *m);
void mimalloc_release(struct mimalloc *m);

#endif
