/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stopwatch.h: what processes run from now on, to the us.  A process's CPU clock is as of its
 * threads' last tick where they run on other CPUs (kernel/sched/cputime.c: thread_group_cputime()),
 * 1 to 10 ms ago; a perf event of a thread asks that CPU.  While it is there each of the thread's
 * switches takes longer: for moments only.
 */
#ifndef PROBE_STOPWATCH_H
#define PROBE_STOPWATCH_H

#include <stdint.h>
#include <sys/types.h>

/* More threads than this are not asked one by one. */
#define STOPWATCH_THREADS 128

struct stopwatch;

/* Of all threads that a process has now: may be called for several.  A NULL *w becomes one.  0;
 * -E2BIG: they are too many; -ESRCH: it has ended; -errno of perf_event_open. */
int stopwatch__add(struct stopwatch **w, pid_t pid);
/* CPU time that all these threads have taken since, ns; what ended has what it had. */
uint64_t stopwatch__ns(const struct stopwatch *w);
/* NULL: nothing. */
void stopwatch__free(struct stopwatch *w);

#endif
