/* SPDX-License-Identifier: GPL-2.0 */
/* replay_score.h: how well what a replay tells is true. */
#ifndef TESTS_REPLAY_SCORE_H
#define TESTS_REPLAY_SCORE_H

#include <math.h>

#include "replay.h"

#define REPLAY_LARGEST 10 /* whose error counts */
#define REPLAY_BARS    40 /* whose error bars do */

/* Sums over looks: divide by n. */
struct replay_score {
	unsigned int n;
	double error;	 /* of the largest callsites' bytes, as a share of them */
	double inside;	 /* truths inside of their bars */
	double bars;	 /* ... of so many */
	double inside10; /* ... of the largest ones' */
	double bars10;
	double untold10;   /* of the largest ones, those of which nothing is told */
	double *widths;	   /* of those, as shares of the truth; the caller's, or NULL */
	double last_error; /* of the last look alone */
	double bytes, told;
};

static inline int replay_sum_one(void *arg, const struct block *b)
{
	double *bytes = arg;

	bytes[b->site] += (double)b->size;
	return 0;
}

static inline const struct snapshot_site *replay_told(const struct snapshot *s, uint64_t stack)
{
	for (size_t i = 0; i < s->nsites; i++)
		if (s->sites[i].stack == stack)
			return &s->sites[i];
	return NULL;
}

/* Looks, and adds to the score how well the callsites that hold most are told. */
static inline void replay_judge(struct replay *r, struct replay_score *score)
{
	size_t n = intern__count(r->sites);
	double *bytes = calloc(n + 1, sizeof(*bytes)), wrong = 0, all = 0;
	struct snapshot *s;

	replay_look(r);
	s = ledger__snapshot(r->ledger, 0, 0);
	replay_must(s && bytes && r->sampling.told);
	estimates_apply(&r->sampling.estimates, s, 0, 0);
	blocks__each(r->live, replay_sum_one, bytes);
	score->bytes = score->told = 0;
	for (size_t i = 0; i < n; i++)
		score->bytes += bytes[i];
	for (size_t i = 0; i < s->nsites; i++)
		score->told += (double)s->sites[i].bytes;
	for (unsigned int rank = 0; rank < REPLAY_BARS; rank++) {
		const struct snapshot_site *told;
		size_t most = 0;

		for (size_t i = 1; i < n; i++)
			if (bytes[i] > bytes[most])
				most = i;
		if (!n || bytes[most] <= 0)
			break;
		told = replay_told(s, *(const uint32_t *)intern__key(r->sites, most, NULL));
		if (rank < REPLAY_LARGEST) {
			wrong += fabs((told ? (double)told->bytes : 0) - bytes[most]);
			all += bytes[most];
		}
		if (told) {
			bool inside = bytes[most] >= (double)told->low - 1 &&
				      bytes[most] <= (double)told->high + 1;

			score->bars++;
			score->inside += inside;
			if (rank < REPLAY_LARGEST && score->widths)
				score->widths[(size_t)score->bars10] =
				    (double)(told->high - told->low) / bytes[most];
			score->bars10 += rank < REPLAY_LARGEST;
			score->inside10 += rank < REPLAY_LARGEST && inside;
		} else {
			score->untold10 += rank < REPLAY_LARGEST;
		}
		bytes[most] = 0;
	}
	score->last_error = all > 0 ? wrong / all : 0;
	score->error += score->last_error;
	score->n++;
	snapshot__free(s);
	free(bytes);
}

#endif
