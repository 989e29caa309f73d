/* SPDX-License-Identifier: GPL-2.0 */
/*
 * unwind.bpf.h: user stacks, stepped over by the rows of heapwatch/unwind.h where the daemon has
 * loaded them, by frame pointers elsewhere.
 */
#ifndef HW_UNWIND_BPF_H
#define HW_UNWIND_BPF_H

#include "hijack.bpf.h"
#include "python.bpf.h"
#include "rules.bpf.h"
#include "walk.bpf.h"

/* How far above the stack pointer a system call's wrapper may have left its return address, where
 * there are no rows: that of mremap saves its argument registers below it. */
#define HW_TOP_WORDS 16

/* The registers that a walk starts from. */
struct hw_regs {
	__u64 ip; /* the first frame as it is; 0: the first frame is where the call returns to */
	__u64 sp;
	__u64 bp;
	__u64 lr;    /* arm64: x30 */
	bool inside; /* ip is in the middle of a function that is not to be a frame */
};

/* Can this be a caller's?  On arm64 a function that is interrupted may have no frame yet. */
static __always_inline bool hw_is_caller(const struct hw_walk *w, __u64 ip, __u64 sp)
{
	if (ip < 4096 || ip >> HW_ADDRESS_BITS)
		return false;
#ifdef __TARGET_ARCH_arm64
	if (w->exact && sp == w->sp)
		return true;
#endif
	return sp > w->sp;
}

/* Where the caller is known: one frame more, and on from there. */
static __always_inline long hw_next(struct hw_ctx *c, __u64 ip, __u64 sp, __u64 bp)
{
	if (!ip)
		return 1;
	if (!hw_is_caller(&c->t->walk, ip, sp))
		return hw_stop(c->t, HW_STACK_NORULE);
	if (c->space && c->space->python.runtime && hw_py_here(c, ip, sp, bp))
		return 0;
	return hw_resume(c->t, ip, sp, bp);
}

static __always_inline long hw_step_frame_pointer(struct hw_ctx *c)
{
	struct hw_thread *t = c->t;
	struct hw_walk *w = &t->walk;
	__u64 ip, bp;

	if (!w->bp && !c->space)
		return 1; /* the outermost frame: the ABI has it zero there */
	if (w->lost_bp || w->bp < w->sp || w->bp - w->sp > HW_MAX_FRAME_SIZE || (w->bp & 7))
		return hw_stop(t, HW_STACK_NOFRAME);
	if (!hw_word(t, w->bp, &bp) || !hw_word(t, w->bp + 8, &ip))
		return hw_stop(t, HW_STACK_FAULT);
#ifdef __TARGET_ARCH_arm64
	/* A frame record is anywhere in its frame: most of those who have no rows push it first. */
	w->lost_sp = true;
#endif
	return hw_next(c, hw_code_address(ip), w->bp + 16, bp);
}

static __always_inline long hw_step_signal(struct hw_thread *t)
{
	struct hw_walk *w = &t->walk;
	__u64 ip, sp, bp;

	if (!hw_word(t, w->sp + HW_SIGNAL_IP, &ip) || !hw_word(t, w->sp + HW_SIGNAL_SP, &sp) ||
	    !hw_word(t, w->sp + HW_SIGNAL_BP, &bp))
		return hw_stop(t, HW_STACK_FAULT);
#ifdef __TARGET_ARCH_arm64
	if (!hw_word(t, w->sp + HW_SIGNAL_LR, &w->lr))
		return hw_stop(t, HW_STACK_FAULT);
	w->lr = hw_code_address(w->lr);
#endif
	/* A handler may have a stack of its own, above or below. */
	w->sp = 0;
	w->lost_bp = false;
	if (!hw_is_caller(w, ip, sp))
		return hw_stop(t, HW_STACK_NORULE);
	if (hw_resume(t, ip, sp, bp))
		return 1;
	w->exact = true;
	return 0;
}

