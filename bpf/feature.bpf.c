// SPDX-License-Identifier: GPL-2.0
/*
 * feature.bpf.c: what this kernel can do, tried.  A link that attaches proves nothing (with ftrace
 * switched off fentry and kprobes attach and never fire), so each program here counts.
 * No kfunc and no CO-RE here: for them libbpf would read all of the kernel's BTF, 10 ms each time.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "machine.bpf.h"

__u64 hw_hits[8];
const volatile __u32 hw_me; /* only the daemon's own calls count */

static __always_inline int hw_hit(__u32 i)
{
	if (bpf_get_current_pid_tgid() >> 32 == hw_me)
		__sync_fetch_and_add(&hw_hits[i & 7], 1);
	return 0;
}

SEC("?fexit/" HW_SYS(munmap)) int hw_t_fentry(void *ctx)
{
	return hw_hit(1);
}

SEC("?kretprobe/" HW_SYS(munmap)) int hw_t_kprobe(void *ctx)
{
	return hw_hit(2);
}

SEC("?tp/syscalls/sys_exit_munmap") int hw_t_tp(void *ctx)
{
	return hw_hit(3);
}

/* On entry and on return of one function: a call counts twice. */
SEC("?uprobe") int hw_t_user(void *ctx)
{
	return hw_hit(4);
}

/* What a trap costs is timed with it. */
SEC("?uprobe") int hw_t_empty(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
