/* SPDX-License-Identifier: GPL-2.0 */
/*
 * estimator.h: who holds a heap's live chunks, where only some of their mallocs were seen.
 *
 * Fed with every live chunk of a heap, as a walk over it finds them, and with what is known of
 * some.  Known blocks are of two kinds: those whose like were all seen, which stand for
 * themselves, and samples, each of which stands for `weight` of its time.  Chunks that nobody is
 * known for are shared out among the samples of their stratum, which is their size and what kind of
 * thing they are, so that the sums over all callsites are the heap's own.  Strata with few samples
 * are taken together, those of a size; what is left, of sizes without a sample, is nobody's.
 *
 * Pure.
 */
#ifndef MODEL_ESTIMATOR_H
#define MODEL_ESTIMATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ESTIMATOR_CLASSES 256

struct birth;
struct estimator;
struct snapshot;
struct strata;

/* strata: the caller's, needed until the end; NULL: there are none but the classes.  NULL where
 * memory is out. */
struct estimator *estimator__new(const struct strata *strata);
void estimator__free(struct estimator *e);

/* The class of a chunk's size: one for each of the sizes that a thread's cache keeps, four for each
 * doubling above. */
unsigned int estimator_class(uint64_t chunk_size);

/* Of the chunk that malloc gives for so many bytes. */
unsigned int estimator_class_of(uint64_t bytes);

/* What of a stratum was held before anything was seen, chunk bytes: not the samples'. */
void estimator__older(struct estimator *e, uint32_t stratum, uint64_t bytes);

/* What blocks there were in windows and were not seen to go, by stratum in place of class, of which
 * the samples are what is left; changed here, and needed until the end.  Without them no sample is
 * taken for one that is gone and whose address is used again. */
void estimator__births(struct estimator *e, struct birth *births, size_t n);

struct estimator_block {
	uint32_t site;
	uint64_t size;	 /* bytes asked for */
	uint32_t weight; /* 256ths; SEEN_ALL (seen.h): stands for itself */
	uint32_t moment; /* of its birth: what was born together was sampled together */
	bool changed;	 /* it was of another stratum once: most likely it is another block */
	bool same;	 /* it begins with what it did at first: it is no other */
	bool crossing;	 /* it is known by chance of another kind (crossings.h) */
	uint32_t less;	 /* so many bytes less may have been asked for */
};
/* A live chunk; block NULL: not known.  0 or -ENOMEM. */
int estimator__chunk(struct estimator *e, uint32_t stratum, uint64_t chunk_size,
		     const struct estimator_block *block);

struct estimate {
	uint32_t site;
	double bytes, blocks;
	double low, high; /* bytes; the truth is between them nine times in ten */
	bool exact;	  /* no sample is in it, and nothing that is known to a page only */
};
/* What a site's samples of a size came to, before they were made to sum to the heap. */
struct estimate_part {
	uint32_t site, class;
	/* Crossings (crossings.h), which are a part of their own: each tells of the same heap. */
	bool crossing;
	double chunks;	/* chunk bytes that they stand for, blocks that stand for themselves too */
	double squares; /* of what units of them stand for */
	double blocks;
	double gone;  /* chunk bytes of births that are known to be gone: see estimates_births */
	double worth; /* bytes asked for, of a chunk's */
	/* Of crossings: chunk bytes of those that begin as they did, and of all of the callsite's
	 * that were looked at, of whatever class, how many do: see estimates_crossings. */
	double same, stays;
};
struct estimates {
	size_t nparts;
	struct estimate_part *parts;	       /* by kind, class and site */
	double class_bytes[ESTIMATOR_CLASSES]; /* the heap's */
	size_t n;
	struct estimate *sites; /* by site */
	double bytes, blocks;	/* of all sites */
	double nobodys;		/* chunk bytes of sizes without a sample, and older ones */
};
/*
 * Of memory that crossings tell of, chunks have such places now: where that is the crossing's
 * estimator__know says so; or else it came later, and stands for as many bytes as the crossing did
 * (whole: not for a part of these, where it may be either).  What is shared out by crossings is
 * what they have of both; of the others samples of windows tell.
 */
void estimator__others(struct estimator *e, uint32_t stratum, double bytes, bool whole);
/* Of a chunk that was told of, whose it is, or a crossing that it has.  0 or -ENOMEM. */
int estimator__know(struct estimator *e, uint32_t stratum, uint64_t chunk_size,
		    const struct estimator_block *block);
/* After the last chunk.  0 or -ENOMEM; estimates_free. */
int estimator__finish(struct estimator *e, struct estimates *out);
void estimates_free(struct estimates *e);
/* What there was in windows (births.h), by class and site. */
void estimates_births(struct estimates *e, const struct birth *births, size_t n);
struct crossed;
/* What became of crossings (crossed.h), n callsites of them. */
void estimates_crossings(struct estimates *e, const struct crossed *crossed, size_t n);

/* The heap sites of a whole snapshot hold what was estimated, and are sorted and cut anew, as
 * ledger__snapshot does (ledger.h). */
void estimates_apply(const struct estimates *e, struct snapshot *s, size_t top, uint64_t min_bytes);

#endif
