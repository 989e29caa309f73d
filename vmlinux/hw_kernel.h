/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hw_kernel.h: the few kernel types that the BPF programs read, as CO-RE flavours: libbpf finds
 * each field in the running kernel's BTF at load.
 */
#ifndef HW_KERNEL_H
#define HW_KERNEL_H

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

/* live: do_exit() decrements it before trace_sched_process_exit, so that 0 there means that the
 * last thread is ending (kernel/exit.c since 2.6.16). */
struct signal_struct {
	atomic_t live;
	unsigned long maxrss; /* pages; do_exit() brings it up to date before the trace point */
	unsigned long long sum_sched_runtime; /* ns, of threads that were released */
};

struct super_block {
	__u32 s_dev; /* 20 bits of minor */
};

struct inode {
	struct super_block *i_sb;
	unsigned long i_ino;
};

struct file {
	struct inode *f_inode;
};

struct fdtable {
	struct file **fd;
	unsigned int max_fds;
};

struct files_struct {
	struct fdtable *fdt;
};

/* Of the first executable segment, since binfmt_elf.c of 2.0. */
struct mm_struct {
	unsigned long task_size; /* where its addresses end, by the program that was exec'd */
	unsigned long start_code, end_code;
};

struct linux_binprm {
	struct file *file;    /* a script's interpreter */
	const char *filename; /* as execve was given it, since 2.6.34 (d7627467b7a8) a const char */
};

#ifdef __TARGET_ARCH_x86
/* fsbase: user space's thread pointer: pthread_self() with glibc and musl.  Written by arch_prctl
 * and clone, else saved when the thread is switched out (arch/x86/kernel/process_64.c); a C library
 * never changes it later.  Named so since 4.7 (296f781a4b7801ad). */
struct thread_struct {
	unsigned long fsbase;
};
#else
/* tp_value: the same on arm64: what clone was given, else tpidr_el0 when the thread was switched
 * out last (tls_preserve_current_state()); 0 from exec to the first switch.  In uw since 4.18. */
struct thread_struct {
	struct {
		unsigned long tp_value;
	} uw;
};
#endif

/* sum_exec_runtime: ns, as of the last tick or switch (update_curr()). */
struct sched_entity {
	__u64 sum_exec_runtime;
};

/* A return to come whose address was taken off the stack, since 3.11 (0dfd0eb8e4d7); stack: where
 * it was, since 4.1 (7b868e4802a8). */
struct return_instance {
	unsigned long stack;
	unsigned long orig_ret_vaddr;
	struct return_instance *next;
};

struct uprobe_task {
	struct return_instance *return_instances;
};

/* start_boottime: since 5.5 (cf25e24db61c), real_start_time before; 6.1 is the oldest that we
 * test.  self_exec_id: u32 until 5.6 (d1e7fd6462ca), u64 since. */
struct task_struct {
	__u64 start_boottime;
	__u64 self_exec_id;
	int exit_code;
	int tgid;
	int pid;
	struct task_struct *group_leader;
	struct uprobe_task *utask;
	struct signal_struct *signal;
	struct sched_entity se;
	struct mm_struct *mm;
	struct files_struct *files;
	struct thread_struct thread;
};

#pragma clang attribute pop

#endif
