/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tcmalloc.h: what gperftools' tcmalloc says of itself, read from outside while the process runs.
 *
 * Its own counters, which it keeps up to date with every call: nothing is stale, but they are read
 * one after the other, without its locks.  They are read twice; `steady` says that nothing moved in
 * between.  Layouts are those of gperftools 2.10 on x86-64, and what is read must fit them: each
 * size class's free list says its own number, sizes ascend, lists are linked both ways.
 */
#ifndef INSPECT_TCMALLOC_H
#define INSPECT_TCMALLOC_H

#include <stdbool.h>
#include <stdint.h>

#include "inspect/memory.h"

struct allocator_ranges;
struct modules;
struct pagemap;

struct tcmalloc {
	struct memory mem;
	/* Run-time addresses of tcmalloc::Static::pageheap_lock_ and
	 * tcmalloc::ThreadCache::thread_heaps_. */
	uint64_t lock, thread_heaps;
};

/* Bytes; its names for them, as MallocExtension::GetNumericProperty has them. */
struct tcmalloc_state {
	uint64_t system;	/* generic.heap_size: from brk and mmap, ever */
	uint64_t unmapped;	/* tcmalloc.pageheap_unmapped_bytes: of those given back */
	uint64_t page_free;	/* tcmalloc.pageheap_free_bytes */
	uint64_t central_free;	/* tcmalloc.central_cache_free_bytes */
	uint64_t transfer_free; /* tcmalloc.transfer_cache_free_bytes */
	uint64_t thread_free;	/* tcmalloc.thread_cache_free_bytes */
	uint64_t in_use;	/* generic.current_allocated_bytes: system less all of these */
	uint64_t threads;	/* that have a cache */
	bool steady;
};

/*
 * 0; -ENODATA where there is no such heap at these addresses (not this version, or not begun to
 * allocate); -EAGAIN where it moved so fast that its parts did not add up; -EFAULT, -ESRCH, -EPERM.
 */
int tcmalloc_read(const struct tcmalloc *t, struct tcmalloc_state *out);

/* Add the memory of its spans, in use or free: what it holds but for its own structures.  Where
 * tcmalloc_read has found it.  0, or as allocator_ranges_read. */
int tcmalloc_ranges(const struct tcmalloc *t, struct pagemap *pages, struct allocator_ranges *out);

/*
 * Where it is in the process pid, whose mappings are m: in a library by that name, then in the
 * program.  0; -ENOENT (no file has its symbols), -EACCES, -ESRCH, ... as open has them.
 */
int tcmalloc_locate(pid_t pid, const struct modules *m, struct tcmalloc *out);

#endif
