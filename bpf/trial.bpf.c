// SPDX-License-Identifier: GPL-2.0
/*
 * trial.bpf.c: all registers at each of many places of a child of our own, to find out which places
 * see what.  No kfunc and no CO-RE, as in feature.bpf.c.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>

#include "heapwatch/trial.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 32 << 20);
} hw_hits_ring SEC(".maps");

__u64 hw_missed;

SEC("?uprobe") int hw_trial(struct pt_regs *ctx)
{
	struct hw_trial_hit *e = bpf_ringbuf_reserve(&hw_hits_ring, sizeof(*e), 0);

	if (!e) {
		__sync_fetch_and_add(&hw_missed, 1);
		return 0;
	}
	e->time = bpf_ktime_get_ns();
	e->tid = (__u32)bpf_get_current_pid_tgid();
	e->place = (__u32)bpf_get_attach_cookie(ctx);
	bpf_probe_read_kernel(e->regs, sizeof(e->regs), ctx);
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
