// SPDX-License-Identifier: GPL-2.0
/* budget_requests.c: whether requests for large chunks are told of while small ones are not seen.
 */
#include <math.h>

#include "model/budget_parts.h"

#define SECOND 1000000000ull

/* Of the budget they may take this part, and a burst beside it, which is paid back. */
#define PART	 0.4
#define BURST_NS 15000000.0
/* One hit in sixteen is timed, and one of these may have lost its CPU: no step counts for more. */
#define STEP_MAX_NS (BURST_NS / 3)
/* Where they take more they are left alone for so long, each time twice as long as the last. */
#define WAIT_NS	    (10 * SECOND)
#define WAIT_MAX_NS (320 * SECOND)
/* Until then what a probe takes to come and go is not worth it. */
#define YOUNG_NS SECOND
/* Within it for so long: earlier failures are forgotten. */
#define SETTLED_NS (60 * SECOND)

static void take_over(struct budget_requests *r, const struct budget_input *in)
{
	r->large_ns = in->large_ns;
	r->run_ns = in->run_ns;
}

/* What they took since the last step beyond what the process ran is worth. */
static void charge(struct budget_requests *r, const struct budget_input *in, double share)
{
	double cost = (double)(in->large_ns - r->large_ns);
	double ran = fmax((double)(in->run_ns - r->run_ns) - cost, 0);

	r->spent_ns = fmax(r->spent_ns + fmin(cost - share * PART * ran, STEP_MAX_NS), 0);
	take_over(r, in);
}

static void give_up(struct budget_requests *r, uint64_t now_ns)
{
	r->on = false;
	r->spent_ns = 0;
	r->wait_ns = !r->wait_ns		? WAIT_NS
		     : r->wait_ns < WAIT_MAX_NS ? 2 * r->wait_ns
						: WAIT_MAX_NS;
	r->after_ns = now_ns + r->wait_ns;
}

bool budget_requests(struct budget *b, const struct budget_input *in)
{
	struct budget_requests *r = &b->requests;

	/* A child that begins without probes may be over before it has one. */
	const bool young = b->poor && in->now_ns - b->began_ns < YOUNG_NS;

	/* What sees more sees these. */
	if (b->all || b->large || young || !in->has_requests) {
		r->on = false;
		return false;
	}
	if (!r->on) {
		r->on = in->now_ns >= r->after_ns;
		r->since_ns = in->now_ns;
		take_over(r, in);
		return r->on;
	}
	/* In a command's first second windows try all that is large, and what saw more took its
	 * part until it was gone, at the step before this: no cost of these. */
	if (budget_bursts(b) || b->on.time_ns == in->now_ns)
		take_over(r, in);
	charge(r, in, b->share);
	if (r->spent_ns > BURST_NS)
		give_up(r, in->now_ns);
	else if (in->now_ns - r->since_ns >= SETTLED_NS)
		r->wait_ns = 0;
	return r->on;
}
