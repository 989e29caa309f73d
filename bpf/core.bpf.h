/* SPDX-License-Identifier: GPL-2.0 */
/*
 * core.bpf.h: what all BPF programs share: the maps, who is watched, writing a record.
 * Maps are weak so that bpftool's linker makes one of the objects' copies.
 */
#ifndef HW_CORE_BPF_H
#define HW_CORE_BPF_H

#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "heapwatch/event.h"
#include "heapwatch/python.h"
#include "hw_kernel.h"
#include "machine.bpf.h"

/* Words of the stack that are copied at once. */
#define HW_STACK_WORDS 128

/* One thread's call that is under way.  A slot belongs to its thread: nobody else writes it, which
 * a per-CPU scratch could not promise, for these programs can be preempted. */
struct hw_thread {
	__u64 sp;  /* user stack pointer at the outermost call's entry; 0: none under way */
	__u64 arg; /* realloc: the old block; posix_memalign: where the pointer goes */
	__u64 size;
	__u64 extra; /* xallocx: bytes that it may have beyond size */
	__u64 stack;
	__u64 vm_addr, vm_len; /* mremap or munmap under way */
	__u32 fn;
	__u32 epoch; /* hw_proc's when the call began */
	struct hw_walk {
		__u64 ip, sp, bp, key;
		__u64 key_before; /* key without the last frame */
		__u64 top;	  /* what top[] is a copy of; 0: of nothing */
		__u32 n, flags, tgid;
#ifdef __TARGET_ARCH_arm64
		__u64 lr;     /* x30 where ip is exact */
		__u8 lost_sp; /* sp is a guess: at least that */
#endif
		__u8 exact;   /* ip is where the thread is, not where it returns to */
		__u8 lost_bp; /* bp is not this frame's */
		__u8 mode;    /* enum hw_walk_mode */
		/* An interpreter's frames (python.bpf.h). */
		__u8 py_then;	 /* the mode after a scan */
		__u64 py_at;	 /* where on the C stack the next run of frames belongs; 0: none */
		__u64 py_frame;	 /* the first of that run, or the next */
		__u64 py_cframe; /* the cframe behind that at py_at */
		__u64 py_scan;	 /* a search under way: a frame, or a thread's state */
		__u64 py_interp; /* ... of this interpreter */
		__u64 py_pc;	 /* the eval function's own frame, which the run replaces */
		__u64 ip_after, sp_after, bp_after; /* its caller */
		__u64 seed;			    /* of the ids of code objects */
		__u32 py_first;			    /* the run's first frame */
		__u32 py_steps;			    /* of the scan */
		__u32 py_searched;		    /* for the thread's state, in this walk */
		__u32 in_jit; /* the last frame but the one under way is HW_PC_JIT */
	} walk;
	__u32 low, high; /* a binary search under way */
	__u64 touch_run; /* its run time when it was last looked at (touch.bpf.c), ns */
	__u64 touch_end; /* of the last chunk that was */
	__u64 word;	 /* what was read last of what is not in top[] */
	__u64 py_state;	 /* this thread's PyThreadState when last seen; 0: not looked for */
	__u64 object[HW_PYTHON_WORDS]; /* what was read of an object of the interpreter's */
	__u64 text[8];
	__u64 top[HW_STACK_WORDS]; /* a copy of the stack's top: one long read costs as much as a
				      short */
	/* The record of a new stack is built here; its pc[] is the room for every walk. */
	struct hw_stack_room {
		struct hw_hdr hdr;
		__u64 stack;
		__u16 nframes;
		__u16 flags;
		__u32 pad;
		__u64 pc[HW_MAX_FRAMES];
	} rec;
};
/* Memory for a slot comes from caches of up to 4096 bytes (kernel/bpf/memalloc.c). */
_Static_assert(sizeof(struct hw_thread) < 4096 - 64, "hw_thread");
_Static_assert(offsetof(struct hw_stack_room, pc) == sizeof(struct hw_stack), "as struct hw_stack");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024); /* --max-processes */
	__type(key, __u32);	   /* tgid */
	__type(value, struct hw_proc);
} hw_procs __weak SEC(".maps");

