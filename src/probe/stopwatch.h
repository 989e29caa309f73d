/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stopwatch.h: what processes run from now on, to the us.  A process's CPU clock is as of its
 * threads' last tick where they run on other CPUs (kernel/sched/cputime.c: thread_group_cputime()),
 * 1 to 10 ms ago; a perf event of a thread asks that CPU.  While it is there each of the thread's
 * switches takes longer: for moments only.
 */
#ifndef PROBE_STOPWATCH_H
#define PROBE_STOPWATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* More threads than this are not asked one by one. */
#define STOPWATCH_THREADS 128

struct stopwatch;

/* Of all threads that a process has now, and those that these begin from now on (before Linux 5.13
 * not of those), with_forks: also of processes that they fork.  May be called for several.  A NULL
 * *w becomes one, for stopwatch__free, whatever comes of it.  0, also where its threads have just
 * ended; -E2BIG: they are too many, and none is opened; -ESRCH: it has ended; -errno of
 * perf_event_open. */
int stopwatch__add(struct stopwatch **w, pid_t pid, bool with_forks);
/* CPU time that all these have taken since, ns; grows only: what ended has what it had. */
uint64_t stopwatch__ns(const struct stopwatch *w);
/* NULL: nothing. */
void stopwatch__free(struct stopwatch *w);

#endif
