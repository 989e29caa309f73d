// SPDX-License-Identifier: GPL-2.0
/*
 * touch.bpf.c: page faults of a glibc heap's growth, which say who asked for the block that reaches
 * into the new page (model/crossings.h).  A perf event counts each CPU's page faults, whoever's,
 * and each so many comes here.
 */
#include "core.bpf.h"
#include <linux/bpf_perf_event.h>

#include "unwind.bpf.h"

/* Of 2^20 ns of a thread's run time so many may go into this; bytes of a page: set before loading.
 */
const volatile __u32 hw_touch_rate = 1;
const volatile __u32 hw_page = 4096;

/* Faults that came here, so that they do not become too many (probe/touches.c). */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} hw_faults SEC(".maps");

/* Run time of a child's first thread until then. */
#define HW_TOUCH_YOUNG_NS 10000000ull

/* What is written behind a chunk. */
#define HW_SIZE_AT   8
#define HW_CHUNK_MIN 32
/* What is larger is a mapping of its own (malloc/malloc.c: DEFAULT_MMAP_THRESHOLD_MAX, 32 MiB). */
#define HW_CHUNK_MAX (64ull << 20)

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

/* Where the chunk begins that ends there, or 0.  No loop: Linux 6.1 takes none that begins behind a
 * call ("back-edge"). */
static __always_inline __u64 hw_start(struct hw_thread *t, struct bpf_perf_event_data *ctx,
				      __u64 end)
{
	const __u64 *regs = (const __u64 *)&ctx->regs;
	__u64 start = 0;

#pragma unroll
	for (int i = 0; i < HW_FAULT_REGS; i++)
		t->object[i] = regs[i];
#pragma unroll
	for (int i = 0; i < HW_FAULT_REGS; i++)
		if (!start)
			start = hw_start_by(t, t->object[i], end);
	return start;
}

/* What this thread ran since the last time is worth so much. */
static __always_inline void hw_earn(struct hw_proc *p, struct hw_thread *t)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	__u64 run = task->se.sum_exec_runtime, since = run - t->touch_run, worth;

	if (!t->touch_run || since >> 40)
		since = 0;
	t->touch_run = run;
	worth = since * hw_touch_rate >> HW_TOUCH_RATE_BITS;
	p->touched_ns = worth < p->touched_ns ? p->touched_ns - worth : 0;
}

/* Of so many bytes of growth one touch is worth a record now. */
static __always_inline __u64 hw_each(const struct hw_proc *p)
{
	__u64 shift = p->touched_ns / (hw_touch_step() | 1);

	return (__u64)hw_page << (shift < HW_TOUCH_SHIFT_MAX ? shift : HW_TOUCH_SHIFT_MAX);
}

/*
 * The chunk that ends here is no larger than this, if it was cut off: from where the thread's last
 * one ended, but for what lies between in the page where that was.
 */
static __always_inline __u64 hw_largest(struct hw_thread *t, __u64 end)
{
	__u64 since = end - t->touch_end, least = 2 * (__u64)hw_page;

	t->touch_end = end;
	return since > HW_CHUNK_MAX ? HW_CHUNK_MAX : since < least ? least : since;
}

static __always_inline int hw_touched(struct bpf_perf_event_data *ctx, struct hw_proc *p,
				      __u32 tgid, struct hw_thread *t)
{
	struct hw_regs r = {.ip = PT_REGS_IP(&ctx->regs),
			    .sp = PT_REGS_SP(&ctx->regs),
			    .bp = PT_REGS_FP(&ctx->regs),
			    .lr = HW_LINK(&ctx->regs)};
	__u64 end = ctx->addr - HW_SIZE_AT, start, stack, faults = ctx->sample_period;
	__u64 each = hw_each(p), drawn = bpf_get_prandom_u32() & (each - 1);
	__u64 largest = hw_largest(t, end);
	struct hw_heap_touch *e;
	void *ring;

	/* Who sees the call of malloc needs no other; one that is there was touched before. */
	if (drawn >= largest || hw_has_call(p, t) ||
	    !bpf_probe_read_user(&t->word, sizeof(t->word), (void *)ctx->addr))
		return 0;
	start = hw_start(t, ctx, end);
	/* A block is told of as often as it is large, and always where it is as large as that. */
	if (!start || (drawn >= hw_page && drawn >= end - start))
		return 0;
	if (!faults || faults > 65535)
		faults = 1;
	/* It has grown where it was: it was drawn as one of the size that it grew by. */
	if (end - start > largest && each > largest) {
		faults *= each / largest;
		each = hw_page;
	}
	/* For the walk, in the slot: they are not to be followed through it. */
	t->arg = start;
	t->extra = end;
	t->size = faults << 32 | each >> 12;
	stack = hw_stack(p, tgid, t, &r);
	e = hw_reserve(p, tgid, HW_HEAP_TOUCH, sizeof(*e), &ring);
	if (!e)
		return 0;
	e->start = t->arg;
	e->end = t->extra;
	e->stack = stack;
	e->pages = t->size;
	e->faults = t->size >> 32;
	hw_submit(e, ring, sizeof(*e));
	return 0;
}

/* Of a child that may be over in a moment nothing is told yet: its first touch would take it some
 * us, for a slot. */
static __always_inline bool hw_is_young(const struct hw_proc *p)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();

	return p->flags & HW_PROC_FORKED &&
	       task->group_leader->se.sum_exec_runtime < HW_TOUCH_YOUNG_NS;
}

SEC("?perf_event") int hw_touch(struct bpf_perf_event_data *ctx)
{
	struct hw_thread *t;
	struct hw_proc *p;
	__u64 *faults, began, took;
	__u32 tgid, tid, zero = 0;

	faults = bpf_map_lookup_elem(&hw_faults, &zero);
	if (faults)
		++*faults;
	if ((ctx->addr & 15) != HW_SIZE_AT || ctx->addr >> HW_ADDRESS_BITS)
		return 0;
	p = hw_current(&tgid, &tid);
	if (!p || p->seen == HW_SEEN_ALL || hw_is_young(p))
		return 0;
	t = hw_thread(p, tid);
	if (!t)
		return 0;
	began = bpf_ktime_get_ns();
	hw_earn(p, t);
	hw_touched(ctx, p, tgid, t);
	took = bpf_ktime_get_ns() - began;
	p->touched_ns += took;
	__sync_fetch_and_add(&p->run_ns, took);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
