/* SPDX-License-Identifier: GPL-2.0 */
/*
 * apart.h: work that a SIGKILL to heapwatch must not cut short.  While one is pending the kernel
 * gives up writing into another's code: a probe that is being put on or taken away stays in the
 * target as a breakpoint that nobody owns ("failed to unregister, leaking uprobe"), and each call
 * of the function traps for as long as the target lives.  So such work is done by tasks that share
 * our memory and our files, but belong to no process of ours: a kill passes them by, and when they
 * are done, 0.1 s later or so, their end closes what we left open.
 */
#ifndef PROBE_APART_H
#define PROBE_APART_H

#include <stddef.h>

/* Runs beside the caller, with the caller's errno and thread-local memory: system calls only, and
 * nothing that libc keeps a state for. */
typedef void (*apart_fn)(void *item);

/* fn of each of n items of that size, at the same time, 32 at most; returns when all are done.
 * Where no task can be made, the caller does it.  Thread-safe. */
void apart(apart_fn fn, void *items, size_t size, size_t n);

/* Close these descriptors without waiting for what the kernel does then: a process that has nothing
 * but copies of them ends after ours are closed. */
void apart_close(const int *fds, size_t n);

#endif
