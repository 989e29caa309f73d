/* SPDX-License-Identifier: GPL-2.0 */
/*
 * unwind.bpf.h: user stacks.  For now by the frame-pointer chain; what can take its place fills
 * the same pc[] and says how it ended by the same flags.
 */
#ifndef HW_UNWIND_BPF_H
#define HW_UNWIND_BPF_H

#include "core.bpf.h"

/* How far above the stack pointer a system call's wrapper may have left its return address: that of
 * mremap, which takes variable arguments, saves its argument registers below it. */
#define HW_TOP_WORDS 16

/* The registers that a walk starts from. */
struct hw_regs {
	__u64 ip; /* the first frame as it is; 0: the first frame is the return address at *sp */
	__u64 sp;
	__u64 bp;
};

/* Does a call instruction end right before this address?  Tells a return address on the stack from
 * a saved register where no table is at hand: call rel32, call *reg, call *mem. */
static __always_inline bool hw_after_call(__u64 addr)
{
	__u8 b[8];

	if (addr < 4096 || addr >> 47 || bpf_probe_read_user(b, sizeof(b), (void *)(addr - 8)))
		return false;
	return b[3] == 0xe8 || (b[6] == 0xff && (b[7] & 0x38) == 0x10) ||
	       (b[5] == 0xff && (b[6] & 0x38) == 0x10) || (b[2] == 0xff && (b[3] & 0x38) == 0x10);
}

/* A walk under way.  The key is made as the frames come: a second loop over them costs as much as
 * the first, in the verifier too. */
struct hw_walk {
	struct hw_thread *t; /* the frames go to t->rec.pc */
	__u64 sp, bp, key;
	__u32 n, flags;
};

static __always_inline void hw_push(struct hw_walk *w, __u64 pc)
{
	w->t->rec.pc[w->n & (HW_MAX_FRAMES - 1)] = pc;
	w->n++;
	w->key = (w->key ^ pc) * 0x9e3779b97f4a7c15ull;
	w->key ^= w->key >> 29;
}

/* One step up the frame-pointer chain; 1: that was the last.  A callback of bpf_loop, which the
 * verifier looks at once, not 64 times. */
static long hw_frame(__u64 i, void *ctx)
{
	struct hw_walk *w = ctx;
	__u64 word[2];

	if (!w->bp)
		return 1; /* the outermost frame: the ABI has it zero there */
	if (w->bp < w->sp || w->bp - w->sp > HW_MAX_FRAME_SIZE || (w->bp & 7)) {
		w->flags = HW_STACK_NOFRAME;
		return 1;
	}
	if (bpf_probe_read_user(word, sizeof(word), (void *)w->bp)) {
		w->flags = HW_STACK_FAULT;
		return 1;
	}
	if (!word[1])
		return 1;
	if (word[1] < 4096 || word[1] >> 47) {
		w->flags = HW_STACK_NOFRAME;
		return 1;
	}
	if (w->n >= HW_MAX_FRAMES) {
		w->flags = HW_STACK_FULL;
		return 1;
	}
	hw_push(w, word[1]);
	w->sp = w->bp + 16;
	w->bp = word[0];
	return 0;
}

/* In a system call's wrapper, which sets up no frame of its own: the return address is at or a few
 * saved registers above the stack pointer. */
static __always_inline void hw_wrapper(struct hw_walk *w, __u64 ip)
{
	__u64 top[HW_TOP_WORDS] = {};

	hw_push(w, ip);
	bpf_probe_read_user(top, sizeof(top), (void *)w->sp);
	for (__u32 i = 0; i < HW_TOP_WORDS; i++)
		if (hw_after_call(top[i])) {
			hw_push(w, top[i]);
			return;
		}
}

/*
 * Walk the stack, write it if it is new, and return its key; 0 where it could not be written, so
 * that what follows says "stack unknown" instead of naming a stack that never arrives.
 */
static __always_inline __u64 hw_stack(struct hw_proc *p, __u32 tgid, struct hw_thread *t,
				      const struct hw_regs *regs)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct hw_walk w = {.t = t, .sp = regs->sp, .bp = regs->bp};
	__u64 ret, key;
	__u32 n, size;
	void *ring;
	__u8 one = 1;

	w.key = p->start ^ ((__u64)tgid << 40) ^ (task->self_exec_id << 32);
	if (regs->ip)
		hw_wrapper(&w, regs->ip);
	else if (!bpf_probe_read_user(&ret, sizeof(ret), (void *)regs->sp))
		hw_push(&w, ret);
	else
		w.flags = HW_STACK_FAULT;
	bpf_loop(HW_MAX_FRAMES, hw_frame, &w, 0);
	n = w.n;
	key = w.key ^ n;
	if (!key)
		key = 1;
	if (bpf_map_lookup_elem(&hw_stacks, &key))
		return key;

	if (n > HW_MAX_FRAMES)
		return 0;
	size = sizeof(struct hw_stack) + n * 8;
	hw_count(&p->produced);
	t->rec.stack = key;
	t->rec.nframes = n;
	t->rec.flags = w.flags;
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
