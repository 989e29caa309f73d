/* SPDX-License-Identifier: GPL-2.0 */
/*
 * requested.h: which of a heap's large chunks is whose, by what was asked for (requests.h).  A
 * chunk that was there at the last look is still who it was, or nobody's; one that was not came
 * since, and is the latest request for so many bytes that has no chunk yet.  Where others asked for
 * as many, it may be theirs, and is not sure.  Pure.
 */
#ifndef MODEL_REQUESTED_H
#define MODEL_REQUESTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/requests.h"

/* No place that is chosen tells of smaller chunks (probe/choice.c). */
#define REQUESTED_LEAST 30000u

/* A block, its chunk's bytes, and the request that it is, for so many, or 0. */
struct requested_chunk {
	uint64_t addr, chunk, asked;
	uint32_t serial;
	/* Nobody's, for good: it was there before anything was asked for, or at two looks.  At the
	 * first one it may have come since the requests were listed. */
	bool old;
	bool unsure; /* there was a time since when another's request may not have been told of */
};

/* Between looks. */
struct requested {
	/* All large chunks that were there, and those that are a request's, by address. */
	struct requested_chunk *there;
	size_t n;
	uint32_t until;	   /* requests later than this were not looked for */
	uint32_t gaps;	   /* struct request */
	uint32_t *serials; /* of those that have a chunk, the smallest first */
	size_t nserials;
};

void requested_free(struct requested *r);

/* One look under way. */
struct requested_look {
	const struct requested *kept;
	struct request *all; /* by size, then by serial */
	/* Of each: it has its chunk; of the first of each size: one more than the last that may
	 * have none; it is not one site's alone. */
	struct requested_state {
		size_t next;
		bool taken, others;
	} * state;
	size_t n;
	bool whole;
	struct requested_chunk *there;
	size_t nthere, room;
	uint32_t until, gaps;
};

/* all: from ledger__requests, taken over.  whole: every call is seen.  0 or -ENOMEM;
 * requested_look_end even then. */
int requested_begin(struct requested_look *l, const struct requested *kept, struct request *all,
		    size_t n, bool whole);
void requested_look_end(struct requested_look *l);

/*
 * Whose a live chunk of this size is whose block is at addr; NULL: nobody is known.  Each of
 * REQUESTED_LEAST and more is to be told of, once; known: something else is known of it.  sure:
 * nobody else asked for as many bytes since the last look, and it is no larger than was asked for.
 * Belongs to l.
 */
const struct request *requested_find(struct requested_look *l, uint64_t addr, uint64_t chunk,
				     bool known, bool *sure);

/* Did this site ask for a chunk of this size? */
bool requested_by(const struct requested_look *l, uint32_t site, uint64_t chunk);
/* Did another, and has found none so far?  It may have this one. */
bool requested_by_others(const struct requested_look *l, uint32_t site, uint64_t chunk);

/* After a heap that was walked in whole: what was found is kept; what has no chunk is gone. */
void requested_conclude(struct requested_look *l, struct requested *kept);

#endif
