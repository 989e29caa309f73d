/* SPDX-License-Identifier: GPL-2.0 */
/* replay_trace.h: what a recorded trace tells only later on. */
#ifndef TESTS_REPLAY_TRACE_H
#define TESTS_REPLAY_TRACE_H

#include "replay.h"

/* Of each allocation, its block's signature, which the trace tells when it is freed; the caller's.
 * *n: from how many records there are to how many calls. */
static inline uint32_t *replay_signatures(const struct trace_record *t, size_t *n)
{
	uint32_t *of = calloc(*n + 1, sizeof(*of));
	struct blocks *live = blocks__new();
	size_t calls = *n;
	struct block b;

	replay_must(of && live);
	for (size_t i = 0; i < *n; i++) {
		b = (struct block){.addr = t[i].addr, .size = i};
		if (!t[i].addr)
			calls = i;
		else if (t[i].site == TRACE_CONTENT)
			continue;
		else if (t[i].site)
			replay_must(blocks__put(live, &b, NULL) >= 0);
		else if (!blocks__take(live, t[i].addr, &b))
			of[b.size] = t[i].size;
	}
	blocks__free(live);
	*n = calls;
	return of;
}

#endif
