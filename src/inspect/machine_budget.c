// SPDX-License-Identifier: GPL-2.0
#include "inspect/machine_budget.h"

#include "base/clock.h"

#define TICK_MOST 40000000ull

struct machine_budget machine_budget_of(uint64_t option, uint64_t normal, uint64_t credit_ns)
{
	return (struct machine_budget){.per_second = option ? option : normal,
				       .left = (int64_t)credit_ns,
				       .tick_most = TICK_MOST};
}

void machine_budget_refill(struct machine_budget *b, uint64_t elapsed_ns)
{
	int64_t most;

	if (b->per_second == UINT64_MAX)
		return;
	most = 2 * (int64_t)b->per_second;
	if (b->left >= most)
		return;
	b->left += (int64_t)((double)b->per_second * (double)elapsed_ns / 1e9);
	if (b->left > most)
		b->left = most;
}

uint64_t machine_budget_tick(const struct machine_budget *b)
{
	if (b->per_second == UINT64_MAX)
		return UINT64_MAX;
	if (b->left <= 0)
		return 0;
	return b->left < (int64_t)b->tick_most ? (uint64_t)b->left : b->tick_most;
}

void machine_budget_spend(struct machine_budget *b, uint64_t ns)
{
	if (b->per_second != UINT64_MAX)
		b->left -= (int64_t)ns;
}

#define LATE_NS 200000000u

struct machine_spell machine_spell_begin(struct machine_budget *b)
{
	return (struct machine_spell){.cpu_ns = clock_thread_ns(),
				      .wall_ns = clock_now_ns(),
				      .budget = machine_budget_tick(b)};
}

void machine_spell_look(struct machine_spell *s)
{
	s->spent = clock_thread_ns() - s->cpu_ns;
	s->late = clock_now_ns() - s->wall_ns >= LATE_NS;
}

bool machine_spell_goes_on(const struct machine_spell *s)
{
	return s->spent < s->budget && (!s->late || s->budget == UINT64_MAX);
}
