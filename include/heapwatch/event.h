/* SPDX-License-Identifier: GPL-2.0 */
/*
 * event.h: the records that the BPF programs write and the daemon reads, both sides including
 * this one file.  Fixed-width types, explicit padding, kinds are only ever appended.
 *
 * Order.  One process's events are in one ring.  A free is written at the entry of free, an
 * allocation at the return of malloc, so a re-used address can never appear out of order.  What
 * takes memory away and may fail, or takes it away before its return can be written (realloc,
 * munmap, mremap), is two records: what is at risk at entry, the outcome at return.
 */
#ifndef HEAPWATCH_EVENT_H
#define HEAPWATCH_EVENT_H

#include <linux/types.h>

#include "heapwatch/limits.h"

enum hw_kind {
	HW_STACK = 1,	   /* struct hw_stack: once per distinct stack, before its first use */
	HW_ALLOC,	   /* struct hw_alloc: a block was returned */
	HW_FREE,	   /* struct hw_free: a block is about to be freed */
	HW_REALLOC_BEGIN,  /* struct hw_realloc_begin: the old block is at risk */
	HW_REALLOC_END,	   /* struct hw_realloc_end: it moved, grew, was freed, or is still there */
	HW_VM_MAP,	   /* struct hw_vm_map: mmap returned a mapping */
	HW_VM_UNMAP,	   /* struct hw_vm_range: munmap is about to remove a range */
	HW_VM_UNMAP_FAIL,  /* struct hw_vm_range: ... but the kernel refused */
	HW_VM_BRK,	   /* struct hw_vm_brk: the program break is now here */
	HW_VM_REMAP_BEGIN, /* struct hw_vm_range: mremap may move this range away */
	HW_VM_REMAP_END,   /* struct hw_vm_remap: where it is now */
	HW_VM_ADVISE,	   /* struct hw_vm_advise: madvise gave pages back */
	HW_PROC_EXEC,	   /* struct hw_proc_exec: a new program, an empty address space */
	HW_PROC_EXIT,	   /* struct hw_proc_exit: the whole process is gone */
	HW_LEVEL,	   /* struct hw_level: from here on this is what is seen */
	HW_CODE,	   /* struct hw_code: a code object of Python that stacks name */
	HW_PROC_FORK,	   /* struct hw_proc_fork: it has a child, which is watched from here on */
	HW_MODULE,	   /* struct hw_module: a file's code was mapped */
	HW_HEAP_TOUCH, /* struct hw_heap_touch: a block reaches into memory that was not there */
	HW_REQUEST,    /* struct hw_request: a large block is asked for, and will be somewhere */
	HW_KIND_END,
};

/* Flags of struct hw_stack: why the walk ended before the first frame of the thread. */
#define HW_STACK_FULL	 (1 << 0) /* HW_MAX_FRAMES reached */
#define HW_STACK_NOFRAME (1 << 1) /* the frame-pointer chain broke */
#define HW_STACK_FAULT	 (1 << 2) /* user memory could not be read */
#define HW_STACK_NOCODE	 (1 << 3) /* no module has this pc: one not known yet, or a wrong turn */
#define HW_STACK_NORULE	 (1 << 4) /* no rule for this pc, and no frame pointer either */
#define HW_STACK_EARLY	 (1 << 5) /* no tables yet: by frame pointers, with frames left out */
/* ... and what is no end of the walk: */
#define HW_STACK_NOPYTHON (1 << 6) /* frames of the interpreter could not be read */
#define HW_STACK_FLAGS	  7	   /* how many there are */
#define HW_STACK_ENDED	  0x3f	   /* any of those that end a walk */

/* Flags of struct hw_vm_map, hw_vm_brk and hw_vm_remap. */
#define HW_VM_IN_ALLOC	(1 << 0) /* asked for inside an allocator's function */
#define HW_VM_FILE	(1 << 1) /* backed by a file */
#define HW_VM_SHARED	(1 << 2) /* MAP_SHARED */
#define HW_VM_EXEC	(1 << 3) /* PROT_EXEC: a module may have appeared */
#define HW_VM_NOACCESS	(1 << 4) /* PROT_NONE: address space, not memory */
#define HW_VM_DONTUNMAP (1 << 5) /* MREMAP_DONTUNMAP: the old range stays mapped, emptied */

struct hw_hdr {
	__u32 tgid; /* the process, in the initial pid namespace */
	__u16 kind; /* enum hw_kind */
	__u16 size; /* of the whole record, bytes */
	__u64 time; /* CLOCK_MONOTONIC, ns */
};

