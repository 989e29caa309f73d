/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sampling.h: what a look at the heap says of a process of which not every malloc was seen: who
 * holds the chunks (model/estimator.h), and what the ledger holds that is gone.
 */
#ifndef MODEL_SAMPLING_H
#define MODEL_SAMPLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/blocks.h"
#include "model/estimator.h"
#include "model/requested.h"
#include "model/seen.h"
#include "model/signature.h"

/* Of what was there before, this many chunks of a class are remembered. */
#define SAMPLING_OLDER 16

/* Kept between looks. */
struct sampling {
	bool told;	 /* estimates is valid */
	bool stale;	 /* no look since that saw all of the heap */
	uint32_t looks;	 /* that estimates were made of */
	bool have_older; /* so is what follows */
	struct sampling_older {
		uint64_t bytes; /* chunk bytes */
		uint32_t n;	/* remembered of these */
		uint64_t seen;	/* chunks that were offered */
		uint64_t addr[SAMPLING_OLDER];
	} * older; /* by stratum */
	uint32_t nolder;
	struct strata *strata;
	struct firsts *firsts;
	/* Of crossings (crossings.h), by their ends: of which stratum the block was when it was
	 * first looked at, and whether it began with the same each time since. */
	struct sampling_crossed {
		uint64_t end;
		uint32_t serial, stratum, content;
		bool looked;	  /* between looks */
		bool found;	  /* it was there when it was first looked at */
		bool known, same; /* its content */
	} * crossed;
	size_t ncrossed;
	struct requested requested;
	struct estimates estimates;
};

/* One look under way. */
struct crossing;
struct sampling_look {
	struct sampling *kept;
	bool partly; /* not every call was seen all the time */
	struct seen_span *spans;
	size_t nspans;
	struct birth *births;
	size_t nbirths;
	struct birth *by_stratum; /* of births */
	struct crossing *crossings;
	size_t ncrossings; /* of kept->crossed too, then */
	struct crossed *by_site;
	size_t nby_site;
	struct requested_look requested;
	struct estimator *estimator;
	struct sampling_older *older; /* chunks that are not known, as in struct sampling */
	uint32_t nolder;
	struct block *dead; /* the ledger's, where another block is now */
	size_t ndead, room;
	uint64_t random;
	int err;
};

void sampling_free(struct sampling *s);

/* spans, births: from ledger__spans and ledger__births, taken over.  0 or -ENOMEM;
 * sampling_look_end even then. */
int sampling_begin(struct sampling_look *l, struct sampling *kept, bool partly,
		   struct seen_span *spans, size_t nspans, struct birth *births, size_t nbirths);
/* From ledger__crossings, taken over; before the first chunk.  0 or -ENOMEM. */
int sampling_crossings(struct sampling_look *l, struct crossing *all, size_t n);
/* From ledger__requests, taken over; before the first chunk.  0 or -ENOMEM. */
int sampling_requests(struct sampling_look *l, struct request *all, size_t n, uint32_t gaps);
/* Between looks: s->crossed are those of these, in their order.  0 or -ENOMEM. */
int sampling_keep_crossings(struct sampling *s, const struct crossing *all, size_t n);
/* ... and where the i-th, c, is or was a chunk of this size begins, and its block so. */
void sampling_peek_crossing(struct sampling *s, size_t i, const struct crossing *c, uint64_t chunk,
			    const struct signature *begins);
/* A live chunk and its signature (signature.h); b: what the ledger has at its block, or NULL.  True
 * where that is the block. */
bool sampling_chunk(struct sampling_look *l, uint64_t addr, uint64_t chunk, uint32_t signature,
		    const struct block *b);
/* After a heap that was walked in whole (else: whole = false, and nothing is concluded).
 * has: is a live chunk at this address? */
void sampling_conclude(struct sampling_look *l, bool whole,
		       bool (*has)(const void *arg, uint64_t addr), const void *arg);
void sampling_look_end(struct sampling_look *l);

/* A block that came in a window that has ended, its chunk and how it begins now: soon after the
 * window, and again before a look.  Where its chunk is of another size it is gone. */
void sampling_peek(struct sampling *s, const struct seen_span *spans, size_t nspans,
		   const struct block *b, uint64_t chunk, const struct signature *begins);
/* So they all were, before a look. */
void sampling_peeked(struct sampling *s);

#endif
