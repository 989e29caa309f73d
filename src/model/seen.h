/* SPDX-License-Identifier: GPL-2.0 */
/*
 * seen.h: how much of malloc was seen when, second by second: what a block that was born then
 * stands for.  Pure.
 */
#ifndef MODEL_SEEN_H
#define MODEL_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heapwatch/event.h"

/* What one block stands for where each is seen, in 256ths. */
#define SEEN_ALL 256u

/* From this second on, up to the next span. */
struct seen_span {
	uint32_t second;
	uint32_t weight; /* of a small block, SEEN_ALL or more */
	bool large;	 /* large blocks, and their frees, were all seen */
};

struct seen {
	enum hw_seen level;
	bool window;		 /* one is open */
	uint32_t opened;	 /* in which second */
	bool ever_less;		 /* not all was seen all the time */
	uint32_t whole_at;	 /* since this second all is */
	struct seen_span *spans; /* by second */
	size_t n, room;
};

void seen_free(struct seen *s);
/* The same as of another, blocks and seconds too.  0 or -ENOMEM. */
int seen_copy(struct seen *s, const struct seen *from);
/* A record of it, in this second.  0 or -ENOMEM. */
int seen_apply(struct seen *s, const struct hw_level *e, uint32_t second);
/* Is each call seen from this second to now? */
bool seen_whole(const struct seen *s, uint32_t second);
/* What a block of this size stands for. */
uint32_t seen_weight(const struct seen_span *spans, size_t n, uint32_t second, uint64_t size);

#endif
