/* SPDX-License-Identifier: GPL-2.0 */
/*
 * probes.h: the BPF programs, loaded; who is watched; links; rings.  All links belong to this
 * process: when it ends, however it ends, the kernel detaches them.
 */
#ifndef PROBE_PROBES_H
#define PROBE_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "heapwatch/event.h"
#include "probe/kinds.h"
#include "probe/target.h"

struct probes_config {
	enum user_kind user;	 /* USER_AUTO: the best that works */
	enum kernel_kind kernel; /* KERNEL_AUTO: likewise */
	size_t ring_bytes;	 /* of each ring: a power of two of pages */
	unsigned int rings;	 /* 1 to HW_MAX_RINGS */
	unsigned int threads;	 /* that can be in an allocator's function at once, or have been */
	unsigned int processes;
	unsigned int touches; /* of 2^20 ns of a thread's run time so many may go into telling of
			       * page faults of its heaps' growth (bpf/touch.bpf.c); 0: none */
	bool large;	      /* level large may be wanted */
};

struct probes;

/* Load the programs and attach the kernel-side ones.  Logs what failed and the remedy. */
int probes__new(const struct probes_config *config, struct probes **out);
/* Wait until what was attached to ourselves, to find out what works, is gone: until then a trap
 * cannot be timed.  From one thread, which ends before probes__free. */
void probes__settle(struct probes *p);
/* Detaches everything. */
void probes__free(struct probes *p);

/* Does a process with return probes live on if it ever gets a seccomp filter?  As it was tried at
 * the start: 0, or why not, as seccomp_try_return says. */
int probes__returns(const struct probes *p);

enum user_kind probes__user(const struct probes *p);
enum kernel_kind probes__kernel(const struct probes *p);

/*
 * Put probes on the functions of one ELF file, for one process; pid 0: for whoever maps the file,
 * who pays for the trap, watched or not.  path is what the kernel is to open.  Nothing is recorded
 * until probes__arm.  Logs a failure; -ESRCH (the process has ended) and -ENOENT (path is gone) are
 * not logged.
 */
int probes__attach(struct probes *p, pid_t pid, const char *path, const struct target *target);
/* Start to record pid's events: after its probes are all in place, so that no half is seen.
 * follow: its children are armed at their fork. */
int probes__arm(struct probes *p, pid_t pid, unsigned int ring, int follow);
/* Take its probes away and forget it. */
void probes__detach(struct probes *p, pid_t pid);
/* Of one that has ended: take its probes away, and free its place unless another process has its
 * pid already. */
void probes__forget(struct probes *p, pid_t pid);
/* Takes away what is on the kernel's side, and leaves the rest: attach.h.  What follows is
 * probes__free. */
void probes__leave(struct probes *p);
/* The kernel's counters of a process; -ENOENT where it is not armed. */
int probes__counters(const struct probes *p, pid_t pid, struct hw_proc *out);

/* Each process that is armed and has not ended, once; stops where fn gives non-zero, and returns
 * that; or -errno. */
typedef int (*probes_member_fn)(void *arg, pid_t pid, const struct hw_proc *counters);
int probes__each(const struct probes *p, probes_member_fn fn, void *arg);
/* What those had that were armed and have ended.  0 or -errno. */
int probes__gone(const struct probes *p, struct hw_gone *out);

/* Which probes pid has, 0 for everybody: enum attach_set (attach.h).  From any thread; slow.  0 or
 * -errno. */
int probes__switch(struct probes *p, pid_t pid, unsigned int sets);
bool probes__has_large(struct probes *p, pid_t pid);
bool probes__has_requests(struct probes *p, pid_t pid);
/* For whom forks are to be told to; NULL where links leave nothing in forks. */
struct sweeper;
struct sweeper *probes__sweeper(struct probes *p);
/* attach.h; from any thread. */
struct behind;
int probes__prove(struct probes *p, const struct behind *behind);
void probes__spoil(struct probes *p, pid_t pid);
void probes__mapped(struct probes *p, const char *path);
/* Have a record say so, in the ring of pid, and let calls under way be forgotten: before probes
 * come, and after they went or were muted.  0; -ENOENT where pid is not armed; -errno. */
struct probes_level {
	enum hw_seen seen;
	bool window;
	uint32_t weight; /* struct hw_level */
	uint32_t turn;	 /* any number: hw_proc has that of the last record, its children too */
	bool muted; /* no record: a window is over, and what its probes see until they are gone is
		     * nothing, but for what is seen without one */
	bool requests; /* struct hw_level */
};
int probes__level(struct probes *p, pid_t pid, const struct probes_level *level);

/* From any thread: a window is about to be opened, of whoever; or it was closed. */
void probes__window(struct probes *p, bool opened);

/* Some times a second, from one thread: touches.h. */
void probes__adjust(struct probes *p);

/* The maps of the unwinder (heapwatch/unwind.h): descriptors that belong to p. */
struct probes_unwind {
	int rows_fd, spaces_fd;
};
struct probes_unwind probes__unwind(const struct probes *p);

/* Becomes readable when a ring has crossed its wake-up mark. */
int probes__epoll_fd(const struct probes *p);
/* One record; returns non-zero to stop the drain after it. */
typedef int (*probes_event_fn)(void *arg, const void *data, size_t len);
/* Hand every record that is there to fn.  Returns how many, or -errno (not of fn). */
int probes__drain(struct probes *p, probes_event_fn fn, void *arg);

#endif
