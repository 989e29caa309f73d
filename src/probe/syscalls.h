/* SPDX-License-Identifier: GPL-2.0 */
/* syscalls.h: the programs on the system calls that map and unmap memory, of one kind at a time. */
#ifndef PROBE_SYSCALLS_H
#define PROBE_SYSCALLS_H

#include "probe/kinds.h"

struct bpf_object;
struct links;

/* Before loading: the programs of this kind are wanted.  KERNEL_NONE: none is. */
void syscalls_want(struct bpf_object *obj, enum kernel_kind kind);

/* What SYSCALLS_OWNER put into links is detached by links__drop with it. */
#define SYSCALLS_OWNER (-1)

/* Attach them.  0, or -errno with none left attached; *name: the program that failed. */
int syscalls_attach(struct bpf_object *obj, enum kernel_kind kind, struct links *links,
		    char name[32]);

#endif