/* A slot is made when its thread first calls: all of them at once are 28 MiB, of which most
 * programs use a handful. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384); /* --max-threads */
	__type(key, __u32);	    /* tid */
	__type(value, struct hw_thread);
} hw_threads __weak SEC(".maps");

/* What a thread's slot starts as: too large for the BPF stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hw_thread);
} hw_blank __weak SEC(".maps");

/* Stacks that were written already.  LRU: one that was forgotten is only written again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, __u8);
} hw_stacks __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, HW_MAX_RINGS);
	__type(key, __u32);
	__array(
	    values, struct {
		    __uint(type, BPF_MAP_TYPE_RINGBUF);
		    __uint(max_entries, 4096);
	    });
} hw_rings __weak SEC(".maps");

/* Wake the daemon once per this many bytes in a ring: a power of two, set before loading. */
extern const volatile __u32 hw_wake_bytes;

/* How many windows are open, of all processes. */
extern __u32 hw_windows;

/* Of touch.bpf.c: of 2^20 ns of run time so many may go into touches. */
extern const volatile __u32 hw_touch_rate;
#define HW_TOUCH_RATE_BITS 20
/* When touches have taken what so many ns of run time are worth beyond what there was, each second
 * is told of, then each fourth ...: programs grow most when they begin. */
#define HW_TOUCH_STEP	   (800ull << 20)
#define HW_TOUCH_SHIFT_MAX 12
/* A child does not begin anew, or a thousand short ones would be all beginnings. */
#define HW_TOUCH_CHILD 4

static __always_inline __u64 hw_touch_step(void)
{
	return (HW_TOUCH_STEP >> HW_TOUCH_RATE_BITS) * hw_touch_rate;
}

static __always_inline void hw_count(__u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

/* While a window is open, of whoever, each hit is timed, for what its few hundred took has to be
 * known well; else one in 16: when it began, with a bit that says which, or 0. */
static __always_inline __u64 hw_clock(void)
{
	if (hw_windows)
		return bpf_ktime_get_ns() | 1;
	return bpf_get_prandom_u32() & 15 ? 0 : bpf_ktime_get_ns() & ~1ull;
}

/* What was counted. */
static __always_inline __u64 hw_clocked(struct hw_proc *p, __u64 began)
{
	__u64 took;

	if (!began)
		return 0;
	took = (bpf_ktime_get_ns() - began) << (began & 1 ? 0 : 4);
	__sync_fetch_and_add(&p->run_ns, took);
	return took;
}

/* The entry of the process that runs, or NULL where it is not watched. */
static __always_inline struct hw_proc *hw_self(__u32 *tgid, __u32 *tid)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct task_struct *task;
	struct hw_proc *p;
	__u64 start;

	*tgid = id >> 32;
	*tid = (__u32)id;
	p = bpf_map_lookup_elem(&hw_procs, tgid);
	if (!p || (p->flags & HW_PROC_GONE))
		return NULL;
	task = (void *)bpf_get_current_task_btf();
	start = task->group_leader->start_boottime;
	if (p->start != start) {
		if (p->start)
			return NULL; /* a pid used again */
		p->image = start ^ ((__u64)*tgid << 40);
		p->start = start;
	}
	return p;
}

/* The watched process in whose memory the one that runs does so, or NULL. */
static __always_inline struct hw_proc *hw_current(__u32 *tgid, __u32 *tid)
{
	struct hw_proc *p = hw_self(tgid, tid);

	if (!p || !p->owner)
		return p;
	*tgid = p->owner;
	p = bpf_map_lookup_elem(&hw_procs, tgid);
	return p && !(p->flags & HW_PROC_GONE) ? p : NULL;
}

static __always_inline void hw_header(struct hw_hdr *h, __u32 tgid, __u16 kind, __u16 size)
{
	h->tgid = tgid;
	h->kind = kind;
	h->size = size;
	h->time = bpf_ktime_get_ns();
}

static __always_inline void *hw_ring(const struct hw_proc *p)
{
	__u32 ring = p->ring;

	return bpf_map_lookup_elem(&hw_rings, &ring);
}

