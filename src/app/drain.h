/* SPDX-License-Identifier: GPL-2.0 */
/*
 * drain.h: the thread that takes records from the rings and applies them, and does nothing else:
 * no names, no output, no files.  It owns the processes; others get copies, between two batches.
 */
#ifndef APP_DRAIN_H
#define APP_DRAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "heapwatch/event.h"
#include "model/ledger.h"

struct drain;
struct block;
struct blocks;
struct codes;
struct ledger;
struct probes;
struct snapshot;

/* notify_fd: an eventfd that is written to when a process has forked, exec'd, exited or mapped
 * code.
 */
int drain__new(struct probes *probes, int notify_fd, struct drain **out);
/* Stops the thread. */
void drain__free(struct drain *d);

/* Starts the recording of a process; called while no record is applied, so that none is missed. */
typedef int (*drain_arm_fn)(void *arg, struct ledger *ledger);

/* Watch pid with a ledger, taken over on success; its number (processes.h) to *id.  0, what arm
 * returned, -EEXIST, -ENOMEM. */
int drain__add(struct drain *d, pid_t pid, struct ledger *ledger, drain_arm_fn arm, void *arg,
	       uint32_t *id);
/* Forget a process; what it still has in the rings is dropped. */
void drain__drop(struct drain *d, uint32_t id);
/* The highest number given: children get theirs when they are forked. */
uint32_t drain__last(struct drain *d);

/* What is known of one process's life: process.h says what each means. */
struct drain_state {
	uint32_t tgid, parent, execs, code_maps, status;
	bool forked, orphan, exited, is_32bit;
	uint64_t start_ns, began_ns, ended_ns, max_rss_pages, max_rss_before, received;
	struct hw_proc counters; /* of an ended one */
	char comm[HW_COMM], path[HW_EXEC_PATH];
};

/* Apply what is in the rings up to now, so that the states and snapshots that follow are of now. */
void drain__sync(struct drain *d);
/* 0, or -ESRCH where there is none of this number. */
int drain__state(struct drain *d, uint32_t id, struct drain_state *out);
/* What the records say was mapped of its program's code: how many, at most max of them to maps. */
size_t drain__modules(struct drain *d, uint32_t id, struct hw_module *maps, size_t max);
/* Its end, or an exec, was not told (see processes.h). */
void drain__end(struct drain *d, uint32_t id);
void drain__renew(struct drain *d, uint32_t id);
/* The state with a snapshot (ledger.h), owned by the caller; of an ended process it is that of
 * its end, each time.  NULL where memory is out. */
struct snapshot *drain__snapshot(struct drain *d, uint32_t id, size_t top, uint64_t min_bytes,
				 struct drain_state *out);

/*
 * The live blocks of a process as they are now (ledger.h), for one to look them up while the drain
 * goes on; to be given back.  *execs: of which program; *moment: when a block of now is born. NULL
 * where memory is out.  *seen: how much was seen when, and what else is known; each of its arrays
 * is the caller's to free.
 */
struct drain_seen {
	bool partly; /* not every call all the time */
	struct seen_span *spans;
	size_t n;
	struct birth *births; /* births.h */
	size_t nbirths;
	ledger_leave_fn leave; /* the caller's: ledger__crossings's */
	void *arg;
	struct crossing *crossings; /* crossings.h */
	size_t ncrossings;
	uint32_t crossed;	  /* ledger__crossed, of these */
	struct request *requests; /* requests.h: of drain__blocks */
	size_t nrequests;
	uint32_t gaps; /* ledger__requests */
};
struct blocks *drain__blocks(struct drain *d, uint32_t id, uint32_t *execs, uint32_t *moment,
			     struct drain_seen *seen);
void drain__blocks_free(struct drain *d, struct blocks *b);
/* ledger__fresh, of that program, with seen->spans: free both.  NULL: none, or no memory.
 * seen->crossings: only where seen->crossed is not of now; free them. */
struct block *drain__fresh(struct drain *d, uint32_t id, uint32_t execs, size_t *n,
			   struct drain_seen *seen);
/* ledger__glimpse of process tgid, or with 0 of all, at most max of them; what was recorded until
 * now is in it.  So that it takes a millisecond or two it is not all of many blocks, and nothing
 * where another one holds the ledgers.  How many have any; free(out[i].blocks). */
struct drain_glimpse {
	uint32_t id, tgid, execs;
	struct block *blocks;
	size_t n;
};
size_t drain__glimpse(struct drain *d, pid_t tgid, struct drain_glimpse *out, size_t max);
/* The frames of a site of that program: how many, at most max of them to pc; 0 after an exec. */
size_t drain__frames(struct drain *d, uint32_t id, uint32_t execs, uint32_t site, uint64_t *pc,
		     size_t max);
/* ledger__keep_requests. */
void drain__keep_requests(struct drain *d, uint32_t id, uint32_t execs, uint32_t until,
			  const uint32_t *held, size_t n);
/* ledger__repair on each of these; how many it took. */
size_t drain__repair(struct drain *d, uint32_t id, uint32_t execs, const struct block *blocks,
		     size_t n);
/* The code objects of interpreters (codes.h) that came since the last call: the caller's; NULL:
 * none.  Those of a snapshot's stacks are there after it. */
struct codes *drain__codes(struct drain *d);
/* Records that were none: a defect of ours, worth a line. */
uint64_t drain__bad(struct drain *d);

#endif
