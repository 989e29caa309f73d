// SPDX-License-Identifier: GPL-2.0
#include "model/allowance.h"

void allowance_begin(struct allowance *a, uint64_t now_ns)
{
	a->withdrawn = false;
	a->measured = false;
	a->since_ns = now_ns;
	if (!a->pause_ns)
		a->pause_ns = ALLOWANCE_FIRST_NS;
}

static double ratio(uint64_t part, uint64_t whole)
{
	/* All of it in probes: there is no time without them to set it against. */
	return whole ? (double)part / (double)whole : part ? 1 : 0;
}

bool allowance_step(struct allowance *a, double limit, const struct allowance_input *in)
{
	uint64_t cost, run, time;
	bool first = !a->measured;

	cost = first || in->cost_ns < a->cost_ns ? 0 : in->cost_ns - a->cost_ns;
	run = first || in->run_ns < a->run_ns ? 0 : in->run_ns - a->run_ns;
	time = first || in->now_ns < a->now_ns ? 0 : in->now_ns - a->now_ns;
	a->measured = true;
	a->now_ns = in->now_ns;
	a->run_ns = in->run_ns;
	a->cost_ns = in->cost_ns;
	/* The cost is an estimate: it may be more than there was. */
	a->share = ratio(cost, run > cost ? run - cost : 0);
	a->load = time ? (double)cost / (double)time : 0;
	if (in->now_ns - a->since_ns > ALLOWANCE_CALM_NS)
		a->pause_ns = ALLOWANCE_FIRST_NS;
	if (a->share <= limit || a->load <= limit * ALLOWANCE_NOTICED)
		return false;
	a->withdrawn = true;
	a->until_ns = in->now_ns + a->pause_ns;
	a->pause_ns *= 2;
	if (a->pause_ns > ALLOWANCE_LONGEST_NS)
		a->pause_ns = ALLOWANCE_LONGEST_NS;
	return true;
}

bool allowance_over(const struct allowance *a, uint64_t now_ns)
{
	return a->withdrawn && now_ns >= a->until_ns;
}
