/* SPDX-License-Identifier: GPL-2.0 */
/*
 * requested.h: which of a heap's large chunks is whose, by what was asked for (requests.h).  A
 * chunk that was there at the last look is still who it was; one that was not came since, and is
 * the latest request for so many bytes that has no chunk yet.  Where others asked for as many, it
 * may be theirs, and is not sure.  Pure.
 */
#ifndef MODEL_REQUESTED_H
#define MODEL_REQUESTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/requests.h"

/* A chunk, and the request that it is. */
struct requested_chunk {
	uint64_t addr, chunk; /* of the block; of the request */
	uint32_t serial;
};

/* Between looks. */
struct requested {
	struct requested_chunk *held; /* by address */
	size_t n;
	uint32_t until;	   /* requests later than this were not looked for */
	uint64_t least;	   /* no smaller chunk was ever asked for; 0: none was */
	uint32_t *serials; /* of held, the smallest first */
};

void requested_free(struct requested *r);

/* One look under way. */
struct requested_look {
	const struct requested *kept;
	struct request *all; /* by size, then by serial */
	bool *taken;	     /* of each: it has its chunk */
	size_t n;
	struct requested_chunk *found;
	size_t nfound, room;
	uint32_t until;
};

/* all: from ledger__requests, taken over.  0 or -ENOMEM; requested_look_end even then. */
int requested_begin(struct requested_look *l, struct requested *kept, struct request *all,
		    size_t n);
void requested_look_end(struct requested_look *l);

/*
 * Whose a live chunk of this size is whose block is at addr; NULL: nobody is known, or memory is
 * out.  sure: nobody else asked for as many bytes since the last look.  Belongs to l.
 */
const struct request *requested_find(struct requested_look *l, uint64_t addr, uint64_t chunk,
				     bool *sure);

/* After a heap that was walked in whole: what was found is kept; what has no chunk is gone. */
void requested_conclude(struct requested_look *l, struct requested *kept);

#endif
