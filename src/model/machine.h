/* SPDX-License-Identifier: GPL-2.0 */
/*
 * machine.h: the whole machine at one instant, as far as it can be known without a probe in
 * anybody's allocator: what the system-wide views (top, its batch form, the exporter) see.  Plain
 * data, finished when a view gets it, never changed after.  All strings and arrays belong to it; an
 * unknown string is "".  Bytes are bytes; what may be unknown says so beside it.
 */
#ifndef MODEL_MACHINE_H
#define MODEL_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How good a figure is. */
enum machine_quality {
	MACHINE_UNKNOWN,
	MACHINE_ESTIMATED, /* a limit, or counted while the heap changed, or some time ago */
	MACHINE_EXACT,	   /* nothing changed while it was counted */
};

/* malloc's own account of a process, read from outside. */
struct machine_heap {
	/* Of system, top and mmapped: MACHINE_UNKNOWN where the allocator is none that is read, may
	 * not be read, or was not looked at yet; and where it is glibc's, which holds nothing. */
	enum machine_quality held;
	uint64_t system;  /* what all arenas have from the kernel */
	uint64_t top;	  /* of it: free at the arenas' ends */
	uint64_t mmapped; /* blocks that have a mapping each; not in system */
	uint32_t arenas;
	/*
	 * Of in_use and free.  EXACT: all free chunks were counted.  ESTIMATED: there was no such
	 * count, and in_use is its upper bound, system - top + mmapped; or there was one age_ns
	 * ago, and what the arenas grew by since is taken as in use.
	 */
	enum machine_quality quality;
	uint64_t in_use; /* mmapped included */
	uint64_t free;	 /* system + mmapped - in_use */
	/* Of free_resident: of free, what is in resident pages.  Thread caches count as in use, as
	 * malloc_info(3) has it. */
	enum machine_quality resident;
	uint64_t free_resident;
	uint64_t age_ns; /* since the last count of free chunks; UINT64_MAX: there was none */
};

/* What the kernel-side probes saw of a process since the start, or since it was first seen. */
struct machine_events {
	uint64_t brks, mmaps, munmaps;		 /* calls that succeeded */
	uint64_t mapped_bytes, unmapped_bytes;	 /* anonymous memory by mmap; all by munmap */
	double brk_rate, mmap_rate, munmap_rate; /* calls per second, over the last tick */
};

enum machine_flag {
	MACHINE_KERNEL_THREAD = 1 << 0, /* has no memory of its own */
	MACHINE_UNREADABLE = 1 << 1,	/* its heap may not be read: another user's */
	MACHINE_WATCHED = 1 << 2,	/* has probes in its allocator */
	MACHINE_ZOMBIE = 1 << 3,	/* has ended, and its parent does not know yet */
	MACHINE_NEW = 1 << 4,		/* was not there at the last tick */
	MACHINE_CONTAINER = 1 << 5,	/* unit is the name of a container */
};

struct machine_process {
	uint32_t pid, ppid;  /* keyed by pid and start_time: pids are used again */
	uint64_t start_time; /* clock ticks since boot: field 22 of /proc/PID/stat */
	uint32_t uid;	     /* effective */
	uint32_t threads;
	uint32_t flags; /* of enum machine_flag */
	char state;	/* R S D Z T I ... */
	/* As their owners wrote them: untrusted bytes, but no control characters and no invalid
	 * UTF-8 any more. */
	const char *user, *comm;
	const char *cmdline;   /* arguments with blanks between; "" for kernel threads */
	const char *exe;       /* path in its own mount namespace; "" where it may not be read */
	const char *cgroup;    /* path in the unified hierarchy, or of the memory controller */
	const char *unit;      /* "nginx.service", "docker 0123456789ab"; "" outside of any */
	const char *allocator; /* "glibc 2.36", "jemalloc", "musl", "go"; "" while unknown */

	uint64_t rss;	 /* field 2 of statm */
	uint64_t shared; /* of rss: files and shared memory, field 3 */
	uint64_t swap;	 /* VmSwap, up to some ticks old */
	bool has_pss;
	uint64_t pss;		   /* of smaps_rollup, where sampler__show asked for it */
	uint64_t mapped_otherwise; /* private resident memory that malloc does not hold: estimated,
				      and at least, beside another malloc than glibc's.  0 where
				      heap.held is unknown */
	struct machine_heap heap;

	bool has_growth; /* it was seen for ten seconds at least */
	int64_t growth;	 /* of rss, bytes per minute, over the last minute or as long as known */

	bool has_events; /* the kernel-side probes are there */
	struct machine_events events;
	/* The mapping callsite whose outstanding bytes grew most since the start, innermost
	 * function that is not libc's first; "" where none grew, or no name is known yet. */
	const char *callsite;
	uint64_t callsite_bytes; /* that it holds */
};

struct machine {
	uint64_t time_ns; /* CLOCK_REALTIME */
	uint64_t now_ns;  /* CLOCK_MONOTONIC */
	uint64_t tick;	  /* 1, 2, ... */
	uint64_t took_ns; /* that the sampler needed for this one */

	/* /proc/meminfo, bytes */
	struct machine_memory {
		uint64_t total, free, available, buffers, cached;
		uint64_t swap_total, swap_free;
		uint64_t anon, mapped, shmem, slab; /* AnonPages, Mapped, Shmem, Slab */
	} memory;
	double load[3];
	double uptime; /* seconds */

	/* Each page once: AnonPages + Mapped. */
	uint64_t held;
	/* Sums over processes[]: rss_sum counts a page once for each process that has it. */
	uint64_t rss_sum, swap_sum;
	uint64_t heap_system_sum, heap_in_use_sum, heap_free_sum; /* where they are known */
	uint32_t heaps_known;	/* processes of which heap.held is known */
	uint32_t heaps_pending; /* ... that were not looked at yet */
	uint32_t heaps_denied;	/* ... that may not be read */
	uint32_t kernel_threads, threads, running, watched;
	bool hidden; /* /proc is mounted with hidepid, or so it seems: others' processes lack */

	/* heapwatch itself */
	struct machine_self {
		uint64_t cpu_ns; /* since its start, all threads */
		double cpu;	 /* of one core, over the last tick: 0.01 is 1 % */
		uint64_t rss;
	} self;

	const char *events;	   /* "fentry", "kprobe", "tracepoint"; "" without */
	const char *events_reason; /* why they are missing, or "" */

	size_t nprocesses;
	const struct machine_process *processes; /* by pid, kernel threads included */

	/* The last minutes of the process that sampler__show named as focus, oldest first, one each
	 * history_step_ns; 0 in heap_history where it was not known. */
	uint32_t focus_pid;
	uint64_t history_step_ns;
	size_t nhistory;
	const uint64_t *rss_history, *heap_history;
};

#endif
