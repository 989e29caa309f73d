/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sweeper.h: a thread that takes breakpoints out of forks.  A fork copies its parent's memory, and
 * the breakpoints in it; the links that are for the parent alone do not take them out when the
 * child hits them, as perf events do (uprobe_multi_link_handler() in kernel/trace/bpf_trace.c):
 * until the parent's probes go it would trap at each call, for nobody, at half a microsecond and
 * more.
 */
#ifndef PROBE_SWEEPER_H
#define PROBE_SWEEPER_H

#include <stdint.h>
#include <sys/types.h>

struct attach;
struct sweeper;

/* attach: not owned, and to be freed after this.  NULL where there is no memory or no thread. */
struct sweeper *sweeper__new(struct attach *attach);
/* Stops the thread; what was told and not done is left. */
void sweeper__free(struct sweeper *s);
/* child was forked by pid, which may have no probes.  From any thread, does not block; s may be
 * NULL, here and below: then there is nothing to do. */
void sweeper__forked(struct sweeper *s, pid_t pid, pid_t child);
/* It has a new memory, without breakpoints.  Likewise. */
void sweeper__execd(struct sweeper *s, pid_t child);
/* CPU time that forks have run with their parents' breakpoints, ns: what they may have taken at
 * most.  Grows only. */
uint64_t sweeper__paid_ns(struct sweeper *s);

#endif
