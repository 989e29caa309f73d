// SPDX-License-Identifier: GPL-2.0
/* budget_window.c: how long a window may be, and when; what one has taken, and has shown. */
#include <math.h>

#include "model/budget_parts.h"

#define MS     1000000ull
#define SECOND 1000000000ull

/* One of a millisecond tells the most for what it takes (tests/bench/estimate.c): what is seen in a
 * longer one is of a kind, and in a shorter one too little of it lives on.  Where the budget has
 * room for more than can come one after the other they are longer. */
#define WINDOW_GOOD_NS (1 * MS)
#define WINDOW_MIN_NS  (300000ull)
#define WINDOW_MAX_NS  (50 * MS)
/* Each window is paid for by this part of what is left over, first of all: who starts has most of
 * it, and a program that is over after a second has been seen by then. */
#define AHEAD 0.2
/* Until it is known, what coming and going takes: as much as a window of this length. */
#define EDGE_NS (1 * MS)

static void move_mean(struct moving *m, double now)
{
	m->mean += (now - m->mean) * 0.2;
}

static void move_high(struct moving *m, double now, double up, double down)
{
	m->high += (now - m->high) * (now > m->high ? up : down);
}

/* One that is far from all others moves the mean little, until there are more of them. */
#define FAR 3

static void move_edge(struct budget *b, double now)
{
	double far = FAR * b->edge.mean + (double)MS;

	move_mean(&b->edge, now < far ? now : far);
	move_high(&b->edge, now, 0.5, 0.1);
}

/* One that was the dearest by far says little of the next, and without one nothing else would. */
static void forget(struct moving *m)
{
	if (m->high > m->mean)
		m->high += (m->mean - m->high) * 0.3;
}

uint64_t budget_window(struct budget *b)
{
	double cores = budget_load(b) > 0.05 ? budget_load(b) : 0.05, dear, high;
	uint64_t least;
	double cost, spare, room, pace = b->share * SPENDING_MARGIN * cores, hold;

	dear = b->taken.mean > b->intensity * cores ? b->taken.mean : b->intensity * cores;
	/* What it may be: a storm that begins now, of one that runs by turns of that length. */
	high = cores > 1 ? cores : 1;
	if (high < b->taken.high)
		high = b->taken.high;
	if (b->edge.mean < 0)
		b->edge.mean = b->edge.high = dear * (double)EDGE_NS;
	room = budget_allowance(b) * 0.5 - b->edge.high;
	if (b->spent.now.time_ns < b->next_window_ns || b->saving)
		return 0;
	/* A shorter one than is good is better than none, but not than a good one soon. */
	least = b->spent.now.time_ns - b->last_window_ns < SECOND ? WINDOW_GOOD_NS : WINDOW_MIN_NS;
	if (room < (double)least * high) {
		b->next_window_ns = b->spent.now.time_ns + BUDGET_WINDOW_EVERY_NS;
		/* What is to be paid back tells nothing of windows. */
		if (budget_allowance(b) > 0) {
			forget(&b->edge);
			forget(&b->taken);
		}
		return 0;
	}
	hold = (pace * (double)BUDGET_WINDOW_EVERY_NS - b->edge.mean) / dear;
	if (hold < (double)WINDOW_GOOD_NS)
		hold = (double)WINDOW_GOOD_NS;
	/* What comes and goes with a window is as dear as some of it: then they are rarer. */
	if (hold < 2 * b->edge.mean / dear)
		hold = 2 * b->edge.mean / dear;
	spare = AHEAD * (budget_allowance(b) - 2 * (high * (double)WINDOW_GOOD_NS + b->edge.high));
	/* The kernel may need longer for one than from one to the next. */
	if (spare / 2 > hold * dear + b->edge.mean)
		hold = (spare / 2 - b->edge.mean) / dear;
	if (hold > room / high)
		hold = room / high;
	if (hold < (double)WINDOW_MIN_NS)
		hold = (double)WINDOW_MIN_NS;
	if (hold > (double)WINDOW_MAX_NS)
		hold = (double)WINDOW_MAX_NS;
	if (hold * high > room)
		return 0;
	cost = hold * dear + b->edge.mean;
	spare -= AHEAD * cost;
	b->next_window_ns =
	    b->spent.now.time_ns + (spare < cost ? (uint64_t)((cost - fmax(spare, 0)) / pace) : 0);
	if (b->next_window_ns < b->spent.now.time_ns + BUDGET_WINDOW_EVERY_NS)
		b->next_window_ns = b->spent.now.time_ns + BUDGET_WINDOW_EVERY_NS;
	b->hold_ns = (uint64_t)hold;
	return b->hold_ns;
}

void budget__window(struct budget *b, uint64_t run_ns, uint64_t cost_ns, uint64_t all_cost_ns)
{
	double edge = all_cost_ns > cost_ns ? (double)(all_cost_ns - cost_ns) : 0;
	double now = run_ns ? (double)cost_ns / (double)run_ns : 0, own, since, taken,
	       bare = (double)spending_bare(&b->spent.now);

	b->windows_ns += all_cost_ns;
	taken = b->hold_ns ? (double)cost_ns / (double)b->hold_ns : 0;
	move_mean(&b->taken, taken);
	move_high(&b->taken, taken, 1, 0.2);
	/* With a command: what takes so long while the probes go that saw it all is not what others
	 * take. */
	if (b->grace_over || !b->grace_ns || edge < b->edge.mean)
		move_edge(b, edge);
	if (now > 1)
		now = 1;
	b->intensity += (now - b->intensity) * (now > b->intensity ? 1 : 0.2);
	/* Nearly all of a storm's window is the probes': what is left is below what clocks tell. */
	own = run_ns > cost_ns ? (double)(run_ns - cost_ns) : 0;
	if (own < 0.02 * (double)run_ns)
		own = 0.02 * (double)run_ns;
	/* The first stands for as much as others, not for all that ran since all was seen. */
	since =
	    b->window_bare_ns ? bare - (double)b->window_bare_ns : budget_load(b) * BUDGET_AFTER_NS;
	since += own;
	b->window_bare_ns = spending_bare(&b->spent.now) + (uint64_t)own;
	if (own > 0 && since > own)
		now = since / own * 256;
	else
		now = 256;
	b->weight = now < 4e9 ? (uint32_t)now : 4000000000u;
}

uint32_t budget__weight(const struct budget *b)
{
	return b->weight;
}
