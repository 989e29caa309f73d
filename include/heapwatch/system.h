/* SPDX-License-Identifier: GPL-2.0 */
/*
 * system.h: what bpf/system.bpf.c counts of every process on the machine, and who mapped what.
 * Read by the daemon now and then: no record is written for any of it.
 */
#ifndef HEAPWATCH_SYSTEM_H
#define HEAPWATCH_SYSTEM_H

#include <linux/types.h>

/* Frames kept of a callsite: the system call's wrapper, its caller, and what frame pointers tell.
 */
#define HW_SITE_FRAMES 8

/* Key: tgid.  Removed when the process ends. */
struct hw_system {
	__u64 start; /* task_struct.start_boottime of its leader */
	__u64 brks, mmaps, munmaps;
	__u64 mapped,
	    unmapped; /* bytes: anonymous memory that is not PROT_NONE; whatever was unmapped */
	__u64 brk;    /* the program break; 0: not seen yet */
	__u64 site,
	    site_bytes;	 /* the callsite that holds most of what was mapped since the start */
	__u32 exec, pad; /* which program this callsite is of */
};

struct hw_site_key {
	__u64 site; /* a hash over its frames */
	__u32 tgid;
	__u32 exec; /* self_exec_id: another program is another address space */
};

/* bytes: what was mapped and not unmapped from its start on; a range cut from the middle stays. */
struct hw_site {
	__s64 bytes;
	__u64 maps; /* calls */
	__u32 nframes, pad;
	__u64
	    pc[HW_SITE_FRAMES]; /* the instruction behind the system call; then return addresses */
};

struct hw_range_key {
	__u64 addr;
	__u32 tgid, exec;
};
struct hw_range {
	__u64 len, site;
};

#endif
