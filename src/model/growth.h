/* SPDX-License-Identifier: GPL-2.0 */
/*
 * growth.h: how fast each callsite grows: a straight line through what it held at points of the
 * last minutes, and how sure that is.  Pure: no clock.
 *
 * A point is about a second after the one before, or more.  Sixty are kept; when there are more,
 * every other one goes, until they are eight seconds apart: then the line is one of the last eight
 * minutes, and the oldest go.
 */
#ifndef MODEL_GROWTH_H
#define MODEL_GROWTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is followed at most: callsites, of samples each with each of its classes. */
#define GROWTH_SERIES 4096

/* Not callsites: what the heap holds of a class; all that malloc's blocks hold, and what of it is
 * known. */
#define GROWTH_CLASS UINT64_MAX
#define GROWTH_HEAP  (UINT64_MAX - 1)
#define GROWTH_SEEN  (UINT64_MAX - 2)

#define GROWTH_EXACT UINT32_MAX /* a class: none, the figure is exact */
/* With a class: of the same bytes as that class's, by samples of another kind.  Each kind tells of
 * all of them: how sure it is says how much it counts. */
#define GROWTH_ALSO (1u << 16)

struct growth;

/* Of a site of the ledger's (struct block), of malloc's blocks or of mappings. */
static inline uint64_t growth_key(uint32_t site, bool map)
{
	return (uint64_t)site << 1 | map;
}

/* NULL where memory is out. */
struct growth *growth__new(void);
void growth__free(struct growth *g);

/* What a callsite holds, of samples: by class of size. */
struct growth_site {
	uint64_t key;
	uint32_t class;
	double bytes;  /* of samples: what they stand for, whatever the heap says (estimator.h) */
	double gone;   /* what stood for blocks that were found to be gone, so far */
	double sample; /* what one sample stands for */
	double worth;  /* bytes of the callsite for each; 0: one */

	/* Where its samples were looked at again (cohort.h; else unit is 0), each as one: those
	 * that did not change, and of these what a window gives.  Of all its blocks that were seen,
	 * the share of those that are not known to be gone, and did not change. */
	double same, unit, stays;
};

/*
 * At this time (any clock that only grows) these hold something, and all others nothing.  A point
 * that is too near to the last one is left out; so is what is beyond GROWTH_SERIES, the last in the
 * list first.  0 or -ENOMEM.
 */
int growth__add(struct growth *g, uint64_t time_ns, const struct growth_site *sites, size_t n);

struct growth_rate {
	double per_minute; /* bytes */
	double error;	   /* within so much of that the truth is, nine times in ten */
	double seconds;	   /* over so long */
	/*
	 * It does grow, and still does: by more than twice the error, which chance makes of one
	 * callsite in some hundreds, and in the last third too.
	 */
	bool growing;
	/* It would, but half of it at least is only new blocks in the place of older ones than the
	 * attach: what is known grows so much faster than the heap. */
	bool replacing;
};

/* False until there are three points over at least two seconds, or where it never held anything. */
bool growth__of(const struct growth *g, uint64_t key, struct growth_rate *rate);

#endif