#ifdef __TARGET_ARCH_x86
static __always_inline long hw_step_row(struct hw_ctx *c, const struct hw_row *row)
{
	struct hw_thread *t = c->t;
	struct hw_walk *w = &t->walk;
	__u64 cfa, ip, bp = w->bp;

	if (row->kind == HW_ROW_OUTERMOST)
		return 1;
	if (row->kind == HW_ROW_SIGNAL)
		return hw_step_signal(t);
	if (row->kind == HW_ROW_SP || row->kind == HW_ROW_PLT)
		cfa = w->sp + (__s64)row->cfa * 8;
	else if (w->lost_bp)
		return hw_stop(t, HW_STACK_NOFRAME);
	else
		cfa = w->bp + (__s64)row->cfa * 8;
	if (row->kind == HW_ROW_PLT && (w->ip & 15) >= 11)
		cfa += 8;
	if (row->kind == HW_ROW_BP_DEREF && !hw_word(t, cfa, &cfa))
		return hw_stop(t, HW_STACK_FAULT);
	if (row->bp == HW_ROW_BP_LOST) {
		w->lost_bp = true;
	} else if (row->bp != HW_ROW_BP_SAME) {
		__u64 at = row->bp == HW_ROW_BP_AT_BP ? w->bp : cfa + (__s64)row->bp * 8;

		if (!hw_word(t, at, &bp))
			return hw_stop(t, HW_STACK_FAULT);
		w->lost_bp = false;
	}
	if (!hw_word(t, cfa - 8, &ip))
		return hw_stop(t, HW_STACK_FAULT);
	return hw_next(c, ip, cfa, bp);
}
#else
/* What the CFA counts from: false where it is not known. */
static __always_inline bool hw_row_base(const struct hw_walk *w, const struct hw_row *row,
					__u64 *base)
{
	*base = w->sp;
	if (row->kind == HW_ROW_SP && (!w->lost_sp || row->ra < HW_ROW_RA_PAIR))
		return !w->lost_sp;
	if (row->kind == HW_ROW_SP && row->ra > (HW_ROW_RA_PAIR | HW_ROW_RA_LOW))
		return true;
	*base = w->bp;
	/* x29 points at the record of a function that makes one, if it is a frame pointer there. */
	if (row->kind == HW_ROW_SP)
		*base -= (row->bp + (row->ra & HW_ROW_RA_LOW ? 0 : (__s64)row->cfa)) * 8;
	return !w->lost_bp;
}

static __always_inline long hw_step_row(struct hw_ctx *c, const struct hw_row *row)
{
	struct hw_thread *t = c->t;
	struct hw_walk *w = &t->walk;
	__u32 where = row->ra & ~HW_ROW_RA_LOW;
	__u64 base, cfa, at, ip, bp = w->bp;
	bool guess = w->lost_sp && row->kind == HW_ROW_SP;

	if (row->kind == HW_ROW_OUTERMOST)
		return 1;
	if (row->kind == HW_ROW_SIGNAL)
		return hw_step_signal(t);
	if (!hw_row_base(w, row, &base))
		return hw_stop(t, HW_STACK_NOFRAME);
	cfa = base + (__s64)row->cfa * 8;
	at = (row->ra > HW_ROW_RA_LR && row->ra & HW_ROW_RA_LOW ? base : cfa) + (__s64)row->bp * 8;
	if (where == HW_ROW_RA_PAIR || (row->ra == HW_ROW_RA_LR && row->bp)) {
		w->lost_bp = row->ra == HW_ROW_RA_LR && row->bp == HW_ROW_BP_LOST;
		if (!w->lost_bp && !hw_word(t, at, &bp))
			return hw_stop(t, HW_STACK_FAULT);
	}
	if (row->ra == HW_ROW_RA_LR) {
		/* A call has overwritten it since. */
		if (!w->exact)
			return hw_stop(t, HW_STACK_NORULE);
		ip = w->lr;
	} else {
		if (!hw_word(t, where == HW_ROW_RA_PAIR ? at + 8 : at, &ip))
			return hw_stop(t, HW_STACK_FAULT);
		if (where == HW_ROW_RA_ONLY)
			w->lost_bp = true;
	}
	ip = hw_code_address(ip);
	if (guess && !hw_after_call(ip))
		return hw_stop(t, HW_STACK_NOFRAME);
	w->lost_sp = false;
	return hw_next(c, ip, cfa, bp);
}
#endif

/* Generated code: whose it is nobody can say, but what called it can be, where it keeps a frame
 * pointer.  As it may use rbp for anything, what is found there must look like a call's. */
static __always_inline long hw_step_jit(struct hw_ctx *c)
{
	struct hw_walk *w = &c->t->walk;
	__u64 ip;

	hw_pop(c->t);
	if (!w->in_jit)
		hw_push(c->t, HW_PC_JIT);
	w->in_jit = true;
	if (!w->lost_bp && hw_word(c->t, w->bp + 8, &ip) && !hw_after_call(hw_code_address(ip)))
		return hw_stop(c->t, HW_STACK_NOFRAME);
	return hw_step_frame_pointer(c);
}

/* One frame up; 1: that was the last.  A callback of bpf_loop, which the verifier looks at once,
 * not 64 times. */
