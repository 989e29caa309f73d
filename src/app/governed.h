/* SPDX-License-Identifier: GPL-2.0 */
/* governed.h: one process, or all together, under a budget: looking at it, and doing what the
 * budget orders. */
#ifndef APP_GOVERNED_H
#define APP_GOVERNED_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/budget.h"

struct glimpses;
struct meter;
struct probes;

/* What all of them have. */
struct governing {
	struct probes *probes;
	struct meter *meter;
	struct glimpses *glimpses; /* of what comes in windows */
	pthread_mutex_t *lock;	   /* of the budgets and of what others read of a process */
};

struct governed {
	pid_t pid; /* 0: all together */
	struct budget *budget;
	struct budget_order order; /* what is done to it, without the lock, while it is busy */
	bool busy;
	bool gone; /* it ended */
	bool all, large, requests, changed;
	bool child; /* of one that is watched, forked since */
	uint64_t since_ns;
	uint64_t windows;
	uint64_t first_run_ns, run_ns, cost_ns, large_ns;
	uint32_t turn; /* struct probes_level */
};

/* How it is now, with the lock held.  0; or as meter__read(): it has ended. */
int governed_look(const struct governing *g, struct governed *p, struct budget_input *in);
/* Is there anything to be done for this order? */
bool governed_must(const struct governed *p, const struct budget_order *order);
/* Do what p->order says: takes up to the window's length and 100 ms, so the lock is not held. */
void governed_obey(const struct governing *g, struct governed *p);

#endif
