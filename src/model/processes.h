/* SPDX-License-Identifier: GPL-2.0 */
/*
 * processes.h: the watched processes and their ledgers.  A process is (pid, start time); what the
 * records say of its life is applied here: exec empties its ledger, exit closes it.  Pure; the
 * drain thread owns it.
 */
#ifndef MODEL_PROCESSES_H
#define MODEL_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>

#include "model/ledger.h"

struct process {
	uint32_t tgid;
	bool exited;
	uint32_t execs;	    /* since the attach */
	uint32_t code_maps; /* executable file mappings made since the attach; unknown code seen */
	uint64_t looked_ns; /* when unknown code was counted last; 0: never */
	uint64_t received;  /* records, of every kind */
	struct ledger *ledger;
};

struct codes;
struct processes;

struct processes *processes__new(void);
void processes__free(struct processes *ps);

/* Watch tgid with this ledger, which is taken over on success.  -EEXIST, -ENOMEM. */
int processes__add(struct processes *ps, uint32_t tgid, struct ledger *ledger);
/* Watch it no more: its ledger is freed, what still comes of it is not stray, and it may be added
 * again. */
void processes__drop(struct processes *ps, uint32_t tgid);
/* Valid until the next add. */
struct process *processes__find(const struct processes *ps, uint32_t tgid);

/*
 * Check and apply one record.  0; -EBADMSG (not a record: counted), -ESRCH (of nobody that is
 * watched: counted), -ENOMEM.
 */
int processes__apply(struct processes *ps, const void *data, size_t len);

/* The code objects whose records came since the last call (codes.h), the caller's; NULL: none. */
struct codes *processes__codes(struct processes *ps);

uint64_t processes__bad(const struct processes *ps);
uint64_t processes__stray(const struct processes *ps);

#endif
