/* SPDX-License-Identifier: GPL-2.0 */
/*
 * unwind.h: how to step from a function's frame to its caller's, by pc: what .eh_frame says, made
 * small.  A module's rows are sorted by pc; a row holds from its pc to the next row's.  x86-64.
 */
#ifndef HEAPWATCH_UNWIND_H
#define HEAPWATCH_UNWIND_H

#include <linux/types.h>

#include "heapwatch/python.h"

/* How the canonical frame address (CFA: the caller's stack pointer after the return) is found; the
 * return address is at CFA - 8 in all but the first three and HW_ROW_SIGNAL. */
enum hw_row_kind {
	HW_ROW_NONE,	  /* no rule: between functions, or code without CFI */
	HW_ROW_OUTERMOST, /* nobody called it: _start, the start of a thread */
	HW_ROW_UNKNOWN,	  /* a rule that these rows cannot say */
	HW_ROW_SP,	  /* rsp + cfa * 8 */
	HW_ROW_BP,	  /* rbp + cfa * 8 */
	HW_ROW_BP_DEREF,  /* *(rbp + cfa * 8): functions that align their stack */
	HW_ROW_PLT,	  /* rsp + cfa * 8, and 8 more from the PLT entry's 11th byte on */
	HW_ROW_SIGNAL,	  /* a signal handler's return: all registers are in a ucontext at rsp */
	HW_ROW_JIT,	  /* generated code: not in tables, but what one without a file is */
};

/* Generated code in a stack: all of it that calls itself is one frame, with this for a pc. */
#define HW_PC_JIT 1

/* Where the caller's rbp is. */
#define HW_ROW_BP_SAME	0      /* still in rbp */
#define HW_ROW_BP_LOST	(-128) /* not known from here on */
#define HW_ROW_BP_AT_BP 127    /* where rbp points to: functions that align their stack */

struct hw_row {
	__u32 pc;  /* link-time address; modules of 4 GiB and more have no rows */
	__s16 cfa; /* in units of 8 */
	__u8 kind; /* enum hw_row_kind */
	__s8 bp;   /* HW_ROW_BP_*, or it is at CFA + bp * 8 */
};
_Static_assert(sizeof(struct hw_row) == 8, "hw_row");

/* struct rt_sigframe behind its return address: ucontext.uc_mcontext.gregs (arch/x86/include/asm/
 * sigframe.h, uapi/asm/sigcontext.h), from the stack pointer at the restorer. */
#define HW_SIGNAL_BP 120
#define HW_SIGNAL_SP 160
#define HW_SIGNAL_IP 168

/*
 * The tables in BPF maps.  Rows of all modules stand in pages of one array; a module's are in
 * neighbouring pages.  A process's executable mappings, each with its module's pages, are one
 * value.
 */
#define HW_PAGE_ROWS 512
#define HW_PAGE_BITS 9

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
