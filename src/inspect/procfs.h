/* SPDX-License-Identifier: GPL-2.0 */
/* procfs.h: what /proc says of a process; but for procfs_rollup cheaply: none holds its mmap lock
 * for long. */
#ifndef INSPECT_PROCFS_H
#define INSPECT_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct procfs_stat {
	char comm[64];	     /* as the process wrote it: untrusted bytes */
	char state;	     /* R S D Z T ... */
	uint64_t start_time; /* clock ticks since boot: field 22 of /proc/PID/stat */
	bool kernel_thread;  /* PF_KTHREAD in field 9 */
};

/*
 * As the kernel's counters have it, which can be behind: before 6.2 each thread keeps up to 64 page
 * faults to itself, from then on each CPU some (kernel commit f1a7941243c1), until 6.17 sums them
 * up (82241a83cd15).
 */
struct procfs_memory {
	uint64_t rss_bytes;    /* field 2 of statm */
	uint64_t shared_bytes; /* field 3: file-backed and shmem */
};

struct procfs_rollup {
	uint64_t rss_bytes;
	uint64_t pss_bytes; /* proportional: a page that n have counts an n-th */
};

/* 0, -ESRCH (no such process), -EACCES, -EBADMSG.  Not logged. */
int procfs_stat(pid_t pid, struct procfs_stat *out);
int procfs_memory(pid_t pid, struct procfs_memory *out);
/* Counted just then: smaps_rollup walks all its page tables under its mmap lock, 10 ms a GiB.
 * Errors as above. */
int procfs_rollup(pid_t pid, struct procfs_rollup *out);
/* The program's path in its own mount namespace, or -errno. */
int procfs_exe(pid_t pid, char *buf, size_t len);

/*
 * Does the environment that its program was started with set this of glibc's tunables
 * (GLIBC_TUNABLES in ld.so(8)), such as "glibc.malloc.tcache_max"?  1, 0, or -errno.
 */
int procfs_tunes(pid_t pid, const char *tunable);

struct modules;

/* Merge /proc/PID/maps into m (modules.h): the number of lines that were not understood, or -errno;
 * -ESRCH where it has ended.  Holds its mmap lock while the kernel writes 4 KiB at a time. */
int procfs_modules(pid_t pid, struct modules *m);

/* Open the file that is mapped at just this range: the very inode, in whatever mount namespace,
 * deleted or not.  A descriptor, or -errno. */
int procfs_open_mapping(pid_t pid, uint64_t start, uint64_t end);
/* What to give to the kernel, which opens by path: the same file's name. */
void procfs_mapping_path(char *buf, size_t len, pid_t pid, uint64_t start, uint64_t end);

#endif
