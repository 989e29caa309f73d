// SPDX-License-Identifier: GPL-2.0
/* budget_costs.c: from hits to time. */
#include <math.h>

#include "heapwatch/event.h"
#include "model/budget.h"

uint64_t budget_cost_ns(const struct budget_costs *k, const struct hw_proc *c)
{
	uint64_t entries = c->hits > c->returns ? c->hits - c->returns : 0;
	uint64_t stepped = c->stepped < entries ? c->stepped : entries;

	return (uint64_t)((double)(entries - stepped) * k->emulated + (double)stepped * k->stepped +
			  (double)c->returns * k->returned) +
	       c->run_ns;
}

uint64_t budget_large_ns(const struct budget_costs *k, const struct hw_proc *c)
{
	return (uint64_t)((double)c->large_hits * k->emulated) + c->large_ns;
}

/* A quarter of the budget; without one, what is a quarter of the one that there is by default. */
unsigned int budget_touches(double share)
{
	const double part = share > 0 ? fmin(share / 4, 0.5) : 0.0025;

	return share < 0 ? 0 : (unsigned int)ceil(part * (1 << 20));
}
