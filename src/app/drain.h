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

struct drain;
struct block;
struct blocks;
struct codes;
struct ledger;
struct probes;
struct snapshot;

/* notify_fd: an eventfd that is written to when a process has exec'd, exited or mapped code. */
int drain__new(struct probes *probes, int notify_fd, struct drain **out);
/* Stops the thread. */
void drain__free(struct drain *d);

/* Watch pid with a ledger, taken over on success.  Before probes__arm. */
int drain__add(struct drain *d, pid_t pid, struct ledger *ledger);

/* Forget pid; what it still has in the rings is dropped. */
void drain__drop(struct drain *d, pid_t pid);

/* What is known of one process's life. */
struct drain_state {
	bool exited;
	uint32_t execs, code_maps;
	uint64_t received;
};

/* Apply what is in the rings up to now, so that the states and snapshots that follow are of now. */
void drain__sync(struct drain *d);
int drain__state(struct drain *d, pid_t pid, struct drain_state *out);
/* The same with a snapshot (ledger.h), owned by the caller.  NULL where memory is out. */
struct snapshot *drain__snapshot(struct drain *d, pid_t pid, size_t top, uint64_t min_bytes,
				 struct drain_state *out);

/*
 * The live blocks of pid as they are now (ledger.h), for one to look them up while the drain goes
 * on; to be given back.  *execs: of which program; *seconds: when a block of now is born.  NULL
 * where memory is out.  *seen: how much was seen when; free(seen->spans).
 */
struct drain_seen {
	bool partly; /* not every call all the time */
	struct seen_span *spans;
	size_t n;
};
struct blocks *drain__blocks(struct drain *d, pid_t pid, uint32_t *execs, uint32_t *seconds,
			     struct drain_seen *seen);
void drain__blocks_free(struct drain *d, struct blocks *b);
/* The frames of a site of that program: how many, at most max of them to pc; 0 after an exec. */
size_t drain__frames(struct drain *d, pid_t pid, uint32_t execs, uint32_t site, uint64_t *pc,
		     size_t max);
/* ledger__repair on each of these; how many it took. */
size_t drain__repair(struct drain *d, pid_t pid, uint32_t execs, const struct block *blocks,
		     size_t n);
/* The code objects of interpreters (codes.h) that came since the last call: the caller's; NULL:
 * none.  Those of a snapshot's stacks are there after it. */
struct codes *drain__codes(struct drain *d);
/* Records that were none, or of nobody: a defect of ours, worth a line. */
void drain__defects(struct drain *d, uint64_t *bad, uint64_t *stray);

#endif
