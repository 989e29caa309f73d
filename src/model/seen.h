/* SPDX-License-Identifier: GPL-2.0 */
/*
 * seen.h: how much of malloc was seen when: what a block that was born then stands for.  Time is
 * counted in moments: each second begins one, and so does each window and each change of what is
 * seen.  Pure.
 */
#ifndef MODEL_SEEN_H
#define MODEL_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heapwatch/event.h"

/* What one block stands for where each is seen, in 256ths. */
#define SEEN_ALL 256u

/* After so many windows those of one second share a moment, and what the last of them says: moments
 * end at BLOCK_BORN_MAX (blocks.h). */
#define SEEN_AHEAD 100000u

/* From this moment on, up to the next span. */
struct seen_span {
	uint32_t moment;
	uint32_t weight; /* of a small block, SEEN_ALL or more */
	bool large;	 /* large blocks, and their frees, were all seen */
	bool requests;	 /* all requests for large chunks were told of (requests.h) */
};

struct seen {
	enum hw_seen level;
	bool window;		 /* one is open */
	bool requests;		 /* those for large chunks are told of */
	uint32_t opened;	 /* at which moment */
	uint32_t ahead;		 /* moments that were begun beside the clock's seconds */
	bool ever_less;		 /* not all was seen all the time */
	uint32_t whole_at;	 /* since this moment all is */
	struct seen_span *spans; /* by moment */
	size_t n, room;
};

void seen_free(struct seen *s);
/* The same as of another, blocks and moments too.  0 or -ENOMEM. */
int seen_copy(struct seen *s, const struct seen *from);
/* The moment of what happens in this second, after all that was told. */
uint32_t seen_moment(const struct seen *s, uint32_t second);
/* A record of it, in this second.  0 or -ENOMEM. */
int seen_apply(struct seen *s, const struct hw_level *e, uint32_t second);
/* Is each call seen from this moment to now? */
bool seen_whole(const struct seen *s, uint32_t moment);
/* Were all requests for large chunks told of then? */
bool seen_requests(const struct seen_span *spans, size_t n, uint32_t moment);
/* What a block of this size stands for. */
uint32_t seen_weight(const struct seen_span *spans, size_t n, uint32_t moment, uint64_t size);

#endif
