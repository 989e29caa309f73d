/* SPDX-License-Identifier: GPL-2.0 */
/*
 * spending.h: what a process ran and what the probes took of it over the last ten seconds.  Private
 * to budget.c and purse.c.  Pure.
 */
#ifndef MODEL_SPENDING_H
#define MODEL_SPENDING_H

#include <stdint.h>

#define SPENDING_SPAN_NS 10000000000ull
/* Until a storm is noticed and the kernel has taken the probes away: what it takes till then. */
#define SPENDING_REACTION_NS 60000000ull
/* Of the budget, what is planned with: the rest is for what was not foreseen, such as a process
 * that runs less in the next seconds than it did when this was spent. */
#define SPENDING_MARGIN 0.78
/* One each 100 ms. */
#define SPENDING_SLOTS 101

/* At a time; all grow only. */
struct spending_slot {
	uint64_t time_ns, run_ns, cost_ns;
	uint64_t windows_ns; /* of the cost, what windows took */
};

struct spending {
	struct spending_slot slots[SPENDING_SLOTS], now;
	unsigned int head, n; /* head: the newest */
};

void spending_record(struct spending *s, const struct spending_slot *now);
/* The newest, 0, or one of those before it: below n. */
const struct spending_slot *spending_slot(const struct spending *s, unsigned int before);
/* Where the last ten seconds began, or the first record. */
const struct spending_slot *spending_oldest(const struct spending *s);
/* Its run time without what the probes took. */
uint64_t spending_bare(const struct spending_slot *slot);
/* What the probes took from then to now, windows apart. */
double spending_steady(const struct spending *s, const struct spending_slot *then);

#endif
