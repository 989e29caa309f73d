// SPDX-License-Identifier: GPL-2.0
/*
 * touch.bpf.c: page faults of a glibc heap's growth, which say who asked for the block that reaches
 * into the new page (model/crossings.h).  A perf event counts each CPU's page faults, whoever's,
 * and each so many comes here.
 */
#include "core.bpf.h"
#include <linux/bpf_perf_event.h>

#include "unwind.bpf.h"

/* So many touches are worth a record in 2^24 ns of a thread's run time: set before loading. */
const volatile __u32 hw_touch_rate = 1;
#define HW_TOUCH_SLOT_BITS 24
/* After so many times that many beyond it each second touch is told of, after twice as many each
 * fourth ...: programs grow most when they begin. */
#define HW_TOUCH_STEP	   18
#define HW_TOUCH_SHIFT_MAX 12

/* Faults that came here, so that they do not become too many (probe/touches.c). */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} hw_faults SEC(".maps");

/* What is written behind a chunk. */
#define HW_SIZE_AT   8
#define HW_CHUNK_MIN 32
#define HW_CHUNK_MAX (1ull << 40)

/* The registers that a pointer may be in: the first of struct pt_regs. */
#ifdef __TARGET_ARCH_x86
#define HW_FAULT_REGS 15
#else
#define HW_FAULT_REGS 29
#endif
_Static_assert(HW_FAULT_REGS <= HW_PYTHON_WORDS, "room for registers");

/*
 * Is there a chunk at `start` that ends at `end`?  Its size is written before what is behind it, or
 * else it is still what it was: to the end of the heap, which is a page's.
 */
static __always_inline bool hw_is_cut(struct hw_thread *t, __u64 start, __u64 end)
{
	__u64 size;

	if (bpf_probe_read_user(&t->word, sizeof(t->word), (void *)(start + HW_SIZE_AT)))
		return false;
	size = t->word & ~7ull;
	return start + size == end || (start + size > end && !((start + size) & 4095));
}

/* A register has the chunk or its block, which malloc is going to return. */
static __always_inline __u64 hw_start_by(struct hw_thread *t, __u64 reg, __u64 end)
{
	if (reg & 15 || reg >= end || end - reg > HW_CHUNK_MAX)
		return 0;
	if (end - reg >= HW_CHUNK_MIN && hw_is_cut(t, reg, end))
		return reg;
	return hw_is_cut(t, reg - 16, end) ? reg - 16 : 0;
}

/* Where the chunk begins that ends there, or 0. */
static __always_inline __u64 hw_start(struct hw_thread *t, struct bpf_perf_event_data *ctx,
				      __u64 end)
{
	const __u64 *regs = (const __u64 *)&ctx->regs;
	__u64 start = 0;

#pragma unroll
	for (int i = 0; i < HW_FAULT_REGS; i++)
		t->object[i] = regs[i];
	for (int i = 0; i < HW_FAULT_REGS && !start; i++)
		start = hw_start_by(t, t->object[i], end);
	return start;
}

/* Is this one worth a record?  *pages: that it stands for. */
static __always_inline bool hw_draw(struct hw_proc *p, struct hw_thread *t, __u32 *pages)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	__u64 run = task->se.sum_exec_runtime, since = run - t->touch_run, worth;
	__u32 beyond = p->touches, shift;

	if (!t->touch_run || since >> 40)
		t->touch_run = run;
	else if ((worth = since * hw_touch_rate >> HW_TOUCH_SLOT_BITS)) {
		t->touch_run = run;
		beyond = worth < beyond ? beyond - worth : 0;
		p->touches = beyond;
	}
	shift = beyond / (hw_touch_rate * HW_TOUCH_STEP);
	if (shift > HW_TOUCH_SHIFT_MAX)
		shift = HW_TOUCH_SHIFT_MAX;
	if (bpf_get_prandom_u32() & ((1u << shift) - 1))
		return false;
	*pages <<= shift;
	return true;
}

static __always_inline int hw_touched(struct bpf_perf_event_data *ctx, struct hw_proc *p,
				      __u32 tgid, struct hw_thread *t)
{
	struct hw_regs r = {.ip = PT_REGS_IP(&ctx->regs),
			    .sp = PT_REGS_SP(&ctx->regs),
			    .bp = PT_REGS_FP(&ctx->regs),
			    .lr = HW_LINK(&ctx->regs)};
	__u64 end = ctx->addr - HW_SIZE_AT, start, stack, period = ctx->sample_period;
	__u32 pages = period && period < 65536 ? period : 1;
	struct hw_heap_touch *e;
	void *ring;

	/* Who sees the call of malloc needs no other; one that is there was touched before. */
	if (hw_has_call(p, t) ||
	    !bpf_probe_read_user(&t->word, sizeof(t->word), (void *)ctx->addr) ||
	    !hw_draw(p, t, &pages))
		return 0;
	start = hw_start(t, ctx, end);
	if (!start)
		return 0;
	__sync_fetch_and_add(&p->touches, 1);
	/* For the walk, in the slot: they are not to be followed through it. */
	t->arg = start;
	t->extra = end;
	t->size = pages;
	stack = hw_stack(p, tgid, t, &r);
	e = hw_reserve(p, tgid, HW_HEAP_TOUCH, sizeof(*e), &ring);
	if (!e)
		return 0;
	e->start = t->arg;
	e->end = t->extra;
	e->stack = stack;
	e->pages = t->size;
	e->pad = 0;
	hw_submit(e, ring, sizeof(*e));
	return 0;
}

SEC("?perf_event") int hw_touch(struct bpf_perf_event_data *ctx)
{
	struct hw_thread *t;
	struct hw_proc *p;
	__u64 *faults, began;
	__u32 tgid, tid, zero = 0;

	faults = bpf_map_lookup_elem(&hw_faults, &zero);
	if (faults)
		++*faults;
	if ((ctx->addr & 15) != HW_SIZE_AT || ctx->addr >> HW_ADDRESS_BITS)
		return 0;
	p = hw_current(&tgid, &tid);
	if (!p || p->seen == HW_SEEN_ALL)
		return 0;
	t = hw_thread(p, tid);
	if (!t)
		return 0;
	began = bpf_ktime_get_ns();
	hw_touched(ctx, p, tgid, t);
	__sync_fetch_and_add(&p->run_ns, bpf_ktime_get_ns() - began);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
