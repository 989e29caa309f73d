// SPDX-License-Identifier: GPL-2.0
/*
 * vm.bpf.c: brk, mmap, munmap, mremap, madvise, each as fentry/fexit, kprobe/kretprobe or
 * syscall tracepoint: the daemon loads one kind.  The bodies are the same for all three, for they
 * read the arguments from the user's saved registers, which a system call leaves as they were.
 */
#include "core.bpf.h"
#include "unwind.bpf.h"

#define HW_PROT_EXEC	    0x4
#define HW_MAP_SHARED	    0x1 /* MAP_SHARED_VALIDATE is 3 */
#define HW_MAP_ANONYMOUS    0x20
#define HW_MREMAP_DONTUNMAP 4
#define HW_MADV_DONTNEED    4
#define HW_MADV_FREE	    8

/* Errors are the last page of the address space. */
static __always_inline bool hw_failed(__u64 ret)
{
	return ret >= (__u64)-4095;
}

struct hw_vm {
	struct hw_proc *p;
	struct hw_thread *t;
	struct pt_regs *regs;
	__u32 tgid, tid;
};

static __always_inline bool hw_vm_current(struct hw_vm *v)
{
	v->p = hw_current(&v->tgid, &v->tid);
	if (!v->p)
		return false;
	v->t = hw_thread(v->p, v->tid);
	v->regs = (void *)bpf_task_pt_regs((void *)bpf_get_current_task_btf());
	return v->t && v->regs;
}

/* Inside an allocator's function the walk was made at that function's entry. */
static __always_inline __u64 hw_vm_stack(struct hw_vm *v, __u32 *flags)
{
	struct hw_regs r = {.ip = PT_REGS_IP(v->regs),
			    .sp = PT_REGS_SP(v->regs),
			    .bp = PT_REGS_FP(v->regs),
			    .lr = HW_LINK(v->regs)};

	if (hw_has_call(v->p, v->t) && r.sp < v->t->sp) {
		*flags |= HW_VM_IN_ALLOC;
		return v->t->stack;
	}
	return hw_stack(v->p, v->tgid, v->t, &r);
}

/* The descriptor is still open: mmap has only just returned. */
static __always_inline void hw_mapped_code(struct hw_vm *v, __u64 addr, __u64 len)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	__u32 fd = PT_REGS_PARM5(v->regs);
	struct file **table, *file = NULL;

	if (fd >= BPF_CORE_READ(fdt, max_fds))
		return;
	table = BPF_CORE_READ(fdt, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), table + fd) || !file)
		return;
	hw_emit_module(v->p, v->tgid, file, addr, len, HW_PARM6_SYSCALL(v->regs));
}

static __always_inline int hw_mmap_exit(__u64 ret)
{
	struct hw_vm_map *e;
	__u32 flags = 0;
	struct hw_vm v;
	__u64 stack, len, prot, how;
	void *ring;

	if (hw_failed(ret) || !hw_vm_current(&v))
		return 0;
	len = PT_REGS_PARM2(v.regs);
	prot = PT_REGS_PARM3(v.regs);
	how = PT_REGS_PARM4_SYSCALL(v.regs);
	if (!(how & HW_MAP_ANONYMOUS) && (prot & HW_PROT_EXEC))
		hw_mapped_code(&v, ret, len);
	stack = how & HW_MAP_ANONYMOUS ? hw_vm_stack(&v, &flags) : 0;
	/* Behind the walk, which the verifier would look at once for each of their values. */
	if (!(how & HW_MAP_ANONYMOUS))
		flags |= HW_VM_FILE;
	if (how & HW_MAP_SHARED)
		flags |= HW_VM_SHARED;
	if (prot & HW_PROT_EXEC)
		flags |= HW_VM_EXEC;
	if (!prot)
		flags |= HW_VM_NOACCESS;
	e = hw_reserve(v.p, v.tgid, HW_VM_MAP, sizeof(*e), &ring);
	if (!e)
		return 0;
	e->addr = ret;
	e->len = len;
	e->stack = stack;
	e->flags = flags;
	e->pad = 0;
	/* Until the daemon has read its tables, stacks end in a new file's code. */
	if ((flags & (HW_VM_FILE | HW_VM_EXEC)) == (HW_VM_FILE | HW_VM_EXEC))
		bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
	else
		hw_submit(e, ring, sizeof(*e));
	return 0;
}

static __always_inline void hw_vm_emit_range(struct hw_vm *v, __u16 kind, __u64 addr, __u64 len)
{
	struct hw_vm_range *e;
	void *ring;

	e = hw_reserve(v->p, v->tgid, kind, sizeof(*e), &ring);
	if (!e)
		return;
	e->addr = addr;
	e->len = len;
	e->tid = v->tid;
	e->pad = 0;
	hw_submit(e, ring, sizeof(*e));
}

/* A range that the kernel is going to refuse is not at risk. */
static __always_inline bool hw_range_ok(__u64 addr, __u64 len)
{
	return !(addr & 4095) && len && addr < 1ull << HW_ADDRESS_BITS &&
	       len <= (1ull << HW_ADDRESS_BITS) - addr;
}

static __always_inline int hw_munmap_enter(void)
{
	struct hw_vm v;
	__u64 addr, len;

	if (!hw_vm_current(&v))
		return 0;
	addr = hw_syscall_arg1(v.regs);
	len = PT_REGS_PARM2(v.regs);
	v.t->vm_len = 0;
	if (!hw_range_ok(addr, len))
		return 0;
	v.t->vm_addr = addr;
	v.t->vm_len = len;
	hw_vm_emit_range(&v, HW_VM_UNMAP, addr, len);
	return 0;
}

