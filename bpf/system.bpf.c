// SPDX-License-Identifier: GPL-2.0
/*
 * system.bpf.c: brk, mmap, mremap and munmap of every process, counted, and the callsites that hold
 * what they mapped.  An object of its own, for a view that watches nobody: maps that are read now
 * and then, no ring, nothing before the system call itself.
 *
 * Each at its exit, as fexit, kretprobe or syscall tracepoint; the arguments are in the user's
 * saved registers.  Two threads that map and unmap the same range at once can be counted in the
 * wrong order: a callsite's bytes are a pointer to where to look, not an account.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "heapwatch/limits.h"
#include "heapwatch/system.h"
#include "hw_kernel.h"
#include "machine.bpf.h"

#define HW_MAP_ANONYMOUS 0x20

/* How far above the stack pointer a wrapper may have left its return address. */
#define HW_TOP_WORDS 8

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct hw_system);
} hw_system SEC(".maps");

/* LRU: of a machine with more, the callsites and ranges that are not used any more make room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct hw_site_key);
	__type(value, struct hw_site);
} hw_sites SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct hw_range_key);
	__type(value, struct hw_range);
} hw_ranges SEC(".maps");

struct hw_call {
	struct hw_system *p;
	struct pt_regs *regs;
	__u32 tgid, exec;
};

static __always_inline bool hw_failed(__u64 ret)
{
	return ret >= (__u64)-4095;
}

/* The process that runs, its entry made where there is none. */
static __always_inline bool hw_call(struct hw_call *c)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct hw_system blank = {.start = task->group_leader->start_boottime};

	c->tgid = bpf_get_current_pid_tgid() >> 32;
	c->exec = task->self_exec_id;
	c->regs = (void *)bpf_task_pt_regs((void *)task);
	c->p = bpf_map_lookup_elem(&hw_system, &c->tgid);
	if (!c->p) {
		blank.exec = c->exec;
		bpf_map_update_elem(&hw_system, &c->tgid, &blank, BPF_NOEXIST);
		c->p = bpf_map_lookup_elem(&hw_system, &c->tgid);
	}
	if (!c->p || !c->regs)
		return false;
	if (c->p->exec != c->exec) {
		c->p->exec = c->exec;
		c->p->site = c->p->site_bytes = c->p->brk = 0;
	}
	return true;
}

static __always_inline __u64 hw_mix(__u64 key, __u64 pc)
{
	key = (key ^ pc) * 0x9e3779b97f4a7c15ull;
	return key ^ key >> 29;
}

/* The frames of the call under way, and their key. */
static __always_inline __u64 hw_frames(const struct hw_call *c, struct hw_site *s)
{
	__u64 sp = PT_REGS_SP(c->regs), bp = PT_REGS_FP(c->regs), key;
	__u32 n = 1;
#ifdef __TARGET_ARCH_x86
	__u64 top[HW_TOP_WORDS] = {};
#endif

	s->pc[0] = PT_REGS_IP(c->regs);
	key = hw_mix(c->tgid, s->pc[0]);
#ifdef __TARGET_ARCH_x86
	bpf_probe_read_user(top, sizeof(top), (void *)sp);
	for (__u32 i = 0; i < HW_TOP_WORDS; i++)
		if (hw_after_call(top[i])) {
			s->pc[n++] = top[i];
			break;
		}
#else
	s->pc[n++] = hw_code_address(PT_REGS_RET(c->regs));
#endif
	/* Code without frame pointers has anything in that register. */
	for (__u32 i = n; i < HW_SITE_FRAMES; i++) {
		__u64 frame[2], pc;

		/* On arm64 a wrapper makes no frame, and its caller's record can be at sp. */
		if (bp < sp || bp - sp > HW_MAX_FRAME_SIZE || bp & 7 ||
		    bpf_probe_read_user(frame, sizeof(frame), (void *)bp))
			break;
		pc = hw_code_address(frame[1]);
		if (!hw_after_call(pc))
			break;
		if (n != 2 || pc != s->pc[1])
			s->pc[n++ & (HW_SITE_FRAMES - 1)] = pc;
		sp = bp + sizeof(frame);
		bp = frame[0];
	}
	s->nframes = n;
	for (__u32 i = 1; i < HW_SITE_FRAMES; i++)
		if (i < n)
			key = hw_mix(key, s->pc[i]);
	return key ? key : 1;
}

/* A callsite holds so much more, or less. */
static __always_inline void hw_charge(const struct hw_call *c, __u64 site, __s64 bytes)
{
	struct hw_site_key key = {.site = site, .tgid = c->tgid, .exec = c->exec};
	struct hw_site *s = bpf_map_lookup_elem(&hw_sites, &key);
	__s64 now;

	if (!s)
		return;
	__sync_fetch_and_add(&s->bytes, bytes);
	if (bytes > 0)
		__sync_fetch_and_add(&s->maps, 1);
	now = s->bytes;
	if (c->p->site == site) {
		c->p->site_bytes = now > 0 ? now : 0;
	} else if (now > 0 && (__u64)now > c->p->site_bytes) {
		c->p->site = site;
		c->p->site_bytes = now;
	}
}

