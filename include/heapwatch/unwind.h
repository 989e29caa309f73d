/* SPDX-License-Identifier: GPL-2.0 */
/*
 * unwind.h: how to step from a function's frame to its caller's, by pc: what .eh_frame says, made
 * small.  A module's rows are sorted by pc; a row holds from its pc to the next row's.
 *
 * SP and BP are the machine's stack pointer and frame pointer: rsp and rbp, or sp and x29 of arm64.
 */
#ifndef HEAPWATCH_UNWIND_H
#define HEAPWATCH_UNWIND_H

#include <linux/types.h>

#include "heapwatch/python.h"

/* How the canonical frame address (CFA: the caller's stack pointer after the return) is found. */
enum hw_row_kind {
	HW_ROW_NONE,	  /* no rule: between functions, or code without CFI */
	HW_ROW_OUTERMOST, /* nobody called it: _start, the start of a thread */
	HW_ROW_UNKNOWN,	  /* a rule that these rows cannot say */
	HW_ROW_SP,	  /* SP + cfa * 8 */
	HW_ROW_BP,	  /* BP + cfa * 8 */
	HW_ROW_BP_DEREF,  /* *(BP + cfa * 8): functions that align their stack; x86-64 */
	HW_ROW_PLT,	  /* SP + cfa * 8, and 8 more from the PLT entry's 11th byte on; x86-64 */
	HW_ROW_SIGNAL,	  /* a signal handler's return: all registers are in a ucontext at SP */
	HW_ROW_JIT,	  /* generated code: not in tables, but what one without a file is */
};

/* Generated code in a stack: all of it that calls itself is one frame, with this for a pc. */
#define HW_PC_JIT 1

/* Where the caller's BP is, with HW_ROW_RA_CALL and HW_ROW_RA_LR. */
#define HW_ROW_BP_SAME	0      /* still in BP */
#define HW_ROW_BP_LOST	(-128) /* not known from here on */
#define HW_ROW_BP_AT_BP 127    /* where BP points to: functions that align their stack */

/* Where the return address is.  On x86-64 the call has put it there; on arm64 it is in x30, until
 * the function stores it: together with x29 as a frame record, or alone. */
enum hw_row_ra {
	HW_ROW_RA_CALL = 0,  /* at CFA - 8 */
	HW_ROW_RA_LR = 1,    /* in x30, which holds until the next call */
	HW_ROW_RA_PAIR = 2,  /* x29 at `bp`, the return address behind it */
	HW_ROW_RA_ALONE = 4, /* at `bp`; the caller's x29 is still there */
	HW_ROW_RA_ONLY = 6,  /* at `bp`; the caller's x29 is not known from here on */
};
/* With one of the last three: `bp` counts from what the CFA counts from.  Else it counts from the
 * CFA itself, from which large frames' records are too far for 8 bits. */
#define HW_ROW_RA_LOW 1

struct hw_row {
	__u32 pc;  /* link-time address; modules of 4 GiB and more have no rows */
	__s16 cfa; /* in units of 8 */
#if defined(__bpf__) && defined(__TARGET_ARCH_x86)
	__u8 kind; /* as below, where the other half is always 0: nothing to mask */
#else
	__u8 kind : 4; /* enum hw_row_kind */
	__u8 ra : 4;   /* enum hw_row_ra, and HW_ROW_RA_LOW */
#endif
	__s8 bp; /* HW_ROW_BP_*, or in units of 8 from the CFA */
};
_Static_assert(sizeof(struct hw_row) == 8, "hw_row");

/* A signal's frame, from the stack pointer where the handler returns to. */
#if defined(__TARGET_ARCH_arm64)
/* struct rt_sigframe: siginfo, then ucontext, whose uc_mcontext is aligned to 16: regs[29], [30],
 * sp, pc (arch/arm64/kernel/signal.c, uapi/asm/ucontext.h, sigcontext.h). */
#define HW_SIGNAL_BP 544
#define HW_SIGNAL_LR 552
#define HW_SIGNAL_SP 560
#define HW_SIGNAL_IP 568
#else
/* struct rt_sigframe behind its return address: ucontext.uc_mcontext.gregs (arch/x86/include/asm/
 * sigframe.h, uapi/asm/sigcontext.h). */
#define HW_SIGNAL_BP 120
#define HW_SIGNAL_SP 160
#define HW_SIGNAL_IP 168
#endif

/*
 * The tables in BPF maps.  Rows of all modules stand in pages of a few arrays, which the daemon
 * makes as they are needed; a module's are in neighbouring pages of one.  A process's executable
 * mappings, each with its module's pages, are one value.
 */
#define HW_PAGE_ROWS 512
#define HW_PAGE_BITS 9

/* A page's number: its array above, its place there below. */
#define HW_ROW_ARRAYS	   64
#define HW_ROW_ARRAY_SHIFT 24
#define HW_ROW_PAGE_MASK   ((1u << HW_ROW_ARRAY_SHIFT) - 1)
#define HW_ROW_ARRAY_FLAGS 0x1400 /* BPF_F_MMAPABLE | BPF_F_INNER_MAP */

struct hw_row_page {
	struct hw_row row[HW_PAGE_ROWS];
};

struct hw_range {
	__u64 start, end; /* addresses */
	__u64 bias;	  /* address - link-time address */
	__u32 page;	  /* the first of its module */
	__u32 npages;	  /* 0: no rows; its frames are stepped over by frame pointer */
};

/* In place of `page`, with no pages: executable memory of no file. */
#define HW_RANGE_JIT 0xffffffffu

#define HW_RANGES 256

struct hw_space {
	__u32 n;
	__u32 generation; /* changes with each change of what follows: old cached rules are void */
	struct hw_python python;
	struct hw_range range[HW_RANGES]; /* by address */
};
_Static_assert(sizeof(struct hw_space) == 96 + HW_RANGES * sizeof(struct hw_range), "hw_space");

/* A rule that was looked up before. */
struct hw_rule_key {
	__u64 pc;
	__u32 tgid;
	__u32 generation;
};

#endif
