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
	uint32_t serial, site, stratum;
	/* Nobody's, for good: it was there before anything was asked for, or at two looks.  At the
	 * first one it may have come since the requests were listed. */
	bool old;
	/* It may be another's: who asked for as much and had no chunk, or was not told of; or
	 * realloc made it larger than was asked for. */
	bool unsure;
};

/* Between looks. */
struct requested {
	/* All large chunks that were there, and those that are a request's, by address. */
	struct requested_chunk *there;
	size_t n;
	uint32_t until;	   /* requests later than this were not looked for */
	uint32_t *serials; /* of those that have a chunk, the smallest first */
	size_t nserials;
};

void requested_free(struct requested *r);

/* One look under way. */
struct requested_look {
	const struct requested *kept;
	struct request *all; /* by size, then by serial */
	/* Of each: it has its chunk; of the first of each size: one more than the last that may
	 * have none. */
	struct requested_state {
		size_t next;
		bool taken;
	} * state;
	size_t n;
	bool whole;	/* every call is seen */
	bool inherited; /* the first look at a fork's child: what its parent's looks found is there
			 */
	struct requested_chunk *there;
	size_t nthere, room;
	uint32_t until, gaps;
};

/* all, gaps: from ledger__requests; all is taken over.  0 or -ENOMEM; requested_look_end even then.
 */
int requested_begin(struct requested_look *l, const struct requested *kept, struct request *all,
		    size_t n, uint32_t gaps, bool whole);
void requested_look_end(struct requested_look *l);

/*
 * Is a live chunk of this size, whose block is at addr, a request's?  Each of REQUESTED_LEAST and
 * more is to be told of, once; known: something else is known of it.  What it is, with its stratum
 * (strata.h), is in l->there after the last one and requested_settle.
 */
bool requested_find(struct requested_look *l, uint64_t addr, uint64_t chunk, uint32_t stratum,
		    bool known);
/* After the last chunk, before anything is made of l->there. */
void requested_settle(struct requested_look *l);

/* Did this site ask for a chunk of this size? */
bool requested_by(const struct requested_look *l, uint32_t site, uint64_t chunk);
/* Did another, and has no chunk so far?  It may have this one. */
bool requested_by_others(const struct requested_look *l, uint32_t site, uint64_t chunk);

/* After a heap that was walked in whole: what was found is kept; what has no chunk is gone. */
void requested_conclude(struct requested_look *l, struct requested *kept);

#endif
