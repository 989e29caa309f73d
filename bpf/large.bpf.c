// SPDX-License-Identifier: GPL-2.0
/*
 * large.bpf.c: places behind the thread cache, in the middle of glibc's functions, where only what
 * leaves an arena or goes back to one comes by: one trap for a block, none for what the cache
 * serves.  And the program through which the daemon says what is seen from now on.
 */
#include "core.bpf.h"
#include "unwind.bpf.h"

/* By hand: clang makes one load of all these, at an offset that it chooses, and the verifier takes
 * the context at constant offsets only. */
#define HW_LOAD(ctx, field)                                                     \
	({                                                                      \
		__u64 value;                                                    \
		asm volatile("%0 = *(u64 *)(%1 + %2)"                           \
			     : "=r"(value)                                      \
			     : "r"(ctx), "i"(offsetof(struct pt_regs, field))); \
		value;                                                          \
	})

static __always_inline __u64 hw_reg(const struct pt_regs *ctx, __u32 reg)
{
#ifdef __TARGET_ARCH_x86
	switch (reg) {
	case HW_REG_AX:
		return HW_LOAD(ctx, rax);
	case HW_REG_BX:
		return HW_LOAD(ctx, rbx);
	case HW_REG_BP:
		return HW_LOAD(ctx, rbp);
	case HW_REG_R12:
		return HW_LOAD(ctx, r12);
	case HW_REG_R13:
		return HW_LOAD(ctx, r13);
	case HW_REG_R14:
		return HW_LOAD(ctx, r14);
	case HW_REG_R15:
		return HW_LOAD(ctx, r15);
	case HW_REG_DI:
		return HW_LOAD(ctx, rdi);
	case HW_REG_SI:
		return HW_LOAD(ctx, rsi);
	case HW_REG_DX:
		return HW_LOAD(ctx, rdx);
	case HW_REG_CX:
		return HW_LOAD(ctx, rcx);
	case HW_REG_R8:
		return HW_LOAD(ctx, r8);
	case HW_REG_R9:
		return HW_LOAD(ctx, r9);
	}
#endif
	return 0;
}

/* In a call whose entry was seen, and which is not over.  No place here is a call's entry. */
static __always_inline bool hw_inside(const struct hw_proc *p, struct hw_thread *t, __u64 sp)
{
	return hw_has_call(p, t) && sp < t->sp;
}

/* What was asked for: in a register, or else what the block has room for.  A mapping of its own has
 * two words of overhead, any other chunk one, and up to three more that are of no use to others. */
static __always_inline __u64 hw_asked(const struct pt_regs *ctx, __u64 cookie, __u64 word)
{
	bool mapped = word & 2;
	__u64 usable = (word & ~7ull) - (mapped ? 16 : 8), size = hw_reg(ctx, cookie >> 24 & 0xff);

	if (size > usable || usable - size > (mapped ? 4096 + 16 : 64))
		return usable;
	return size;
}

static __always_inline void hw_large_alloc(struct pt_regs *ctx, struct hw_proc *p, __u32 tgid,
					   struct hw_thread *t, __u64 addr, __u64 size)
{
	struct hw_regs regs = {.ip = PT_REGS_IP(ctx),
			       .sp = PT_REGS_SP(ctx),
			       .bp = PT_REGS_FP(ctx),
			       .lr = HW_LINK(ctx),
			       .inside = true};
	__u64 stack;

	if (hw_inside(p, t, regs.sp)) {
		/* Its end is seen by whoever saw it begin. */
		if (t->fn != HW_FN_MALLOC && t->fn != HW_FN_CALLOC)
			return;
		/* Written here, not when it returns: its probes may be gone by then. */
		t->sp = 0;
		size = t->size;
		stack = t->stack;
	} else {
		stack = hw_stack(p, tgid, t, &regs);
	}
	hw_emit_alloc(p, tgid, addr, size, stack);
}

