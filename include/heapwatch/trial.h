/* SPDX-License-Identifier: GPL-2.0 */
/* trial.h: what bpf/trial.bpf.c tells of a place that a child of our own came by. */
#ifndef HEAPWATCH_TRIAL_H
#define HEAPWATCH_TRIAL_H

#include <linux/types.h>

/* struct pt_regs of x86-64 (arch/x86/include/asm/ptrace.h) up to rdi: r15 r14 r13 r12 rbp rbx r11
 * r10 r9 r8 rax rcx rdx rsi rdi. */
#define HW_TRIAL_REGS 15

struct hw_trial_hit {
	__u64 time; /* CLOCK_MONOTONIC, ns */
	__u32 tid;
	__u32 place; /* the attach cookie */
	__u64 regs[HW_TRIAL_REGS];
};

_Static_assert(sizeof(struct hw_trial_hit) == 136, "hw_trial_hit");

#endif
