/* SPDX-License-Identifier: GPL-2.0 */
/*
 * processes.h: the watched processes and their ledgers.  A process has a number of its own, in the
 * order of appearance, for a pid is used again.  What the records say of its life is applied here:
 * fork makes a child with its parent's blocks, exec empties a ledger, exit closes it.  Pure; the
 * drain thread owns it.
 */
#ifndef MODEL_PROCESSES_H
#define MODEL_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>

#include "model/ledger.h"

/* Sites that an ended process keeps, of one whose heap is not estimated (struct process). */
#define PROCESSES_FINAL_SITES 1000

/* Mappings of code that are kept of one program. */
#define PROCESSES_MAPS 64

struct process {
	uint32_t id; /* 1 and up */
	uint32_t tgid;
	uint32_t parent; /* id; 0: not watched */
	bool forked;	 /* it was seen from its fork on */
	bool is_32bit;	 /* a program that no probe is put on */
	bool orphan;	 /* its fork was lost: it began at an unknown time with unknown blocks */
	bool exited;
	uint64_t start_ns;	     /* CLOCK_BOOTTIME, of its fork; 0: not told */
	uint64_t began_ns, ended_ns; /* CLOCK_MONOTONIC; 0: before the attach, not yet */
	uint32_t status;	     /* of an ended one, as wait(2) gives it */
	uint64_t max_rss_pages;	 /* of an ended one: highest RSS; that of an older program too */
	uint64_t max_rss_before; /* pages, of those older; UINT64_MAX: not told */
	struct hw_proc counters; /* of an ended one: the kernel's last */
	char comm[HW_COMM];	 /* after its last exec; "" where none was seen */
	char path[HW_EXEC_PATH]; /* likewise */
	uint32_t execs;		 /* since the attach */
	uint32_t code_maps; /* executable file mappings made since the attach; unknown code seen */
	uint64_t looked_ns; /* when unknown code was counted last; 0: never */
	uint64_t received;  /* records, of every kind */
	struct hw_module *maps; /* of its program, as far as records told; nmaps of them */
	size_t nmaps;
	struct ledger *ledger; /* NULL once it has ended */
	/* Its callsites' bytes are estimates, which a site can have of which no block is known: all
	 * sites are kept at its end. */
	bool estimated;
	struct snapshot *final; /* what it had outstanding at its end; NULL: out of memory */
};

struct codes;
struct processes;

struct processes *processes__new(void);
void processes__free(struct processes *ps);

/* Watch tgid with this ledger, which is taken over on success; its number to *id.  -EEXIST where
 * it is watched and has not ended, -ENOMEM. */
int processes__add(struct processes *ps, uint32_t tgid, struct ledger *ledger, uint32_t *id);
/* Watch it no more: it is forgotten, and so is what still comes of it. */
void processes__drop(struct processes *ps, uint32_t id);
/* By number; NULL: none, or dropped.  Valid until it is dropped. */
struct process *processes__get(const struct processes *ps, uint32_t id);
/* The one that has this pid now, or had it last; NULL. */
struct process *processes__find(const struct processes *ps, uint32_t tgid);
/* The highest number given; 0: none. */
uint32_t processes__last(const struct processes *ps);

/* Its end was not told (the record was lost): close its ledger. */
void processes__end(struct process *p, uint64_t time_ns);
/* Its exec was not told: its ledger is one of a program that is gone. */
int processes__renew(struct process *p, uint64_t time_ns);

/*
 * Check and apply one record.  0; -EBADMSG (not a record: counted), -ESRCH (of a process that was
 * dropped), -ENOMEM.
 */
int processes__apply(struct processes *ps, const void *data, size_t len);

/* The code objects whose records came since the last call (codes.h), the caller's; NULL: none. */
struct codes *processes__codes(struct processes *ps);

uint64_t processes__bad(const struct processes *ps);

#endif
