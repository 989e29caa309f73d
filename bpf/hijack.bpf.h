/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hijack.bpf.h: a function whose return is probed, by us or by others, returns to a trampoline: its
 * own return address is not on the stack, or in arm64's x30, but in the kernel's list of returns to
 * come (kernel/events/uprobes.c, prepare_uretprobe()).
 */
#ifndef HW_HIJACK_BPF_H
#define HW_HIJACK_BPF_H

#include "core.bpf.h"
#include "walk.bpf.h"

/* How many returns to come are looked through. */
#define HW_HIJACKS 8

/* What a return takes off the stack. */
#ifdef __TARGET_ARCH_x86
#define HW_RETURN_SIZE 8
#else
#define HW_RETURN_SIZE 0
#endif

/* The last frame is of no code that is known: put the right one in its place, or return false. */
static __always_inline bool hw_unhijack(struct hw_ctx *c)
{
	struct hw_walk *w = &c->t->walk;
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct return_instance *ri = BPF_CORE_READ(task, utask, return_instances);
	__u64 ip;

	if (!w->n || w->exact)
		return false;
	for (int i = 0; i < HW_HIJACKS && ri; i++) {
		/* The stack pointer at the function's entry. */
		if (BPF_CORE_READ(ri, stack) + HW_RETURN_SIZE == w->sp) {
			ip = BPF_CORE_READ(ri, orig_ret_vaddr);
			if (ip == w->ip)
				return false;
			hw_pop(c->t);
			hw_push(c->t, ip);
			w->ip = ip;
			return true;
		}
		ri = BPF_CORE_READ(ri, next);
	}
	return false;
}

#endif
