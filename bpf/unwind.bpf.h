/* SPDX-License-Identifier: GPL-2.0 */
/*
 * unwind.bpf.h: user stacks, stepped over by the rows of heapwatch/unwind.h where the daemon has
 * loaded them, by frame pointers elsewhere.
 */
#ifndef HW_UNWIND_BPF_H
#define HW_UNWIND_BPF_H

#include "hijack.bpf.h"
#include "python.bpf.h"
#include "walk.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* set before loading */
	__type(key, __u32);
	__type(value, struct hw_row_page);
} hw_rows __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024); /* --max-processes */
	__type(key, __u32);	   /* tgid */
	__type(value, struct hw_space);
} hw_spaces __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct hw_rule_key);
	__type(value, struct hw_row);
} hw_rules __weak SEC(".maps");

/* How far above the stack pointer a system call's wrapper may have left its return address, where
 * there are no rows: that of mremap saves its argument registers below it. */
#define HW_TOP_WORDS 16

/* The registers that a walk starts from. */
struct hw_regs {
	__u64 ip; /* the first frame as it is; 0: the first frame is the return address at *sp */
	__u64 sp;
	__u64 bp;
	bool inside; /* ip is in the middle of a function that is not to be a frame */
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

/* A word of the stack: most are in the copy that was made at once. */
static __always_inline bool hw_word(struct hw_thread *t, __u64 addr, __u64 *out)
{
	struct hw_walk *w = &t->walk;
	__u64 i = (addr - w->top) >> 3;

	if (w->top && i < HW_STACK_WORDS && !(addr & 7)) {
		*out = t->top[i & (HW_STACK_WORDS - 1)];
		return true;
	}
	/* Not to the BPF stack: there the verifier (6.18) loses track of what a helper wrote when
	 * it asks, one frame later, where a number came from ("callback leftover stack slots"). */
	if (bpf_probe_read_user(&t->word, sizeof(t->word), (void *)addr))
		return false;
	*out = t->word;
	return true;
}

/*
 * Binary searches keep their bounds in the thread's slot: what is read from a map is any number to
 * the verifier, so all ways through a loop look the same to it after each turn.  Of bounds in
 * registers it would follow each of the 2^n ways.
 */
#define HW_BOUND(t, which) (*(volatile __u32 *)&(t)->which)

/* The range that holds pc, or NULL. */
static __always_inline struct hw_range *hw_range_of(struct hw_thread *t, struct hw_space *s,
						    __u64 pc)
{
	__u32 low, i;

	HW_BOUND(t, low) = 0;
	HW_BOUND(t, high) = s->n;
	for (i = 0; i < 9; i++) {
		__u32 high = HW_BOUND(t, high), mid;

		low = HW_BOUND(t, low);
		if (low >= high)
			break;
		mid = (low + high) / 2 & (HW_RANGES - 1);
		if (s->range[mid].end <= pc)
			HW_BOUND(t, low) = mid + 1;
		else
			HW_BOUND(t, high) = mid;
	}
	low = HW_BOUND(t, low);
	if (low >= HW_RANGES || low >= s->n || s->range[low].start > pc)
		return NULL;
	return &s->range[low];
}

/* The row for a link-time address: first its page, then within it. */
static __always_inline bool hw_row_of(struct hw_thread *t, const struct hw_range *r, __u32 pc,
				      struct hw_row *out)
{
	struct hw_row_page *p;
	__u32 low, i;

