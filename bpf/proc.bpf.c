// SPDX-License-Identifier: GPL-2.0
/* proc.bpf.c: fork, exec and exit of watched processes, exit of their threads. */
#include "core.bpf.h"
#include "unwind.bpf.h"

/* What a pointer of the kernel's leads to is read by BPF_CORE_READ here: followed directly, each
 * costs the verifier a search through all names of the kernel's types, 1 to 3 ms; and these are
 * rare. */

/* Whoever was armed is in here once it has gone. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hw_gone);
} hw_gone __weak SEC(".maps");

static __always_inline void hw_tell_fork(struct hw_proc *p, __u32 owner, struct task_struct *child,
					 __u32 flags)
{
	struct hw_proc_fork *e;
	void *ring;

	e = hw_reserve(p, owner, HW_PROC_FORK, sizeof(*e), &ring);
	if (!e)
		return;
	e->start = child->start_boottime;
	e->child = child->tgid;
	e->flags = flags;
	/* Rare, and the daemon has to act: a wake-up for each record here. */
	bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
}

/*
 * Called in the parent, before the child has run (kernel_clone() wakes it up after the trace
 * point): who is watched from here on has not done anything yet.
 */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(hw_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 tgid, tid, owner, pid = child->tgid;
	struct hw_proc *self = hw_self(&tgid, &tid), *p, fresh = {};
	struct hw_space *space;
	bool shares;

	if (!self || pid == tgid)
		return 0;
	shares = BPF_CORE_READ(child, mm) == BPF_CORE_READ(parent, mm);
	if (!(self->flags & HW_PROC_FOLLOW)) {
		if (!shares && (self->seen != HW_SEEN_NONE || self->requests))
			hw_tell_fork(self, tgid, child, HW_FORK_ALONE);
		return 0;
	}
	p = self;
	owner = tgid;
	if (self->owner) {
		owner = self->owner;
		p = bpf_map_lookup_elem(&hw_procs, &owner);
		if (!p)
			return 0;
	}
	fresh.start = child->start_boottime;
	fresh.ring = self->ring;
	fresh.flags = HW_PROC_FOLLOW | HW_PROC_FORKED;
	fresh.image = p->image;
	fresh.touched_ns = HW_TOUCH_CHILD * hw_touch_step();
	if (fresh.touched_ns < p->touched_ns)
		fresh.touched_ns = p->touched_ns;
	/* Before its first call, and after its parent's record of the level, which it shares. */
	fresh.turn = self->turn;
	fresh.seen = self->seen;
	fresh.muted = self->muted;
	if (shares)
		fresh.owner = owner;
	if (bpf_map_update_elem(&hw_procs, &pid, &fresh, BPF_ANY)) {
		hw_count(&p->unfollowed);
		return 0;
	}
	space = fresh.owner ? NULL : bpf_map_lookup_elem(&hw_spaces, &owner);
	if (space)
		bpf_map_update_elem(&hw_spaces, &pid, space, BPF_ANY);
	hw_tell_fork(p, owner, child, fresh.owner ? HW_FORK_SHARES : 0);
	return 0;
}

/* The thread that calls exec is the leader from then on; de_thread() ended all others. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(hw_exec, struct task_struct *task, __s32 old_tid, struct linux_binprm *bprm)
{
	__u32 tgid, tid, old = old_tid;
	struct hw_proc *p = hw_self(&tgid, &tid);
	struct hw_proc_exec *e;
	struct mm_struct *mm;
	__u64 start, end;
	void *ring;

	if (!p)
		return 0;
	bpf_map_delete_elem(&hw_threads, &tid);
	bpf_map_delete_elem(&hw_threads, &old);
	/* The old program's code is gone.  Until the daemon has told what is mapped now, stacks are
	 * walked by frame pointers: short, but not wrong. */
	bpf_map_delete_elem(&hw_spaces, &tgid);
	p->owner = 0;
	p->image = bpf_ktime_get_ns() ^ ((__u64)tgid << 40);
	p->execs++;
	e = hw_reserve(p, tgid, HW_PROC_EXEC, sizeof(*e), &ring);
	if (!e)
		return 0;
	e->start = p->start;
	e->max_rss_pages = BPF_CORE_READ(task, signal, maxrss);
	mm = BPF_CORE_READ(task, mm);
	e->flags = mm && !(BPF_CORE_READ(mm, task_size) >> 32) ? HW_EXEC_32BIT : 0;
	e->pad = 0;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	e->path[0] = 0;
	bpf_probe_read_kernel_str(e->path, sizeof(e->path), BPF_CORE_READ(bprm, filename));
	e->path[sizeof(e->path) - 1] = 0;
	bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
	if (!mm)
		return 0;
	start = BPF_CORE_READ(mm, start_code);
	end = BPF_CORE_READ(mm, end_code);
	if (end > start)
		hw_emit_module(p, tgid, BPF_CORE_READ(bprm, file), start, end - start,
			       HW_MODULE_FIRST);
	return 0;
}

/* Threads that ended before are in the sum of the group (__exit_signal()); a leader that did not
 * wait for them is not. */
static __always_inline void hw_account(const struct hw_proc *p, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	__u64 cpu = BPF_CORE_READ(task, signal, sum_sched_runtime) + task->se.sum_exec_runtime;
	struct hw_gone *gone;
	__u32 zero = 0;

	if (leader != task)
		cpu += BPF_CORE_READ(leader, se.sum_exec_runtime);
	gone = bpf_map_lookup_elem(&hw_gone, &zero);
	if (!gone)
		return;
	__sync_fetch_and_add(&gone->hits, p->hits);
	__sync_fetch_and_add(&gone->stepped, p->stepped);
	__sync_fetch_and_add(&gone->returns, p->returns);
	__sync_fetch_and_add(&gone->large_hits, p->large_hits);
	__sync_fetch_and_add(&gone->large_ns, p->large_ns);
	__sync_fetch_and_add(&gone->run_ns, p->run_ns);
	__sync_fetch_and_add(&gone->cpu_ns, cpu);
}

SEC("tp_btf/sched_process_exit") int BPF_PROG(hw_exit, struct task_struct *task)
{
	__u32 tgid, tid;
	struct hw_proc *p = hw_self(&tgid, &tid);
	struct hw_proc_exit *e;
	void *ring;

	if (!p)
		return 0;
	bpf_map_delete_elem(&hw_threads, &tid);
	if (BPF_CORE_READ(task, signal, live.counter))
		return 0;
	/* Not between the reserve and its check: 6.1 forgets there that the record is not NULL. */
	hw_account(p, task);
	e = hw_reserve(p, tgid, HW_PROC_EXIT, sizeof(*e), &ring);
	p->flags |= HW_PROC_GONE;
	if (!e)
		return 0;
	e->status = task->exit_code;
	e->pad = 0;
	e->max_rss_pages = BPF_CORE_READ(task, signal, maxrss);
	e->produced = p->produced;
	e->lost = p->lost;
	e->broken = p->broken;
	e->nothread = p->nothread;
	e->hits = p->hits;
	e->unfollowed = p->unfollowed;
	e->stepped = p->stepped;
	e->returns = p->returns;
	e->run_ns = p->run_ns;
	bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";

/* For a link that comes and goes: src/probe/sweeper.h. */
SEC("?uprobe") int hw_pass(struct pt_regs *ctx)
{
	return 0;
}