struct hw_stack {
	struct hw_hdr hdr;
	__u64 stack;   /* the stack's key: a hash over process, exec and frames; never 0 */
	__u16 nframes; /* pc[] that follow: 0 to HW_MAX_FRAMES */
	__u16 flags;   /* HW_STACK_* */
	__u32 pad;
	__u64 pc[]; /* leaf first.  All but an interrupted leaf are return addresses, or Python's
		       frames (python.h) */
};

#define HW_CODE_NAME 128
#define HW_CODE_FILE 256

/*
 * A code object of a Python interpreter, copied when a stack first has it, so that its frames can
 * be named when it, or its process, is long gone.  The record's size is one of a few; what lies
 * behind the sizes that are told is of no meaning.
 */
struct hw_code {
	struct hw_hdr hdr;
	__u64 code; /* its id: a hash over process, address and contents; HW_PC_CODE_MASK */
	__u32 first_line;
	__u32 table_size;
	__u16 name_size, file_size; /* bytes */
	__u8 name_kind, file_kind;  /* bytes a character: 1 (Latin-1), 2, 4 */
	__u8 minor;		    /* of the interpreter's version: how the table is written */
	__u8 cut;		    /* HW_CODE_*_CUT */
	char name[HW_CODE_NAME], file[HW_CODE_FILE];
	__u8 table[]; /* co_lnotab or co_linetable */
};

/* Flags of struct hw_code: the end of the name, the head of the file's name, the end of the table
 * is missing. */
#define HW_CODE_NAME_CUT  (1 << 0)
#define HW_CODE_FILE_CUT  (1 << 1)
#define HW_CODE_TABLE_CUT (1 << 2)

struct hw_alloc {
	struct hw_hdr hdr;
	__u64 addr;
	__u64 size; /* bytes asked for */
	__u64 stack;
};

struct hw_free {
	struct hw_hdr hdr;
	__u64 addr;
};

struct hw_realloc_begin {
	struct hw_hdr hdr;
	__u64 addr; /* the old block, never 0 */
	__u32 tid;
	__u32 pad;
};

struct hw_realloc_end {
	struct hw_hdr hdr;
	__u64 old_addr;
	__u64 addr; /* 0: failed, or freed where size is 0 */
	__u64 size;
	__u64 stack;
	__u32 tid;
	__u32 pad;
};

struct hw_vm_map {
	struct hw_hdr hdr;
	__u64 addr;
	__u64 len; /* as asked for; the kernel rounds it up to pages */
	__u64 stack;
	__u32 flags; /* HW_VM_* */
	__u32 pad;
};

struct hw_vm_range {
	struct hw_hdr hdr;
	__u64 addr;
	__u64 len;
	__u32 tid;
	__u32 pad;
};

struct hw_vm_brk {
	struct hw_hdr hdr;
	__u64 brk; /* the new end of the heap */
	__u64 stack;
	__u32 flags; /* HW_VM_IN_ALLOC */
	__u32 pad;
};

/*
 * malloc gave out a chunk of glibc's whose end is in a page that nobody had touched: what lies
 * behind a chunk is written when it is cut off.  Of some such pages, while not every call is seen.
 */
struct hw_heap_touch {
	struct hw_hdr hdr;
	__u64 start, end; /* the chunk's */
	__u64 stack;
	__u32 pages;  /* one of so many is told of; a larger chunk always */
	__u32 faults; /* of these, one of so many, whatever their size */
};

/*
 * An arena of glibc's is asked for a chunk of so many bytes, of which only large ones are told
 * (HW_FN_REQUEST).  Which one it gives is not known here.
 */
struct hw_request {
	struct hw_hdr hdr;
	__u64 chunk;
	__u64 stack;
};

struct hw_vm_remap {
	struct hw_hdr hdr;
	__u64 old_addr;
	__u64 old_len;
	__u64 addr; /* 0: mremap failed, the old range is as it was */
	__u64 len;
	__u64 stack;
	__u32 tid;
	__u32 flags; /* HW_VM_IN_ALLOC, HW_VM_DONTUNMAP */
};

struct hw_vm_advise {
	struct hw_hdr hdr;
	__u64 addr;
	__u64 len;
	__u32 advice; /* MADV_DONTNEED, MADV_FREE */
	__u32 pad;
};

#define HW_EXEC_32BIT (1 << 0) /* its addresses end below 4 GiB */

struct hw_proc_exec {
	struct hw_hdr hdr;
	__u64 start;	     /* of the process: as hw_proc_fork.start */
	__u64 max_rss_pages; /* signal->maxrss: the highest of the programs before */
	__u32 flags;	     /* HW_EXEC_* */
	__u32 pad;
	char comm[HW_COMM];
	char path[HW_EXEC_PATH]; /* as exec was given it, cut; both end with a 0 */
};

