/* SPDX-License-Identifier: GPL-2.0 */
/* machine_budget.h: time that may be spent on something, so much a second.  Private to machine_*.c.
 */
#ifndef INSPECT_MACHINE_BUDGET_H
#define INSPECT_MACHINE_BUDGET_H

#include <stdint.h>

struct machine_budget {
	uint64_t per_second; /* ns; UINT64_MAX: no limit */
	int64_t left;	     /* below 0: what was spent too much, to be paid back */
	uint64_t tick_most;  /* one tick uses up no more of what was saved, ns */
};

/* option: 0 means normal.  credit_ns is there at the start. */
struct machine_budget machine_budget_of(uint64_t option, uint64_t normal, uint64_t credit_ns);
/* Time went by: what is not used is kept for two seconds. */
void machine_budget_refill(struct machine_budget *b, uint64_t elapsed_ns);
/* How long to go on within this tick, ns; 0: not at all. */
uint64_t machine_budget_tick(const struct machine_budget *b);
void machine_budget_spend(struct machine_budget *b, uint64_t ns);

#endif
