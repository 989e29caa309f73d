// SPDX-License-Identifier: GPL-2.0
#include "model/seen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/blocks.h"

/* Blocks of more than this never come from a thread's cache. */
#define CACHED_MAX (HW_CACHED_CHUNK_MAX - 8u)

void seen_free(struct seen *s)
{
	free(s->spans);
	s->spans = NULL;
	s->n = s->room = 0;
}

int seen_copy(struct seen *s, const struct seen *from)
{
	struct seen_span *spans = NULL;

	if (from->n) {
		spans = malloc(from->n * sizeof(*spans));
		if (!spans)
			return -ENOMEM;
		memcpy(spans, from->spans, from->n * sizeof(*spans));
	}
	seen_free(s);
	*s = *from;
	s->spans = spans;
	s->room = s->n;
	return 0;
}

/* From `moment` on it is so; what was said of later ones is forgotten. */
static int set(struct seen *s, uint32_t moment, uint32_t weight, bool large)
{
	while (s->n && s->spans[s->n - 1].moment >= moment)
		s->n--;
	if (s->n && s->spans[s->n - 1].weight == weight && s->spans[s->n - 1].large == large &&
	    s->spans[s->n - 1].requests == s->requests)
		return 0;
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 16;
		struct seen_span *spans = reallocarray(s->spans, room, sizeof(*spans));

		if (!spans)
			return -ENOMEM;
		s->spans = spans;
		s->room = room;
	}
	s->spans[s->n++] = (struct seen_span){moment, weight, large, s->requests};
	return 0;
}

uint32_t seen_moment(const struct seen *s, uint32_t second)
{
	uint32_t moment = second + s->ahead;

	return moment < BLOCK_BORN_MAX ? moment : BLOCK_BORN_MAX;
}

/* One at which nothing was born before. */
static uint32_t begin_moment(struct seen *s, uint32_t second)
{
	s->ahead++;
	return seen_moment(s, second);
}

int seen_apply(struct seen *s, const struct hw_level *e, uint32_t second)
{
	bool ended = s->window && !e->window;
	bool changed = e->seen != s->level || e->requests != s->requests;
	int err = 0;

	s->requests = e->requests;
	if (e->window && !s->window)
		s->opened =
		    s->ahead < SEEN_AHEAD ? begin_moment(s, second) : seen_moment(s, second);
	if (ended && e->weight >= SEEN_ALL)
		err = set(s, s->opened, e->weight, e->seen == HW_SEEN_LARGE);
	else if (!e->window && changed)
		/* Between windows nothing small is seen: the next window says what it stands for.
		 */
		err = set(s, begin_moment(s, second), SEEN_ALL, e->seen != HW_SEEN_NONE);
	if (e->seen == HW_SEEN_ALL && s->level != HW_SEEN_ALL)
		s->whole_at = begin_moment(s, second);
	s->ever_less |= e->seen != HW_SEEN_ALL;
	s->level = e->seen;
	s->window = e->window;
	return err;
}

bool seen_whole(const struct seen *s, uint32_t moment)
{
	return s->level == HW_SEEN_ALL && moment >= s->whole_at;
}

/* The span of a moment, or NULL before the first. */
static const struct seen_span *span_of(const struct seen_span *spans, size_t n, uint32_t moment)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (spans[mid].moment <= moment)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? &spans[low - 1] : NULL;
}

bool seen_requests(const struct seen_span *spans, size_t n, uint32_t moment)
{
	const struct seen_span *span = span_of(spans, n, moment);

	return span && span->requests;
}

uint32_t seen_weight(const struct seen_span *spans, size_t n, uint32_t moment, uint64_t size)
{
	const struct seen_span *span = span_of(spans, n, moment);

	return !span || (size > CACHED_MAX && span->large) ? SEEN_ALL : span->weight;
}