/* Where there is no /proc to look at any more, this tells what was mapped. */
struct hw_module {
	struct hw_hdr hdr;
	__u64 addr, len; /* bytes */
	__u64 offset;	 /* in the file, bytes; HW_MODULE_FIRST: of its first executable segment */
	__u64 inode;
	__u32 dev_major, dev_minor; /* as in /proc/PID/maps */
};
#define HW_MODULE_FIRST (~0ull)

/* What is still true when nothing of the process is left to look at. */
struct hw_proc_exit {
	struct hw_hdr hdr;
	__u32 status; /* as wait(2) gives it */
	__u32 pad;
	__u64 max_rss_pages; /* signal->maxrss: the highest of all programs that it was */
	/* struct hw_proc's: */
	__u64 produced, lost, broken, nothread, hits, unfollowed, stepped, returns, run_ns;
};

/* Flags of struct hw_proc_fork. */
#define HW_FORK_SHARES (1 << 0) /* CLONE_VM: it runs in its parent's memory until it execs */
#define HW_FORK_ALONE  (1 << 1) /* it is not watched, but has its parent's breakpoints */

struct hw_proc_fork {
	struct hw_hdr hdr; /* the parent, or whose memory it runs in */
	__u64 start;	   /* task->start_boottime of the child, ns */
	__u32 child;
	__u32 flags; /* HW_FORK_* */
};

/*
 * How much of malloc is seen.  Written by the daemon, through a program of its own, where nothing
 * else of the process can be under way in the ring: before probes are attached, after they are
 * detached, or, of a window's, while what they see is not told any more (hw_proc.muted).
 */
enum hw_seen {
	HW_SEEN_ALL,   /* every call */
	HW_SEEN_LARGE, /* every block over the thread cache's limit, and nothing else */
	HW_SEEN_NONE,  /* nothing */
};
struct hw_level {
	struct hw_hdr hdr;
	__u16 seen;  /* enum hw_seen, windows apart */
	__u8 window; /* 1: every call is seen from here to the record with 0, which follows soon */
	__u8 requests; /* 1: each hw_request is told of */
	__u32 weight;  /* of the window that ends here: 256ths of how many calls one stands for */
};

_Static_assert(sizeof(struct hw_level) == 24, "hw_level");
_Static_assert(sizeof(struct hw_hdr) == 16, "hw_hdr");
_Static_assert(sizeof(struct hw_stack) == 32, "hw_stack");
_Static_assert(sizeof(struct hw_code) == 424, "hw_code");
_Static_assert(sizeof(struct hw_alloc) == 40, "hw_alloc");
_Static_assert(sizeof(struct hw_free) == 24, "hw_free");
_Static_assert(sizeof(struct hw_realloc_begin) == 32, "hw_realloc_begin");
_Static_assert(sizeof(struct hw_realloc_end) == 56, "hw_realloc_end");
_Static_assert(sizeof(struct hw_vm_map) == 48, "hw_vm_map");
_Static_assert(sizeof(struct hw_vm_range) == 40, "hw_vm_range");
_Static_assert(sizeof(struct hw_vm_brk) == 40, "hw_vm_brk");
_Static_assert(sizeof(struct hw_heap_touch) == 48, "hw_heap_touch");
_Static_assert(sizeof(struct hw_request) == 32, "hw_request");
_Static_assert(sizeof(struct hw_vm_remap) == 64, "hw_vm_remap");
_Static_assert(sizeof(struct hw_vm_advise) == 40, "hw_vm_advise");
_Static_assert(sizeof(struct hw_proc_exec) == 312, "hw_proc_exec");
_Static_assert(sizeof(struct hw_proc_exit) == 104, "hw_proc_exit");
_Static_assert(sizeof(struct hw_module) == 56, "hw_module");
_Static_assert(sizeof(struct hw_proc_fork) == 32, "hw_proc_fork");

/*
 * What one watched process is to the BPF programs: the value of the map hw_procs, keyed by tgid.
 * The daemon creates it; the counters are the kernel's.
 */