static __always_inline int hw_munmap_exit(__u64 ret)
{
	struct hw_vm v;

	if (!ret || !hw_vm_current(&v) || !v.t->vm_len)
		return 0;
	hw_vm_emit_range(&v, HW_VM_UNMAP_FAIL, v.t->vm_addr, v.t->vm_len);
	v.t->vm_len = 0;
	return 0;
}

static __always_inline int hw_mremap_enter(void)
{
	struct hw_vm v;
	__u64 addr, len;

	if (!hw_vm_current(&v))
		return 0;
	addr = hw_syscall_arg1(v.regs);
	len = PT_REGS_PARM2(v.regs);
	v.t->vm_len = 0;
	if (!hw_range_ok(addr, len))
		return 0;
	v.t->vm_addr = addr;
	v.t->vm_len = len;
	hw_vm_emit_range(&v, HW_VM_REMAP_BEGIN, addr, len);
	return 0;
}

static __always_inline int hw_mremap_exit(__u64 ret)
{
	struct hw_vm_remap *e;
	__u32 flags = 0;
	struct hw_vm v;
	__u64 stack;
	void *ring;

	if (!hw_vm_current(&v) || !v.t->vm_len)
		return 0;
	stack = hw_failed(ret) ? 0 : hw_vm_stack(&v, &flags);
	if (PT_REGS_PARM4_SYSCALL(v.regs) & HW_MREMAP_DONTUNMAP)
		flags |= HW_VM_DONTUNMAP;
	e = hw_reserve(v.p, v.tgid, HW_VM_REMAP_END, sizeof(*e), &ring);
	if (e) {
		e->old_addr = v.t->vm_addr;
		e->old_len = v.t->vm_len;
		e->addr = hw_failed(ret) ? 0 : ret;
		e->len = hw_failed(ret) ? 0 : PT_REGS_PARM3(v.regs);
		e->stack = stack;
		e->tid = v.tid;
		e->flags = flags;
		hw_submit(e, ring, sizeof(*e));
	}
	v.t->vm_len = 0;
	return 0;
}

static __always_inline int hw_brk_exit(__u64 ret)
{
	struct hw_vm_brk *e;
	__u32 flags = 0;
	struct hw_vm v;
	__u64 stack;
	void *ring;

	/* brk(0) asks; a refused brk answers with the old break: neither changes anything. */
	if (!hw_vm_current(&v) || hw_syscall_arg1(v.regs) != ret)
		return 0;
	stack = hw_vm_stack(&v, &flags);
	e = hw_reserve(v.p, v.tgid, HW_VM_BRK, sizeof(*e), &ring);
	if (!e)
		return 0;
	e->brk = ret;
	e->stack = stack;
	e->flags = flags;
	e->pad = 0;
	hw_submit(e, ring, sizeof(*e));
	return 0;
}

static __always_inline int hw_madvise_exit(__u64 ret)
{
	struct hw_vm_advise *e;
	struct hw_vm v;
	__u32 advice;
	void *ring;

	if (ret || !hw_vm_current(&v))
		return 0;
	advice = PT_REGS_PARM3(v.regs);
	if (advice != HW_MADV_DONTNEED && advice != HW_MADV_FREE)
		return 0;
	if (!hw_range_ok(hw_syscall_arg1(v.regs), PT_REGS_PARM2(v.regs)))
		return 0;
	e = hw_reserve(v.p, v.tgid, HW_VM_ADVISE, sizeof(*e), &ring);
	if (!e)
		return 0;
	e->addr = hw_syscall_arg1(v.regs);
	e->len = PT_REGS_PARM2(v.regs);
	e->advice = advice;
	e->pad = 0;
	hw_submit(e, ring, sizeof(*e));
	return 0;
}

/* /sys/kernel/tracing/events/syscalls/sys_exit_.../format */
struct hw_sys_exit {
	__u64 common;
	__s64 nr;
	__s64 ret;
};

/* The wrapper's one argument is the pointer to the registers; fexit has the result behind it. */
#define HW_VM_EXIT(call)                                                                   \
	SEC("?fexit/" HW_SYS(call)) int BPF_PROG(hw_fx_##call, const void *regs, long ret) \
	{                                                                                  \
		return hw_##call##_exit(ret);                                              \
	}                                                                                  \
	SEC("?kretprobe/" HW_SYS(call)) int hw_kx_##call(struct pt_regs *ctx)              \
	{                                                                                  \
		return hw_##call##_exit(PT_REGS_RC(ctx));                                  \
	}                                                                                  \
	SEC("?tp/syscalls/sys_exit_" #call) int hw_tx_##call(struct hw_sys_exit *ctx)      \
	{                                                                                  \
		return hw_##call##_exit(ctx->ret);                                         \
	}

#define HW_VM_ENTER(call)                                                  \
	SEC("?fentry/" HW_SYS(call)) int hw_fe_##call(void *ctx)           \
	{                                                                  \
		return hw_##call##_enter();                                \
	}                                                                  \
	SEC("?kprobe/" HW_SYS(call)) int hw_ke_##call(struct pt_regs *ctx) \
	{                                                                  \
		return hw_##call##_enter();                                \
	}                                                                  \
	SEC("?tp/syscalls/sys_enter_" #call) int hw_te_##call(void *ctx)   \
	{                                                                  \
		return hw_##call##_enter();                                \
	}

HW_VM_EXIT(mmap)
HW_VM_ENTER(munmap)
HW_VM_EXIT(munmap)
HW_VM_ENTER(mremap)
HW_VM_EXIT(mremap)
HW_VM_EXIT(brk)
HW_VM_EXIT(madvise)

char LICENSE[] SEC("license") = "GPL";