static __always_inline void hw_at_large(struct pt_regs *ctx, struct hw_proc *p, __u32 tgid,
					__u32 tid, __u64 cookie)
{
	__u64 addr = hw_reg(ctx, cookie >> 16 & 0xff), word = 0;
	struct hw_thread *t;

	if (addr && cookie & HW_COOKIE_HEADER)
		addr += 16;
	/* The chunk's size, with three flags below it, is in the word before the block. */
	if (!addr || bpf_probe_read_user(&word, sizeof(word), (void *)(addr - 8)) ||
	    (word & ~7ull) <= HW_CACHED_CHUNK_MAX)
		return;
	t = hw_thread(p, tid);
	if (!t)
		return;
	if ((__u8)cookie == HW_FN_LARGE_ALLOC)
		hw_large_alloc(ctx, p, tgid, t, addr, hw_asked(ctx, cookie, word));
	/* What realloc and its like give back inside is no block of the program's. */
	else if (!hw_inside(p, t, PT_REGS_SP(ctx)))
		hw_emit_free(p, tgid, addr);
}

/* A call that is seen itself says more. */
static __always_inline void hw_at_request(struct pt_regs *ctx, struct hw_proc *p, __u32 tgid,
					  __u32 tid, __u64 cookie)
{
	struct hw_regs regs = {.ip = PT_REGS_IP(ctx),
			       .sp = PT_REGS_SP(ctx),
			       .bp = PT_REGS_FP(ctx),
			       .lr = HW_LINK(ctx)};
	struct hw_thread *t = hw_thread(p, tid);
	struct hw_request *e;
	__u64 stack;
	void *ring;

	if (!t || hw_inside(p, t, regs.sp))
		return;
	/* In the slot, so that the verifier does not follow it through the walk: there is no call
	 * under way that had an argument. */
	t->arg = hw_reg(ctx, cookie >> 24 & 0xff);
	stack = hw_stack(p, tgid, t, &regs);
	e = hw_reserve(p, tgid, HW_REQUEST, sizeof(*e), &ring);
	if (!e)
		return;
	e->chunk = t->arg;
	e->stack = stack;
	hw_submit(e, ring, sizeof(*e));
}

SEC("?uprobe") int hw_large(struct pt_regs *ctx)
{
	__u64 began = hw_clock(), took, cookie;
	__u32 tgid, tid;
	struct hw_proc *p = hw_current(&tgid, &tid);

	if (!p)
		return 0;
	hw_count(&p->hits);
	hw_count(&p->large_hits);
	cookie = bpf_get_attach_cookie(ctx);
	if ((__u8)cookie == HW_FN_REQUEST)
		hw_at_request(ctx, p, tgid, tid, cookie);
	/* Of a window that had these too, and is over. */
	else if (!p->muted || p->seen != HW_SEEN_NONE)
		hw_at_large(ctx, p, tgid, tid, cookie);
	took = hw_clocked(p, began);
	if (took)
		__sync_fetch_and_add(&p->large_ns, took);
	return 0;
}

__u32 hw_windows;

struct hw_level_call {
	__u32 tgid;
	__u16 seen, window;
	__u32 weight;
	__u32 turn;
	__u16 muted, requests;
};

SEC("?syscall") int hw_set_level(struct hw_level_call *c)
{
	__u32 tgid = c->tgid;
	struct hw_proc *p = bpf_map_lookup_elem(&hw_procs, &tgid);
	struct hw_level *e;
	void *ring;

	if (!p)
		return 1;
	if (c->muted) {
		p->muted = 1;
		p->seen = c->seen;
		p->turn = c->turn;
		return 0;
	}
	if (c->window || c->seen == HW_SEEN_ALL)
		p->muted = 0;
	__sync_fetch_and_add(&p->epoch, 1);
	/* A window between which large blocks are seen comes and goes beside the probes for those.
	 */
	if (c->seen != HW_SEEN_LARGE || (!c->window && !p->window))
		p->whole = p->epoch;
	p->window = c->window;
	p->requests = c->requests;
	p->turn = c->turn;
	p->seen = c->window ? HW_SEEN_ALL : c->seen;
	e = hw_reserve(p, tgid, HW_LEVEL, sizeof(*e), &ring);
	if (!e)
		return 1;
	e->seen = c->seen;
	e->window = c->window;
	e->requests = c->requests;
	e->weight = c->weight;
	hw_submit(e, ring, sizeof(*e));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