/* No wake-up for each record: one when a record crosses a multiple of hw_wake_bytes.  One that is
 * missed in a race only waits for the daemon's timed drain. */
static __always_inline __u64 hw_wake(void *ring, __u32 size)
{
	__u64 filled = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);

	return (filled & (hw_wake_bytes - 1)) < size + 8 && filled >= hw_wake_bytes
		   ? BPF_RB_FORCE_WAKEUP
		   : BPF_RB_NO_WAKEUP;
}

/*
 * Reserve a record of a constant size, its header written, or count the loss and give NULL.
 * *ring is for hw_submit.
 */
static __always_inline void *hw_reserve(struct hw_proc *p, __u32 tgid, __u16 kind, __u32 size,
					void **ring)
{
	struct hw_hdr *h = NULL;

	hw_count(&p->produced);
	*ring = hw_ring(p);
	if (*ring)
		h = bpf_ringbuf_reserve(*ring, size, 0);
	if (!h) {
		hw_count(&p->lost);
		return NULL;
	}
	hw_header(h, tgid, kind, size);
	return h;
}

/* Tell that this file's code lies there now. */
static __always_inline void hw_emit_module(struct hw_proc *p, __u32 tgid, struct file *file,
					   __u64 addr, __u64 len, __u64 offset)
{
	struct hw_module *e;
	__u32 dev = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
	void *ring;

	e = hw_reserve(p, tgid, HW_MODULE, sizeof(*e), &ring);
	if (!e)
		return;
	e->addr = addr;
	e->len = len;
	e->offset = offset;
	e->inode = BPF_CORE_READ(file, f_inode, i_ino);
	e->dev_major = dev >> 20;
	e->dev_minor = dev & 0xfffff;
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
}

static __always_inline void hw_submit(void *rec, void *ring, __u32 size)
{
	bpf_ringbuf_submit(rec, hw_wake(ring, size));
}

static __always_inline void hw_emit_alloc(struct hw_proc *p, __u32 tgid, __u64 addr, __u64 size,
					  __u64 stack)
{
	struct hw_alloc *e;
	void *ring;

	e = hw_reserve(p, tgid, HW_ALLOC, sizeof(*e), &ring);
	if (!e)
		return;
	e->addr = addr;
	e->size = size;
	e->stack = stack;
	hw_submit(e, ring, sizeof(*e));
}

static __always_inline void hw_emit_free(struct hw_proc *p, __u32 tgid, __u64 addr)
{
	struct hw_free *e;
	void *ring;

	e = hw_reserve(p, tgid, HW_FREE, sizeof(*e), &ring);
	if (!e)
		return;
	e->addr = addr;
	hw_submit(e, ring, sizeof(*e));
}

/* The slot of this thread, made where there is none.  NULL: the map is full, which is counted. */
static __always_inline struct hw_thread *hw_thread(struct hw_proc *p, __u32 tid)
{
	struct hw_thread *t = bpf_map_lookup_elem(&hw_threads, &tid);
	__u32 zero = 0;

	if (t)
		return t;
	t = bpf_map_lookup_elem(&hw_blank, &zero);
	if (t) {
		bpf_map_update_elem(&hw_threads, &tid, t, BPF_NOEXIST);
		t = bpf_map_lookup_elem(&hw_threads, &tid);
	}
	if (!t)
		hw_count(&p->nothread);
	return t;
}

/* Were the probes of that call's function there all the time since it began? */
static __always_inline bool hw_seen_since(const struct hw_proc *p, const struct hw_thread *t)
{
	if (t->epoch == p->epoch)
		return true;
	return t->fn != HW_FN_MALLOC && t->fn != HW_FN_CALLOC && (__s32)(t->epoch - p->whole) >= 0;
}

/* Is a call of this thread under way?  One from before the probes came or went lost its half, and
 * is forgotten. */
static __always_inline bool hw_has_call(const struct hw_proc *p, struct hw_thread *t)
{
	if (t->sp && !hw_seen_since(p, t))
		t->sp = 0;
	return t->sp != 0;
}

#endif
