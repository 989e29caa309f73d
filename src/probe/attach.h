/* SPDX-License-Identifier: GPL-2.0 */
/*
 * attach.h: which probes are on the functions of which process, and switching them while it runs.
 * Thread-safe: one thread adds files, another switches sets.
 */
#ifndef PROBE_ATTACH_H
#define PROBE_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "probe/kinds.h"
#include "probe/target.h"

struct attach;
struct behind;
struct heapwatch_bpf;

enum attach_set {
	ATTACH_ALL = 1 << 0,   /* each function that allocates or frees */
	ATTACH_LARGE = 1 << 1, /* the places behind the thread cache, and realloc and its like */
	/* With ATTACH_ALL: for a moment, so that files that nobody maps are left out.  Each takes
	 * the kernel 0.1 ms, in which the others trap already.  Without: a window ends.  Its probes
	 * are gone at once, and the kernel is done with them in the background. */
	ATTACH_WINDOW = 1 << 2,
	/* Where arenas are asked for large chunks (struct behind), one trap each. */
	ATTACH_REQUESTS = 1 << 3,
};

/* skel: loaded, with the programs for this kind; not owned.  NULL where memory is out. */
struct attach *attach__new(const struct heapwatch_bpf *skel, enum user_kind kind);
/* Detaches everything. */
void attach__free(struct attach *a);

/*
 * A file with an allocator that pid maps: put the probes of pid's sets on it, now and at each
 * switch.  0 or -errno.
 */
int attach__add(struct attach *a, pid_t pid, const char *path, const struct target *target);
/* These places are those of each file with this build-id, of files to come too.  0 or -ENOMEM. */
int attach__prove(struct attach *a, const struct behind *behind);
/* pid, 0 for everybody, has large blocks that go through its threads' caches. */
void attach__spoil(struct attach *a, pid_t pid);
/* Somebody maps this file, whose probes are everybody's. */
void attach__mapped(struct attach *a, const char *path);
/* Can ATTACH_LARGE see all large blocks of pid?  Each allocator that it maps, for 0 that anybody
 * does, has proven places. */
bool attach__has_large(struct attach *a, pid_t pid);
/* Can ATTACH_REQUESTS, likewise? */
bool attach__has_requests(struct attach *a, pid_t pid);
/*
 * From now on pid, 0 for everybody, has the probes of these sets, of files to come too; a process
 * not heard of has ATTACH_ALL.  Taking away what is too much takes 15 to 100 ms, but for that of a
 * window (ATTACH_WINDOW), which is gone less than a millisecond after the return.  0, or -errno of
 * an attach: then what was there stays.
 */
int attach__switch(struct attach *a, pid_t pid, unsigned int sets);
/*
 * child was forked by pid: its memory has pid's breakpoints, at which it traps for nothing, as long
 * as pid has probes.  Take them out of it, and of all others that nobody has probes on.  *run_ns:
 * its CPU time until then, 0 where there was nothing to do.  Takes as long as a switch; 0, or
 * -errno of an attach: child has ended, most likely.
 */
int attach__clean(struct attach *a, pid_t pid, pid_t child, uint64_t *run_ns);
void attach__drop(struct attach *a, pid_t pid);
/* Nobody is left who meets them: all go in the background, perhaps after our own end. */
void attach__leave(struct attach *a);

#endif