	HW_BOUND(t, low) = r->page;
	HW_BOUND(t, high) = r->page + r->npages;
	for (i = 0; i < 16; i++) {
		__u32 high = HW_BOUND(t, high), mid;

		low = HW_BOUND(t, low);
		if (low + 1 >= high)
			break;
		mid = (low + high) / 2;
		p = bpf_map_lookup_elem(&hw_rows, &mid);
		if (!p)
			return false;
		if (p->row[0].pc <= pc)
			HW_BOUND(t, low) = mid;
		else
			HW_BOUND(t, high) = mid;
	}
	low = HW_BOUND(t, low);
	p = bpf_map_lookup_elem(&hw_rows, &low);
	if (!p)
		return false;
	HW_BOUND(t, low) = 0;
	HW_BOUND(t, high) = HW_PAGE_ROWS;
	for (i = 0; i < HW_PAGE_BITS; i++) {
		__u32 high = HW_BOUND(t, high), mid;

		low = HW_BOUND(t, low);
		mid = (low + high) / 2 & (HW_PAGE_ROWS - 1);
		if (p->row[mid].pc <= pc)
			HW_BOUND(t, low) = mid;
		else
			HW_BOUND(t, high) = mid;
	}
	*out = p->row[HW_BOUND(t, low) & (HW_PAGE_ROWS - 1)];
	return true;
}

/* The rule for the frame under way; HW_ROW_NONE where there is none.  False: no module has it. */
static __always_inline bool hw_find_rule(struct hw_ctx *c, struct hw_row *out)
{
	struct hw_walk *w = &c->t->walk;
	/* The call before a return address may be its function's last instruction. */
	__u64 pc = w->exact ? w->ip : w->ip - 1;
	struct hw_rule_key key = {.pc = pc, .tgid = w->tgid, .generation = c->space->generation};
	struct hw_row *known = bpf_map_lookup_elem(&hw_rules, &key);
	struct hw_range *r;

	if (known) {
		*out = *known;
		return true;
	}
	r = hw_range_of(c->t, c->space, pc);
	if (!r)
		return false;
	if (r->page == HW_RANGE_JIT) {
		/* Not one of those worth a place in the cache. */
		*out = (struct hw_row){.kind = HW_ROW_JIT};
		return true;
	}
	if (!r->npages || !hw_row_of(c->t, r, pc - r->bias, out))
		*out = (struct hw_row){.kind = HW_ROW_NONE};
	bpf_map_update_elem(&hw_rules, &key, out, BPF_ANY);
	return true;
}

/* Can this be a caller's? */
static __always_inline bool hw_is_caller(const struct hw_walk *w, __u64 ip, __u64 sp)
{
	return ip >= 4096 && !(ip >> 47) && sp > w->sp;
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
	return hw_next(c, ip, w->bp + 16, bp);
}

static __always_inline long hw_step_signal(struct hw_thread *t)
{
	struct hw_walk *w = &t->walk;
	__u64 ip, sp, bp;

	if (!hw_word(t, w->sp + HW_SIGNAL_IP, &ip) || !hw_word(t, w->sp + HW_SIGNAL_SP, &sp) ||
	    !hw_word(t, w->sp + HW_SIGNAL_BP, &bp))
		return hw_stop(t, HW_STACK_FAULT);
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
	if (!w->lost_bp && hw_word(c->t, w->bp + 8, &ip) && !hw_after_call(ip))
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
	if (!hw_find_rule(c, &row))
		return hw_unhijack(c) ? 0 : hw_stop(c->t, HW_STACK_NOCODE);
	if (row.kind == HW_ROW_JIT)
		return hw_step_jit(c);
	c->t->walk.in_jit = false;
	if (row.kind == HW_ROW_NONE || row.kind == HW_ROW_UNKNOWN)
		return hw_step_frame_pointer(c);
	return hw_step_row(c, &row);
}

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

/*
 * Walk the stack, write it if it is new, and return its key; 0 where it could not be written, so
 * that what follows says "stack unknown" instead of naming a stack that never arrives.
 */
static __always_inline __u64 hw_stack(struct hw_proc *p, __u32 tgid, struct hw_thread *t,
				      const struct hw_regs *regs)
{
	struct hw_walk *w = &t->walk;
	struct hw_ctx c = {.t = t, .p = p};
	__u32 n, size, turns = HW_MAX_FRAMES;
	void *ring;
	__u8 one = 1;
	__u64 key;

	*w = (struct hw_walk){
	    .tgid = tgid, .ip = regs->ip, .sp = regs->sp, .bp = regs->bp, .exact = regs->ip};
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
	} else if (hw_word(t, regs->sp, &w->ip)) {
		hw_push(t, w->ip);
		w->sp += 8;
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
	key = w->key ^ n;
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
