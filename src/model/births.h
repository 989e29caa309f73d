/* SPDX-License-Identifier: GPL-2.0 */
/*
 * births.h: how many small blocks each callsite was given in windows, by size class, and was not
 * seen to free: what the samples that are left of them are to be compared with (estimator.h).
 * Pure.
 */
#ifndef MODEL_BIRTHS_H
#define MODEL_BIRTHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct births;

/* Of one callsite and class. */
struct birth {
	uint32_t site, class; /* estimator_class */
	double blocks;	      /* each counted as what it stands for, in 256ths */
	double whole;	      /* of these, those that stand for themselves */
	double freed;	      /* so were these, which were seen to go after their window */
	double stayed;	      /* how many there were at the end of their window */
	double died;	      /* ... were not */
};

/* By class, then by site: for qsort. */
int births_order(const void *a, const void *b);
/* Of n in that order that of this site and class, or NULL. */
struct birth *births_find(struct birth *all, size_t n, uint32_t site, uint32_t class);
/* Of those that came in a window, the part that was there at its end; 1 where none is known of:
 * b is NULL then, or says so. */
double births_stay(const struct birth *b);

/* NULL where memory is out. */
struct births *births__new(void);
/* Shares all with b until one of the two changes; both belong to one thread. */
struct births *births__fork(struct births *b);
void births__free(struct births *b);

/* A block of this class in the window that is open; births__weigh says what it stands for.
 * 0 or -ENOMEM. */
int births__add(struct births *b, uint32_t site, uint32_t class);
/* One of this weight, 256ths, was seen to go; of the window that is open, in which it went: fresh.
 */
int births__drop(struct births *b, uint32_t site, uint32_t class, uint32_t weight, bool fresh);
/* One of the window that is open does not count. */
void births__leave_out(struct births *b, uint32_t site, uint32_t class);
/* The window has ended, with this weight; each of its blocks stands for so many, for some were left
 * out. */
int births__weigh(struct births *b, uint32_t weight, double each);

size_t births__count(const struct births *b);
/* All to out, which has room for as many as births__count says; in no order. */
void births__list(const struct births *b, struct birth *out);
size_t births__memory(const struct births *b);

#endif
