/* SPDX-License-Identifier: GPL-2.0 */
/*
 * system.h: the counters of bpf/system.bpf.c: what every process of the machine asks of the
 * kernel's memory calls.  Nobody's allocator is touched; where the kernel takes neither fentry nor
 * kprobes, every system call of the machine pays for a tracepoint (see README).
 */
#ifndef PROBE_SYSTEM_H
#define PROBE_SYSTEM_H

#include <stddef.h>
#include <stdint.h>

#include "heapwatch/system.h"
#include "probe/kinds.h"

struct system;

/* feature_tracefs() was called before.  KERNEL_AUTO: the best that works.  0 or -errno; not logged,
 * for this is optional: *why is what to tell (a constant string). */
int system__new(enum kernel_kind kind, struct system **out, const char **why);
/* Detaches. */
void system__free(struct system *s);

enum kernel_kind system__kind(const struct system *s);

struct system_process {
	uint32_t pid;
	struct hw_system figures;
};
/* All processes that mapped anything since the start, by pid; valid until the next call.  0 or
 * -errno. */
int system__read(struct system *s, const struct system_process **out, size_t *n);

struct system_site {
	uint64_t site;
	struct hw_site figures;
};
/* The callsites of one process's present program, by bytes, largest first; likewise. */
int system__sites(struct system *s, uint32_t pid, const struct system_site **out, size_t *n);
/* One callsite of a process's present program: 0, or -ENOENT. */
int system__site(struct system *s, uint32_t pid, uint64_t site, struct hw_site *out);

#endif
