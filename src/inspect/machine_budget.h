/* SPDX-License-Identifier: GPL-2.0 */
/* machine_budget.h: time that may be spent on something, so much a second.  Private to machine_*.c.
 */
#ifndef INSPECT_MACHINE_BUDGET_H
#define INSPECT_MACHINE_BUDGET_H

#include <stdbool.h>
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

/*
 * One tick's work by such a budget.  What it may take is CPU time; but where a process's memory has
 * to be read from a disk that waits, and the next tick is not to wait for it: behind a fifth of a
 * second no more is begun.
 */
struct machine_spell {
	uint64_t cpu_ns, wall_ns; /* at its beginning */
	uint64_t budget, spent;	  /* CPU time */
	bool late;
};

struct machine_spell machine_spell_begin(struct machine_budget *b);
/* After each piece of it. */
void machine_spell_look(struct machine_spell *s);
bool machine_spell_goes_on(const struct machine_spell *s);

#endif
