/* SPDX-License-Identifier: GPL-2.0 */
/*
 * report.h: what a view sees.  Plain data, finished when a view gets it, never changed after.
 * All strings and arrays belong to the report.  Bytes are bytes; 0 is a value, not "unknown".
 */
#ifndef MODEL_REPORT_H
#define MODEL_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum report_kind {
	REPORT_HEAP, /* blocks of malloc and its kin */
	REPORT_MAP,  /* anonymous memory from mmap, mremap and brk that no allocator asked for */
};

/* One frame of a callsite.  An unknown string is NULL, an unknown line is 0. */
struct report_frame {
	const char *function; /* demangled */
	const char *file;
	uint32_t line;
	const char *module; /* path in the target's mount namespace, or "[vdso]", "[jit]" */
	uint64_t offset;    /* in the module's file */
	uint64_t pc;	    /* as it was on the stack */
};

struct report_site {
	enum report_kind kind;
	uint64_t bytes;		  /* outstanding now */
	uint64_t blocks;	  /* outstanding now; for REPORT_MAP: mappings */
	uint64_t allocated_bytes; /* since the attach, the freed ones included */
	uint64_t allocated_blocks;
	bool truncated; /* the stack goes on above its last frame */
	size_t nframes;
	const struct report_frame *frames; /* leaf first */
};

struct report_process {
	uint32_t pid;
	uint64_t start_time; /* clock ticks since boot: field 22 of /proc/PID/stat */
	const char *comm;
	const char *exe;
	bool exited;
	const char *allocator;	   /* e.g. "glibc 2.36", "jemalloc"; never NULL */
	const char *user_probes;   /* "session", "uprobe_multi", "perf_event", "none" */
	const char *kernel_probes; /* "fentry", "kprobe", "tracepoint", "none" */
	const char *mode;	   /* "exact", or "degraded" after a loss */
	uint64_t rss_bytes;
	uint64_t shared_bytes; /* of RSS: file-backed and shmem, field 3 of statm */
	uint64_t outstanding_bytes;
	uint64_t outstanding_blocks;
	uint64_t older_freed_bytes;	 /* known sizes only: realloc and munmap of older memory */
	uint64_t older_freed_blocks;	 /* frees of blocks older than the attach */
	uint64_t mapped_bytes;		 /* sum of the REPORT_MAP sites */
	uint64_t mapped_reserved_bytes;	 /* PROT_NONE address space made since the attach */
	uint64_t mapped_allocator_bytes; /* what the allocator mapped for itself since the attach */
	uint64_t mapped_older_bytes; /* anonymous mappings from before the attach, still there */
	uint64_t advised_bytes;	     /* given back by madvise since the attach */
	uint64_t unexplained_bytes;  /* RSS - shared that neither outstanding nor mapped covers */
	uint64_t events;	     /* records decoded */
	uint64_t lost_events;	     /* records that found the ring full, and calls not followed */
	uint64_t probe_hits;
	size_t nsites;			 /* at most --top of them */
	const struct report_site *sites; /* by bytes, largest first */
	size_t sites_total;		 /* before --top and --min-size */
	uint64_t hidden_bytes;		 /* in the sites not shown */
};

struct report {
	uint64_t time_ns;    /* CLOCK_REALTIME */
	uint64_t elapsed_ns; /* since the attach */
	bool last;	     /* no other follows */
	size_t nprocesses;
	const struct report_process *processes;
};

#endif
