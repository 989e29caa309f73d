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

/* As many as the kernel can give. */
static uint64_t burst(struct budget *b)
{
	if (b->spent.now.time_ns < b->next_window_ns)
		return 0;
	b->next_window_ns = b->spent.now.time_ns + b->burst_ns;
	b->hold_ns = WINDOW_GOOD_NS;
	return b->hold_ns;
}

/* From one to the next at least: while a command begins more of them are worth it. */
static uint64_t every_of(const struct budget *b)
{
	bool early = b->spent.now.time_ns - b->began_ns < SPENDING_SPAN_NS;

	return b->burst_ns && early ? 2 * b->burst_ns : b->every_ns;
}

uint64_t budget_window(struct budget *b)
{
	const uint64_t every = every_of(b);
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
	if (budget_bursts(b))
		return burst(b);
	room = budget_allowance(b) * 0.5 - b->edge.high;
	if (b->spent.now.time_ns < b->next_window_ns || b->saving)
		return 0;
	/* A shorter one than is good is better than none, but not than a good one soon. */
	least = b->spent.now.time_ns - b->last_window_ns < SECOND ? WINDOW_GOOD_NS : WINDOW_MIN_NS;
	if (room < (double)least * high) {
		b->next_window_ns = b->spent.now.time_ns + every;
		/* What is to be paid back tells nothing of windows. */
		if (budget_allowance(b) > 0) {
			forget(&b->edge);
			forget(&b->taken);
		}
		return 0;
	}
	hold = (pace * (double)every - b->edge.mean) / dear;
	if (hold < (double)WINDOW_GOOD_NS)
		hold = (double)WINDOW_GOOD_NS;
	/* What comes and goes with a window is as dear as some of it: then they are rarer. */
	if (hold < 2 * b->edge.mean / dear)
		hold = 2 * b->edge.mean / dear;
	spare = AHEAD * (budget_allowance(b) - 2 * (high * (double)WINDOW_GOOD_NS + b->edge.high));
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
	if (b->next_window_ns < b->spent.now.time_ns + every)
		b->next_window_ns = b->spent.now.time_ns + every;
	b->hold_ns = (uint64_t)hold;
	return b->hold_ns;
}

/*
 * Of a window's run time, what is the program's.  Of a storm's nearly all is the probes': what is
 * left is less than what their cost may be wrong by, and from window to window it would be
 * anything. A call takes a hundred ns or less and is seen for 2 us and more, so it is about this
 * part.
 */
#define DENSE_FROM 0.6
#define DENSE_ALL  0.9
#define DENSE_OWN  0.02

static double own_of(double run_ns, double cost_ns)
{
	double part = run_ns > 0 ? cost_ns / run_ns : 0, dense;

	dense = fmin(fmax((part - DENSE_FROM) / (DENSE_ALL - DENSE_FROM), 0), 1);
	return run_ns * ((1 - dense) * (1 - part) + dense * DENSE_OWN);
}

/* What the probes take in a window that says something. */
#define TELLING_NS 100000u

/* A CPU clock is some ms late.  Over so long that does not matter. */
#define CLOCK_NS (100 * MS)

/* What it ran without the probes since the last window, or since all was seen. */
static double bare_since(const struct budget *b)
{
	const struct spending_slot *then =
	    spending_slot(&b->spent, b->spent.n > 2 ? 2 : b->spent.n - 1);
	double time = (double)b->spent.now.time_ns - (double)then->time_ns;
	double gap = fmax((double)b->spent.now.time_ns - (double)b->unseen_ns, 0);
	double bare = (double)spending_bare(&b->spent.now) - (double)b->unseen_bare_ns;

	if (gap >= (double)CLOCK_NS || time < (double)CLOCK_NS)
		return fmax(bare, 0);
	return (double)(b->spent.now.run_ns - then->run_ns) / time * gap;
}

void budget__window(struct budget *b, const struct budget_seen *w)
{
	double edge = w->all_cost_ns > w->cost_ns ? (double)(w->all_cost_ns - w->cost_ns) : 0;
	double now = w->run_ns ? (double)w->cost_ns / (double)w->run_ns : 0, own, since, taken;

	b->windows_ns += w->all_cost_ns;
	taken = b->hold_ns ? (double)w->cost_ns / (double)b->hold_ns : 0;
	move_mean(&b->taken, taken);
	move_high(&b->taken, taken, 1, 0.2);
	/* What takes so long while the probes go that saw it all is not what others take. */
	if (b->spent.now.time_ns - b->since_ns > 2 * BUDGET_AFTER_NS || edge < b->edge.mean)
		move_edge(b, edge);
	if (now > 1)
		now = 1;
	b->intensity += (now - b->intensity) * (now > b->intensity ? 1 : 0.2);
	own = own_of((double)w->run_ns, (double)w->cost_ns);
	/* One in which it does nothing tells nothing. */
	if (b->trying && w->cost_ns >= TELLING_NS) {
		b->tries++;
		b->tried_large += (double)w->large_ns;
		b->tried_own += own;
	}
	since = bare_since(b) + own;
	b->unseen_ns = b->spent.now.time_ns + w->wall_ns;
	b->unseen_bare_ns = spending_bare(&b->spent.now) + (uint64_t)own;
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
