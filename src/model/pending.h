/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pending.h: what each thread is in the middle of: between the record of a call's entry and that
 * of its return.  Private to ledger.c.
 */
#ifndef MODEL_PENDING_H
#define MODEL_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/blocks.h"

/* A thread may be in one of each: realloc calls mremap. */
enum pending_kind { PENDING_REALLOC = 1, PENDING_REMAP };

struct pending_call {
	uint32_t tid;
	enum pending_kind kind; /* 0: an empty slot */
	uint64_t addr;		/* what is at risk */
	bool known;		/* PENDING_REALLOC: block is what was there */
	struct block block;
};

struct pending;

struct pending *pending__new(void);
void pending__free(struct pending *p);

/* Make sure that the next pending__put has room: 0 or -ENOMEM. */
int pending__reserve(struct pending *p);
/* After pending__reserve; (tid, kind) is not there yet. */
void pending__put(struct pending *p, const struct pending_call *call);
/* Remove what (tid, kind) is in the middle of: true and *out, or false. */
bool pending__take(struct pending *p, uint32_t tid, enum pending_kind kind,
		   struct pending_call *out);
void pending__each(const struct pending *p, void (*fn)(void *arg, const struct pending_call *call),
		   void *arg);
size_t pending__memory(const struct pending *p);

#endif
