// SPDX-License-Identifier: GPL-2.0
/* budget_requests.c: whether requests for large chunks are told of while small ones are not seen.
 */
#include "model/budget_parts.h"

#define SECOND 1000000000ull

/* Of the budget they may take this part, beside a burst. */
#define PART	 0.4
#define BURST_NS 10000000.0
/* Where they take more they are left alone for so long, each time twice as long as the last. */
#define WAIT_NS	    (10 * SECOND)
#define WAIT_MAX_NS (320 * SECOND)

static void measure(struct budget_requests *r, const struct budget_input *in)
{
	r->since_ns = in->now_ns;
	r->large_ns = in->large_ns;
	r->run_ns = in->run_ns;
}

static void give_up(struct budget_requests *r, uint64_t now_ns)
{
	r->on = false;
	r->wait_ns = !r->wait_ns		? WAIT_NS
		     : r->wait_ns < WAIT_MAX_NS ? 2 * r->wait_ns
						: WAIT_MAX_NS;
	r->after_ns = now_ns + r->wait_ns;
}

bool budget_requests(struct budget *b, const struct budget_input *in)
{
	struct budget_requests *r = &b->requests;
	double cost, ran;

	/* What sees more sees these. */
	if (b->all || b->large || !in->has_requests) {
		r->on = false;
		return false;
	}
	if (!r->on) {
		r->on = in->now_ns >= r->after_ns;
		measure(r, in);
		return r->on;
	}
	/* In a command's first second windows try all that is large, and what saw more took its
	 * part until it was gone, at the step before this: no cost of these. */
	if (budget_bursts(b) || b->on.time_ns == in->now_ns) {
		measure(r, in);
		return true;
	}
	cost = (double)(in->large_ns - r->large_ns);
	ran = (double)(in->run_ns - r->run_ns) - cost;
	if (cost > b->share * PART * (ran > 0 ? ran : 0) + BURST_NS) {
		give_up(r, in->now_ns);
	} else if (in->now_ns - r->since_ns >= SPENDING_SPAN_NS) {
		r->wait_ns = 0;
		measure(r, in);
	}
	return r->on;
}
