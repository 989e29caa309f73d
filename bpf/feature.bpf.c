// SPDX-License-Identifier: GPL-2.0
/*
 * feature.bpf.c: what this kernel can do, tried.  A link that attaches proves nothing (with ftrace
 * switched off fentry and kprobes attach and never fire), so each program here counts.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "hw_kernel.h"

__u64 hw_hits[8];
const volatile __u32 hw_me; /* only the daemon's own calls count */

extern bool bpf_session_is_return(void) __weak __ksym;

static __always_inline int hw_hit(__u32 i)
{
	if (bpf_get_current_pid_tgid() >> 32 == hw_me)
		__sync_fetch_and_add(&hw_hits[i & 7], 1);
	return 0;
}

#ifdef __TARGET_ARCH_x86
#define HW_SYS(call) "__x64_sys_" #call
#else
#define HW_SYS(call) "__arm64_sys_" #call
#endif

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

SEC("?uprobe") int hw_t_session(void *ctx)
{
	return hw_hit(bpf_session_is_return() ? 5 : 4);
}

/* An empty one: what a trap costs is timed with it. */
SEC("?uprobe") int hw_t_uprobe(void *ctx)
{
	return 0;
}

SEC("?uretprobe") int hw_t_uretprobe(void *ctx)
{
	return 0;
}

/* Loading it needs BTF and nothing else. */
SEC("?tp_btf/sched_process_exit") int hw_t_tpbtf(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