static long hw_frame(__u64 i, void *ctx)
{
	struct hw_ctx *c = ctx;
	struct hw_row row = {};

	if (!c->space)
		return hw_step_frame_pointer(c);
	if (c->t->walk.mode != HW_WALK_NATIVE)
		return hw_py_step(c);
	if (!hw_find_rule(c, &row)) {
		if (hw_unhijack(c))
			return 0;
		/* The vdso, which is no range. */
		if (!hw_sigreturn(c->t->walk.ip))
			return hw_stop(c->t, HW_STACK_NOCODE);
		row.kind = HW_ROW_SIGNAL;
	} else if (row.kind == HW_ROW_NONE && hw_sigreturn(c->t->walk.ip)) {
		row.kind = HW_ROW_SIGNAL;
	}
	if (row.kind == HW_ROW_JIT)
		return hw_step_jit(c);
	c->t->walk.in_jit = false;
	if (row.kind == HW_ROW_NONE || row.kind == HW_ROW_UNKNOWN)
		return hw_step_frame_pointer(c);
	return hw_step_row(c, &row);
}

#ifdef __TARGET_ARCH_x86
/* In a system call's wrapper, without rows: the return address is at or a few saved registers above
 * the stack pointer. */
static __always_inline void hw_wrapper(struct hw_thread *t)
{
	__u64 top[HW_TOP_WORDS] = {};

	bpf_probe_read_user(top, sizeof(top), (void *)t->walk.sp);
	for (__u32 i = 0; i < HW_TOP_WORDS; i++)
		if (hw_after_call(top[i])) {
			hw_push(t, top[i]);
			return;
		}
}
#else
/* There is no need for it to be stored. */
static __always_inline void hw_wrapper(struct hw_thread *t)
{
	if (hw_after_call(t->walk.lr))
		hw_push(t, t->walk.lr);
}
#endif

/*
 * Walk the stack, write it if it is new, and return its key; 0 where it could not be written, so
 * that what follows says "stack unknown" instead of naming a stack that never arrives.
 */
static __always_inline __u64 hw_stack(struct hw_proc *p, __u32 tgid, struct hw_thread *t,
				      const struct hw_regs *regs)
{
	struct hw_walk *w = &t->walk;
	struct hw_ctx c = {.t = t, .p = p};
	__u32 n, size, turns = HW_MAX_FRAMES + HW_HIJACKS;
	void *ring;
	__u8 one = 1;
	__u64 key;

	*w = (struct hw_walk){
	    .tgid = tgid, .ip = regs->ip, .sp = regs->sp, .bp = regs->bp, .exact = regs->ip};
#ifdef __TARGET_ARCH_arm64
	w->lr = hw_code_address(regs->lr);
#endif
	w->key = p->image;
	w->seed = w->key;
	c.space = bpf_map_lookup_elem(&hw_spaces, &tgid);
	/* Near the end of a stack there is less to copy: then each word is read for itself. */
	if (!bpf_probe_read_user(t->top, sizeof(t->top), (void *)regs->sp))
		w->top = regs->sp;
	if (regs->ip) {
		if (!regs->inside)
			hw_push(t, regs->ip);
		if (!c.space)
			hw_wrapper(t);
#ifdef __TARGET_ARCH_arm64
	} else if (w->lr) {
		w->ip = w->lr;
		hw_push(t, w->ip);
#else
	} else if (hw_word(t, regs->sp, &w->ip)) {
		hw_push(t, w->ip);
		w->sp += 8;
#endif
	} else {
		w->flags |= HW_STACK_FAULT;
	}
	if (c.space && c.space->python.runtime) {
		turns = HW_PY_TURNS;
		hw_py_start(&c);
	}
	if (!(w->flags & HW_STACK_FAULT))
		bpf_loop(turns, hw_frame, &c, 0);
	if (w->mode != HW_WALK_NATIVE)
		w->flags |= HW_STACK_NOPYTHON;
	/* All that went wrong is because of that. */
	if (!c.space)
		w->flags = HW_STACK_EARLY;
	n = w->n;
	key = hw_mixed_key(w->key, n);
	if (bpf_map_lookup_elem(&hw_stacks, &key))
		return key;

	if (n > HW_MAX_FRAMES)
		return 0;
	size = sizeof(struct hw_stack) + n * 8;
	hw_count(&p->produced);
	t->rec.stack = key;
	t->rec.nframes = n;
	t->rec.flags = w->flags;
	hw_header(&t->rec.hdr, tgid, HW_STACK, size);
	ring = hw_ring(p);
	if (!ring || bpf_ringbuf_output(ring, &t->rec, size, BPF_RB_NO_WAKEUP)) {
		hw_count(&p->lost);
		return 0;
	}
	/* After the record is in the ring: who finds the key here writes behind it. */
	bpf_map_update_elem(&hw_stacks, &key, &one, BPF_ANY);
	return key;
}

#endif