static __always_inline __u64 hw_charge_here(const struct hw_call *c, __s64 bytes)
{
	struct hw_site_key key = {.tgid = c->tgid, .exec = c->exec};
	struct hw_site s = {};

	key.site = hw_frames(c, &s);
	bpf_map_update_elem(&hw_sites, &key, &s, BPF_NOEXIST);
	hw_charge(c, key.site, bytes);
	return key.site;
}

static __always_inline void hw_range_add(const struct hw_call *c, __u64 addr, __u64 len, __u64 site)
{
	struct hw_range_key key = {.addr = addr, .tgid = c->tgid, .exec = c->exec};
	struct hw_range r = {.len = len, .site = site};

	bpf_map_update_elem(&hw_ranges, &key, &r, BPF_ANY);
}

/* [addr, addr + len) is gone: who mapped it, and what is left behind it.  0: not known. */
static __always_inline __u64 hw_range_take(const struct hw_call *c, __u64 addr, __u64 len)
{
	struct hw_range_key key = {.addr = addr, .tgid = c->tgid, .exec = c->exec};
	struct hw_range *found = bpf_map_lookup_elem(&hw_ranges, &key), r;

	if (!found)
		return 0;
	r = *found;
	bpf_map_delete_elem(&hw_ranges, &key);
	if (len < r.len)
		hw_range_add(c, addr + len, r.len - len, r.site);
	hw_charge(c, r.site, -(__s64)(len < r.len ? len : r.len));
	return r.site;
}

static __always_inline __u64 hw_pages(__u64 len)
{
	return (len + 4095) & ~4095ull;
}

static __always_inline int hw_mmap(__u64 ret)
{
	struct hw_call c;
	__u64 len;

	if (hw_failed(ret) || !hw_call(&c))
		return 0;
	__sync_fetch_and_add(&c.p->mmaps, 1);
	/* Files are in nobody's heap, and PROT_NONE is address space only. */
	if (!(PT_REGS_PARM4_SYSCALL(c.regs) & HW_MAP_ANONYMOUS) || !PT_REGS_PARM3(c.regs))
		return 0;
	len = hw_pages(PT_REGS_PARM2(c.regs));
	__sync_fetch_and_add(&c.p->mapped, len);
	hw_range_add(&c, ret, len, hw_charge_here(&c, len));
	return 0;
}

static __always_inline int hw_munmap(__u64 ret)
{
	struct hw_call c;
	__u64 len;

	if (ret || !hw_call(&c))
		return 0;
	len = hw_pages(PT_REGS_PARM2(c.regs));
	__sync_fetch_and_add(&c.p->munmaps, 1);
	__sync_fetch_and_add(&c.p->unmapped, len);
	hw_range_take(&c, hw_syscall_arg1(c.regs), len);
	return 0;
}

static __always_inline int hw_mremap(__u64 ret)
{
	struct hw_call c;
	__u64 len, site;

	if (hw_failed(ret) || !hw_call(&c))
		return 0;
	len = hw_pages(PT_REGS_PARM3(c.regs));
	site = hw_range_take(&c, hw_syscall_arg1(c.regs), hw_pages(PT_REGS_PARM2(c.regs)));
	if (!site)
		return 0;
	hw_charge(&c, site, len);
	hw_range_add(&c, ret, len, site);
	return 0;
}

static __always_inline int hw_brk(__u64 ret)
{
	struct hw_call c;
	__u64 before;

	if (!hw_call(&c))
		return 0;
	before = c.p->brk;
	c.p->brk = ret;
	/* brk(0) asks; a refused brk answers with the old break. */
	if (hw_syscall_arg1(c.regs) != ret)
		return 0;
	__sync_fetch_and_add(&c.p->brks, 1);
	if (before)
		hw_charge_here(&c, (__s64)(ret - before));
	return 0;
}

/* The last thread of a process ends. */
SEC("tp_btf/sched_process_exit") int BPF_PROG(hw_sys_exit, struct task_struct *task)
{
	__u32 tgid = task->tgid;

	if (!task->signal->live.counter)
		bpf_map_delete_elem(&hw_system, &tgid);
	return 0;
}

/* /sys/kernel/tracing/events/syscalls/sys_exit_.../format */
struct hw_sys_ctx {
	__u64 common;
	__s64 nr;
	__s64 ret;
};

#define HW_AT_EXIT(call)                                                                   \
	SEC("?fexit/" HW_SYS(call)) int BPF_PROG(hw_sf_##call, const void *regs, long ret) \
	{                                                                                  \
		return hw_##call(ret);                                                     \
	}                                                                                  \
	SEC("?kretprobe/" HW_SYS(call)) int hw_sk_##call(struct pt_regs *ctx)              \
	{                                                                                  \
		return hw_##call(PT_REGS_RC(ctx));                                         \
	}                                                                                  \
	SEC("?tp/syscalls/sys_exit_" #call) int hw_st_##call(struct hw_sys_ctx *ctx)       \
	{                                                                                  \
		return hw_##call(ctx->ret);                                                \
	}

HW_AT_EXIT(mmap)
HW_AT_EXIT(munmap)
HW_AT_EXIT(mremap)
HW_AT_EXIT(brk)

char LICENSE[] SEC("license") = "GPL";
