/* SPDX-License-Identifier: GPL-2.0 */
/* machine.bpf.h: what is different on x86-64 and on arm64, and libbpf has no name for. */
#ifndef HW_MACHINE_BPF_H
#define HW_MACHINE_BPF_H

#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* Of a system call, also after it: arm64 has the result where the argument was.  A function, for
 * libbpf's macro would relocate whatever the expression goes through. */
static __always_inline __u64 hw_syscall_arg1(struct pt_regs *regs)
{
	return PT_REGS_PARM1_SYSCALL(regs);
}

#ifdef __TARGET_ARCH_x86

/* A system call's function in the kernel. */
#define HW_SYS(call) "__x64_sys_" #call

/* Of user space's addresses. */
#define HW_ADDRESS_BITS 47

#define HW_PARM6_SYSCALL(regs) ((regs)->r9)

/* What a call leaves in a register: nothing. */
#define HW_LINK(regs) 0

static __always_inline __u64 hw_code_address(__u64 addr)
{
	return addr;
}

/* Does a call instruction end right before this address?  Tells a return address from any other
 * number where no table is at hand: call rel32, call *reg, call *mem. */
static __always_inline bool hw_after_call(__u64 addr)
{
	__u8 b[8];

	if (addr < 4096 || addr >> HW_ADDRESS_BITS ||
	    bpf_probe_read_user(b, sizeof(b), (void *)(addr - 8)))
		return false;
	return b[3] == 0xe8 || (b[6] == 0xff && (b[7] & 0x38) == 0x10) ||
	       (b[5] == 0xff && (b[6] & 0x38) == 0x10) || (b[2] == 0xff && (b[3] & 0x38) == 0x10);
}

/* Is this where a signal handler returns to?  A table says so on this machine. */
static __always_inline bool hw_sigreturn(__u64 pc)
{
	(void)pc;
	return false;
}

#else /* arm64 */

#define HW_SYS(call)	"__arm64_sys_" #call

/* CONFIG_ARM64_VA_BITS of distributions; one with 52 gives more to those only who ask for it
 * (Documentation/arch/arm64/memory.rst). */
#define HW_ADDRESS_BITS 48

#define HW_PARM6_SYSCALL(r) (((struct user_pt_regs *)(r))->regs[5])

#define HW_LINK(r) PT_REGS_RET(r)

/* A return address can be signed: bits 48 to 54 are no part of it then (Documentation/arch/arm64/
 * pointer-authentication.rst), nor are 56 to 63, and 55 is 0 in user space. */
static __always_inline __u64 hw_code_address(__u64 addr)
{
	return addr & ((1ull << HW_ADDRESS_BITS) - 1);
}

/* bl, blr, and blraa and its kin. */
static __always_inline bool hw_after_call(__u64 addr)
{
	__u32 insn = 0;

	if (addr < 4096 || addr >> HW_ADDRESS_BITS || addr & 3 ||
	    bpf_probe_read_user(&insn, sizeof(insn), (void *)(addr - 4)))
		return false;
	return insn >> 26 == 0x25 || (insn & 0xfefff000) == 0xd63f0000;
}

/* "mov x8, #__NR_rt_sigreturn; svc #0": in the vdso,
 * which says nothing of it to unwinders (87676cfca141), or in a C library's restorer. */
static __always_inline bool hw_sigreturn(__u64 pc)
{
	__u64 code = 0;

	return !bpf_probe_read_user(&code, sizeof(code), (void *)pc) && code == 0xd4000001d2801168;
}

#endif

#endif