struct hw_proc {
	__u64 start;	/* task->start_boottime of the leader, ns; 0: not seen yet */
	__u64 produced; /* records that were to be written */
	__u64 lost;	/* of those, how many found the ring full */
	__u64 broken;	/* calls whose return could not be matched with their entry, and back */
	__u64 nothread; /* calls not followed because hw_threads was full */
	__u64 hits;	/* probe hits, nested calls included */
	__u32 ring;	/* which ring buffer: its children's too, so that a fork is in order */
	__u32 flags;	/* HW_PROC_* */
	__u64 stepped;	/* of the hits: at an instruction that the kernel single-steps */
	__u64 returns;	/* of the hits: at a function's return */
	__u64
	    run_ns; /* that our programs took, by one hit in 16; by each while any window is open */
	__u32 epoch; /* grows when probes come or go: calls under way then have lost their half */
	__u32 turn;  /* of the last hw_level written for it; a fork's child has its parent's */
	__u64 image; /* part of a stack's key: the same after a fork, another after an exec */
	__u64 unfollowed; /* children that found hw_procs full */
	__u32 owner;	  /* whose memory it runs in, until it execs; 0: its own */
	__u32 execs;	  /* since it is watched */
	__u32 seen;	  /* enum hw_seen, HW_SEEN_ALL in a window too: what is worth a record */
	__u32 window;	  /* one is open */
	__u32 whole;	  /* epoch since which the probes of realloc and its like have stayed */
	__u32 muted;	  /* a window is over: what its probes see until they are gone is nothing */
	__u32 requests;	  /* its requests for large chunks are told of: it has a probe for them */
	__u32 pad;
	__u64 touched_ns; /* that touches took beyond what its run time is worth */
	/* Of the hits: behind the thread cache, requests too; none is single-stepped. */
	__u64 large_hits;
	__u64 large_ns; /* of run_ns: that these took */
};

/* What all that have exited had run, and had taken of that by the probes: struct hw_proc's. */
struct hw_gone {
	__u64 hits, stepped, returns;
	__u64 run_ns; /* of our programs */
	__u64 large_hits, large_ns;
	__u64 cpu_ns; /* of the processes, as far as the scheduler had counted it */
};

#define HW_PROC_GONE   (1 << 0) /* exited: write nothing more */
#define HW_PROC_FOLLOW (1 << 1) /* its children are watched too */
#define HW_PROC_FORKED (1 << 2) /* by one that was watched */

/*
 * The attach cookie says which function a probe is on: enum hw_fn in the low byte, and what is to
 * be known of the place.  HW_FN_LARGE_*: which register has the block, and which the bytes asked
 * for (0: none; else an enum hw_reg); HW_FN_REQUEST: which, as HW_COOKIE_SIZE, the chunk's bytes.
 */
#define HW_COOKIE_STEPPED   (1 << 8) /* the kernel single-steps the instruction */
#define HW_COOKIE_HEADER    (1 << 9) /* the register has the chunk's header, 16 below the block */
#define HW_COOKIE_ADDR(reg) ((reg) << 16)
#define HW_COOKIE_SIZE(reg) ((reg) << 24)

enum hw_reg {
	HW_REG_NONE,
	HW_REG_AX,
	HW_REG_BX,
	HW_REG_BP,
	HW_REG_R12,
	HW_REG_R13,
	HW_REG_R14,
	HW_REG_R15,
	HW_REG_DI,
	HW_REG_SI,
	HW_REG_DX,
	HW_REG_CX,
	HW_REG_R8,
	HW_REG_R9,
	HW_REGS,
};

/* Chunks over this never come from a thread's cache: its bins hold chunks of up to 1,040 bytes
 * unless a tunable says otherwise (glibc, malloc/malloc.c: TCACHE_MAX_BINS). */
#define HW_CACHED_CHUNK_MAX 1040

enum hw_fn {
	HW_FN_NONE,
	HW_FN_MALLOC,		 /* p = f(size) */
	HW_FN_CALLOC,		 /* p = f(n, size) */
	HW_FN_REALLOC,		 /* p = f(old, size) */
	HW_FN_REALLOCARRAY,	 /* p = f(old, n, size) */
	HW_FN_MEMALIGN,		 /* p = f(align, size): memalign, aligned_alloc */
	HW_FN_POSIX_MEMALIGN,	 /* err = f(&p, align, size) */
	HW_FN_FREE,		 /* f(p): free, cfree, free_sized, operator delete, sdallocx */
	HW_FN_LARGE_ALLOC,	 /* a place behind the thread cache: a block leaves an arena */
	HW_FN_LARGE_FREE,	 /* ... or goes back to one */
	HW_FN_HEAP_CALLOC,	 /* p = f(heap, n, size) */
	HW_FN_HEAP_REALLOC,	 /* p = f(heap, old, size) */
	HW_FN_HEAP_REALLOCARRAY, /* p = f(heap, old, n, size) */
	HW_FN_RUST_REALLOC,	 /* p = f(old, old_size, align, size) */
	HW_FN_STRING,		 /* p = f(...), a copy of a string: as long as that is */
	HW_FN_XALLOCX,		 /* size = f(old, size, extra, flags): in place, or not at all */
	HW_FN_HEAP_DESTROY,	 /* f(heap): its blocks are gone, and nobody says which */
	HW_FN_REQUEST,		 /* a place that only requests for large chunks come by */
	HW_FN_END,
};

#endif
