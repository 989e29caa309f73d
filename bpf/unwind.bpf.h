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

/* Fill t->rec.pc and t->rec's count and flags. */
static __always_inline void hw_walk(struct hw_thread *t, const struct hw_regs *regs)
{
	__u64 sp = regs->sp, bp = regs->bp, word[2];
	__u32 n = 0, flags = 0, i;

	if (regs->ip) {
		/* In a system call's wrapper, which sets up no frame of its own: the return address
		 * is at or a few saved registers above the stack pointer. */
		__u64 top[HW_TOP_WORDS] = {};

		t->rec.pc[n++] = regs->ip;
		bpf_probe_read_user(top, sizeof(top), (void *)sp);
		for (i = 0; i < HW_TOP_WORDS; i++)
			if (hw_after_call(top[i])) {
				t->rec.pc[n++] = top[i];
				break;
			}
	} else if (!bpf_probe_read_user(&word[0], 8, (void *)sp)) {
		t->rec.pc[n++] = word[0];
	} else {
		flags = HW_STACK_FAULT;
	}
	for (i = 0; i < HW_MAX_FRAMES; i++) {
		if (n >= HW_MAX_FRAMES) {
			flags = HW_STACK_FULL;
			break;
		}
		if (!bp)
			break; /* the outermost frame: the ABI has it zero there */
		if (bp < sp || bp - sp > HW_MAX_FRAME_SIZE || (bp & 7)) {
			flags = HW_STACK_NOFRAME;
			break;
		}
		if (bpf_probe_read_user(word, sizeof(word), (void *)bp)) {
			flags = HW_STACK_FAULT;
			break;
		}
		if (!word[1])
			break;
		if (word[1] < 4096 || word[1] >> 47) {
			flags = HW_STACK_NOFRAME;
			break;
		}
		t->rec.pc[n & (HW_MAX_FRAMES - 1)] = word[1];
		n++;
		sp = bp + 16;
		bp = word[0];
	}
	t->rec.nframes = n;
	t->rec.flags = flags;
}

/*
 * Walk the stack, write it if it is new, and return its key; 0 where it could not be written, so
 * that what follows says "stack unknown" instead of naming a stack that never arrives.
 */
static __always_inline __u64 hw_stack(struct hw_proc *p, __u32 tgid, struct hw_thread *t,
				      const struct hw_regs *regs)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	__u64 key = p->start ^ ((__u64)tgid << 40) ^ (task->self_exec_id << 32);
	__u32 i, n, size;
	void *ring;
	__u8 one = 1;

	hw_walk(t, regs);
	n = t->rec.nframes;
	for (i = 0; i < HW_MAX_FRAMES; i++) {
		if (i >= n)
			break;
		key = (key ^ t->rec.pc[i]) * 0x9e3779b97f4a7c15ull;
		key ^= key >> 29;
	}
	key ^= n;
	if (!key)
		key = 1;
	if (bpf_map_lookup_elem(&hw_stacks, &key))
		return key;

	if (n > HW_MAX_FRAMES)
		return 0;
	size = sizeof(struct hw_stack) + n * 8;
	hw_count(&p->produced);
	t->rec.stack = key;
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
