/* SPDX-License-Identifier: GPL-2.0 */
/*
 * jemalloc.h: what jemalloc says of itself, read from outside while the process runs.
 *
 * The counters that mallctl("stats.*") sums at each epoch, from where each arena keeps them:
 * nothing is stale, no epoch is needed, but they are read one after the other, without the arenas'
 * locks.  They are read twice; `steady` says that nothing moved in between.  Layouts are those of
 * jemalloc 5.3.0 on x86-64 with its default configuration, as Debian builds it.  Which build it is
 * must be certain: by its build-id, or by its symbols and its version.  Then what is read must fit:
 * its table of size classes, each arena's number in three places, blocks that have room in slabs.
 */
#ifndef INSPECT_JEMALLOC_H
#define INSPECT_JEMALLOC_H

#include <stdbool.h>
#include <stdint.h>

#include "inspect/memory.h"

struct allocator_ranges;
struct modules;
struct pagemap;

struct jemalloc {
	struct memory mem;
	/* Run-time addresses of je_arenas, je_bin_infos and je_arena_emap_global. */
	uint64_t arenas, bin_infos, emap;
};

/* Bytes, summed over its arenas; in its names for them. */
struct jemalloc_state {
	uint64_t in_use;   /* stats.allocated: blocks, rounded up, those in threads' caches too */
	uint64_t active;   /* stats.active: pages with blocks */
	uint64_t dirty;	   /* free pages that were not given back */
	uint64_t muzzy;	   /* free pages that the kernel may take, and may not have yet */
	uint64_t metadata; /* stats.metadata */
	uint64_t resident; /* stats.resident: active, dirty and its own, if all was touched */
	uint64_t system;   /* stats.mapped: what it has from the kernel and has not given back */
	uint64_t calls;	   /* blocks that arenas gave and took back, ever: tells that it moved */
	uint64_t narenas;
	bool steady;
};

/*
 * 0; -ENODATA where there is no such heap at these addresses (not as it was built for Debian, or
 * not begun to allocate); -EAGAIN where it moved so fast that its parts did not add up; -EFAULT,
 * -ESRCH, -EPERM, -ENOMEM.
 */
int jemalloc_read(const struct jemalloc *j, struct jemalloc_state *out);

/* Add the memory that it has: extents with blocks, free ones, and of its own structures.  Where
 * jemalloc_read has found it.  0, or as allocator_ranges_read. */
int jemalloc_ranges(const struct jemalloc *j, struct pagemap *pages, struct allocator_ranges *out);

/*
 * Where it is in the process pid, whose mappings are m: in a library by that name, then in the
 * program.  0; -ENOENT (no file has it), -ENODATA (a build whose layout is not known), -EACCES,
 * -ESRCH, ... as open has them.
 */
int jemalloc_locate(pid_t pid, const struct modules *m, struct jemalloc *out);

/* The size of the i-th of its classes, i < JEMALLOC_CLASSES: include/jemalloc/internal/sc.h. */
#define JEMALLOC_CLASSES 232 /* SC_NSIZES */
uint64_t jemalloc_class(unsigned int i);

#endif
