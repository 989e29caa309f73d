/* SPDX-License-Identifier: GPL-2.0 */
/*
 * report.h: what a view sees.  Plain data, finished when a view gets it, never changed after.
 * All strings and arrays belong to the report (report_copy.c copies them: a new one goes there
 * too).  Bytes are bytes; 0 is a value, not "unknown".
 */
#ifndef MODEL_REPORT_H
#define MODEL_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum report_kind {
	REPORT_HEAP, /* blocks of malloc and its kin */
	REPORT_MAP,  /* anonymous memory from mmap, mremap and brk that no allocator asked for */
};

/* One frame of a callsite.  An unknown string is NULL, an unknown line is 0. */
struct report_frame {
	const char *function; /* demangled */
	const char *file;
	uint32_t line;
	const char *module; /* path in the target's mount namespace, or "[vdso]", "[jit]",
			       "[python]" for a function of Python */
	uint64_t offset;    /* in the module's file; in a Python function's bytecode */
	uint64_t pc;	    /* as it was on the stack; 0 for a Python function */
};

/* How fast something has grown lately: growth.h, from which the meanings are. */
struct report_growth {
	bool known;
	double per_minute, error; /* bytes, and within how much the truth is nine times in ten */
	double seconds;		  /* over so long */
	bool growing, replacing;
};

struct report_site {
	enum report_kind kind;
	uint64_t stack;		  /* its key; equal ones of one process have equal frames */
	uint64_t bytes;		  /* outstanding now */
	uint64_t blocks;	  /* outstanding now; for REPORT_MAP: mappings */
	uint64_t allocated_bytes; /* since the attach, the freed ones included */
	uint64_t allocated_blocks;
	bool truncated; /* the stack goes on above its last frame */
	size_t nframes;
	const struct report_frame *frames; /* leaf first */
	/* Why it is truncated, in a few words, or why frames of Python are missing; or NULL. */
	const char *reason;
	/* From samples: bytes is the likeliest, and nine times in ten they are between these two;
	 * else both are bytes. */
	bool estimated;
	uint64_t low, high;
	struct report_growth growth;
};

/* One arena of glibc's malloc; bytes. */
struct report_arena {
	uint64_t address;
	bool main;
	uint64_t threads; /* attached to it */
	uint64_t system, max_system, in_use, free, resident_free, trimmable;
	const char *confidence;
};

/* What the allocator says of itself, read from outside. */
struct report_allocator {
	const char *name;    /* "glibc", "jemalloc", "jemalloc + glibc 2.36", "none found" */
	const char *version; /* "2.36", or NULL */
	/* Where none was found: the files that were looked through; else NULL. */
	const char *searched;
	bool told; /* the figures below are known */
	/* "exact": nothing changed while they were counted; "estimated"; "unknown": system_bytes
	 * and mmapped_bytes hold, in_use_bytes is only a limit. */
	const char *confidence;
	uint64_t system_bytes;	      /* of all arenas */
	uint64_t in_use_bytes;	      /* as malloc_info(3) counts, mmapped blocks left out */
	uint64_t free_bytes;	      /* system - in use */
	uint64_t tcache_bytes;	      /* of in_use_bytes: free, but in a thread's cache */
	uint64_t resident_free_bytes; /* free memory in resident pages, thread caches included */
	uint64_t trimmable_bytes;     /* what malloc_trim(0) would give back */
	uint64_t mmapped_bytes, mmapped_blocks; /* blocks with a mapping of their own */
	size_t narenas;
	const struct report_arena *arenas;
	/* Of an allocator other than glibc's, all of its memory.  own_quality NULL: nothing is
	 * known; "exact", "estimated": by its own counters, as of now; "ledger": what it was seen
	 * to map and what was seen to be outstanding, since the attach or the start. */
	const char *own_name, *own_quality;
	uint64_t own_held_bytes, own_in_use_bytes;
};

/* What all allocators of the process hold, and of this is in use, where that is known of any. */
static inline bool report_heap_known(const struct report_allocator *a)
{
	return a->told || a->own_quality;
}

static inline uint64_t report_held(const struct report_allocator *a)
{
	return (a->told ? a->system_bytes + a->mmapped_bytes : 0) + a->own_held_bytes;
}

/* Without that, how much is in use is only known to have a limit. */
static inline bool report_in_use_known(const struct report_allocator *a)
{
	return report_heap_known(a) && (!a->told || strcmp(a->confidence, "unknown") != 0);
}

static inline uint64_t report_in_use(const struct report_allocator *a)
{
	return (a->told ? a->in_use_bytes + a->mmapped_bytes : 0) + a->own_in_use_bytes;
}

/* A line of the waterfall; all of them sum to RSS. */
struct report_line {
	const char *what;
	int64_t bytes; /* resident; below 0 only in "unexplained": counted more than RSS says */
	const char *quality; /* "exact", "estimated", "degraded" */
};

/* Whose live blocks keep mostly free pages resident. */
struct report_pinned {
	uint64_t bytes, pages;
	const char
	    *blocks; /* "live blocks of up to 96 bytes" where no callsite is known, else NULL */
	size_t nframes;
	const struct report_frame *frames;
};

struct report_advice {
	const char *what;
	uint64_t gives_back_bytes; /* at most */
	const char *how;
};

/* Stacks that are not whole, by the reason. */
#define REPORT_CUTS 7
struct report_cut {
	const char *reason;
	uint64_t stacks, allocated_blocks; /* allocated there since the attach */
};

