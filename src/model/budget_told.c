// SPDX-License-Identifier: GPL-2.0
/* budget_told.c: what the probes have taken, as it is told. */
#include "model/budget_parts.h"

#define SECOND 1000000000ull

double budget__percent(const struct budget *b)
{
	const struct spending_slot *then = spending_oldest(&b->spent);
	double run = (double)(b->spent.now.run_ns - then->run_ns);
	double s = (double)(b->spent.now.cost_ns - then->cost_ns);

	/* CPU clocks are read a little earlier than the counters. */
	if (run < s)
		run = s;
	return run > 0 ? 100 * s / run : 0;
}

void budget_judge(struct budget *b)
{
	double percent = budget__percent(b);

	if (b->spent.now.time_ns - b->began_ns >= SPENDING_SPAN_NS + SECOND && percent > b->worst)
		b->worst = percent;
}

double budget__worst(const struct budget *b)
{
	return b->worst;
}
