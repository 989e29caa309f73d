/* SPDX-License-Identifier: GPL-2.0 */
/*
 * firsts.h: of blocks whose frees may not be seen, which stratum each was of when it was first
 * looked at: one that is of another by now is gone, and its address was given away again.  And how
 * many of each callsite's were of which stratum then.  Pure.
 */
#ifndef MODEL_FIRSTS_H
#define MODEL_FIRSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of later ones nothing is remembered. */
#define FIRSTS_MAX (1u << 18)

struct birth;
struct block;
struct firsts;
struct signature;

/* NULL where memory is out. */
struct firsts *firsts__new(void);
void firsts__free(struct firsts *f);

/* This block, which stands for `weight` 256ths, is of this stratum.  True where it was of another
 * once. */
bool firsts__changed(struct firsts *f, const struct block *b, uint32_t stratum, uint32_t weight);
/* The same, and it begins so; its kind is the stratum's. */
bool firsts__begins(struct firsts *f, const struct block *b, uint32_t stratum,
		    const struct signature *begins, uint32_t weight);
/* Where it was, another one is. */
void firsts__gone(struct firsts *f, const struct block *b);
bool firsts__is_gone(const struct firsts *f, const struct block *b);
/* It began with the same when it was looked at last as at first, all of it or a word (signature.h:
 * marks), which few others do (as of firsts__compare): nobody else has its address. */
bool firsts__same(const struct firsts *f, const struct block *b);
/* What many begin with tells none of them from another: after all have been looked at. */
void firsts__compare(struct firsts *f);
/* All that are there were told of since the last time: the others are forgotten. */
void firsts__turn(struct firsts *f);

/*
 * What each callsite had in windows, by size class, to what it had by stratum, as far as that was
 * looked at: births of all, in births_order, to the caller's *out.  0 or -ENOMEM.
 */
struct strata;
int firsts__births(const struct firsts *f, const struct strata *strata, struct birth *births,
		   size_t n, struct birth **out, size_t *nout);

#endif