struct report_process {
	uint32_t pid;
	uint32_t ppid;	     /* of its parent, where that is in the report too; else 0 */
	uint64_t start_time; /* clock ticks since boot: field 22 of /proc/PID/stat */
	const char *comm;
	const char *exe;
	bool exited;
	uint32_t status; /* of one that has ended and whose end was seen, as wait(2) gives it */
	/* "attach": it ran already; "start": from its first instruction on; "fork": likewise, with
	 * its parent's blocks; "late": its probes were in place only late_ns after its fork or exec
	 * (what it did before that is as before an attach), or, where that is its whole life, never
	 * ("degraded"); "unknown": its fork was lost; "never":
	 * a 32-bit program, on which no probe is put. */
	const char *seen_from;
	uint64_t late_ns;
	uint64_t began_ns, ended_ns; /* since the attach of the session; ended_ns 0: it runs */
	uint64_t unfollowed;	     /* children that could not be followed: --max-processes */
	uint64_t peak_rss_bytes; /* the highest that was seen, or that the kernel told at its end */
	uint64_t pss_bytes;	 /* at the tree's peak; 0: not read */
	/* "session", "uprobe_multi", "perf_event"; "none"; "unsafe": none, for here one could kill
	 * (CVE-2025-21834). */
	const char *user_probes;
	const char *kernel_probes; /* "fentry", "kprobe", "tracepoint", "none" */
	/* What of malloc is seen now: "exact", "degraded" (the same, after a loss), "large",
	 * "sampled", "passive" (nothing; model/budget.h). */
	const char *mode;
	/* NULL: nothing of malloc's blocks is estimated.  "fresh": they are, with what the last
	 * look at the heap found; "stale": that looked at less than all of it, as the heap changed
	 * under it, so they are of an earlier one; "missing": no look has seen all of it yet, or
	 * there is none at this allocator's, so blocks are those that were seen come and not go. */
	const char *estimates;
	double estimates_older; /* seconds that it was before the last one (inspection_age) */
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
	uint64_t unexplained_bytes;  /* the waterfall's last line, or 0 */
	uint64_t events;	     /* records decoded */
	uint64_t lost_events;	     /* records that found the ring full, and calls not followed */
	uint64_t probe_hits;
	uint64_t repaired_blocks; /* taken off the ledger since the heap says that they are free */
	struct report_allocator allocator;
	double inspection_age;	/* seconds since what follows was looked at */
	double inspection_time; /* seconds that the looking took */
	size_t nlines;		/* 0: the process ended before it could be looked at */
	const struct report_line *waterfall;
	size_t npinned;
	const struct report_pinned *pinned;	  /* by bytes, largest first */
	uint64_t sparse_pages, sparse_free_bytes; /* resident pages that are at least half free */
	size_t nadvice;
	const struct report_advice *advice;
	uint64_t stacks, allocated_blocks; /* all that were seen */
	size_t ncuts;
	struct report_cut cuts[REPORT_CUTS];
	size_t nsites;			 /* at most --top of them */
	const struct report_site *sites; /* by bytes, largest first */
	size_t sites_total;		 /* before --top and --min-size */
	uint64_t hidden_bytes;		 /* in the sites not shown */
	/* What the probes took, of the time that it ran, in the last ten seconds;
	 * and the most that it was over any ten, the first second apart. */
	double overhead_percent, overhead_worst_percent;
	uint64_t probe_ns; /* that they took in all: an estimate */
	uint64_t windows;  /* in which every call was seen, of mode "sampled" */

	struct report_growth heap_growth; /* of what malloc's blocks hold, as the allocator says */
};

/* Who held how much at the tree's peak. */
struct report_share {
	uint32_t pid;
	const char *comm;
	uint64_t private_bytes, rss_bytes;
	uint64_t pss_bytes;				      /* 0: not read */
	uint64_t outstanding_bytes, held_bytes, in_use_bytes; /* as last known then */
};

/* All processes of the report together. */
struct report_tree {
	size_t alive, ended;
	uint64_t forgotten; /* ended ones that are not in the report any more: too many; sums: */
	uint64_t forgotten_bytes, forgotten_blocks; /* outstanding at their ends */
	uint64_t forgotten_lost;		    /* their lost events */
	uint64_t rss_bytes;	/* sum: shared pages count once for each process */
	uint64_t private_bytes; /* sum of RSS minus shared; pages shared by a fork count for each */
	uint64_t outstanding_bytes, outstanding_blocks; /* of those alive */
	uint64_t held_bytes, in_use_bytes;		/* of their allocators, where known */
	/* The moment with the highest private_bytes, looked at every sample. */
	uint64_t peak_ns; /* since the attach; 0: none yet */
	uint64_t peak_private_bytes, peak_rss_bytes;
	uint64_t peak_pss_bytes; /* read soon after it; 0: not read */
	size_t nshares;
	const struct report_share *shares; /* largest first */
};

struct report {
	uint64_t time_ns;    /* CLOCK_REALTIME */
	uint64_t elapsed_ns; /* since the attach */
	bool last;	     /* no other follows */
	struct report_tree tree;
	size_t nprocesses;
	const struct report_process *processes;
};

/* Over so many seconds growth is known, at most; 0: not. */
double report_growth_seconds(const struct report_process *p);

/* What there is to say of the look that its estimates are of: "" where that is nothing.  True where
 * it is a warning. */
bool report_estimates(const struct report_process *p, char *line, size_t size);

#endif
