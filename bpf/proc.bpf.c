// SPDX-License-Identifier: GPL-2.0
/* proc.bpf.c: exec and exit of watched processes and of their threads. */
#include "core.bpf.h"
#include "unwind.bpf.h"

static __always_inline void hw_proc_emit(struct hw_proc *p, __u32 tgid, __u16 kind, __u32 status)
{
	struct hw_proc_event *e;
	void *ring;

	e = hw_reserve(p, tgid, kind, sizeof(*e), &ring);
	if (!e)
		return;
	e->status = status;
	e->pad = 0;
	/* Rare, and the daemon has to act: a wake-up each. */
	bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
}

/* The thread that calls exec is the leader from then on; de_thread() ended all others. */
SEC("tp_btf/sched_process_exec") int BPF_PROG(hw_exec, struct task_struct *task, __s32 old_tid)
{
	__u32 tgid, tid, old = old_tid;
	struct hw_proc *p = hw_current(&tgid, &tid);

	if (!p)
		return 0;
	bpf_map_delete_elem(&hw_threads, &tid);
	bpf_map_delete_elem(&hw_threads, &old);
	/* The old program's code is gone.  Until the daemon has told what is mapped now, stacks are
	 * walked by frame pointers: short, but not wrong. */
	bpf_map_delete_elem(&hw_spaces, &tgid);
	hw_proc_emit(p, tgid, HW_PROC_EXEC, 0);
	return 0;
}

SEC("tp_btf/sched_process_exit") int BPF_PROG(hw_exit, struct task_struct *task)
{
	__u32 tgid, tid;
	struct hw_proc *p = hw_current(&tgid, &tid);

	if (!p)
		return 0;
	bpf_map_delete_elem(&hw_threads, &tid);
	if (task->signal->live.counter)
		return 0;
	hw_proc_emit(p, tgid, HW_PROC_EXIT, task->exit_code);
	p->flags |= HW_PROC_GONE;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
