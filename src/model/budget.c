// SPDX-License-Identifier: GPL-2.0
#include "model/budget.h"

#include <math.h>
#include <stdlib.h>

#include "model/budget_parts.h"

#define MS     1000000ull
#define SECOND 1000000000ull

/* A process starts as if it had run this long already: programs allocate most when they start.
 * Less and less so: what is on is not to be taken away because ten seconds are over. */
#define CREDIT_NS (2 * SECOND)
/* Of what is planned with, what large blocks alone may take; a burst of them may take this time's
 * besides. */
#define LARGE_PART     0.6
#define LARGE_BURST_NS (SECOND / 2)
/* So many times as much is not tried again soon. */
#define FAR 5

/* So many windows say whether they are far too dear to be tried. */
#define TRIES	       4
#define TRIED_LEAST_NS 20000
/* ... or as many as there were by then. */
#define TRIED_BY_NS (SECOND * 7 / 10)

/* So long after all was seen it is known whether large blocks are too dear. */
#define TRIED_NS (SECOND / 5)

/* Before it is all seen again, all of it has to have been affordable for this long; twice as long
 * after each time that it was not, up to the limit. */
#define QUIET_NS     (10 * SECOND)
#define QUIET_MAX_NS (320 * SECOND)
/* Seen in whole for so long: earlier failures are forgotten. */
#define SETTLED_NS (60 * SECOND)

struct budget *budget__new(const struct budget_config *config)
{
	struct budget *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->share = config->share;
	b->most = config->most;
	b->poor = config->poor;
	b->every_ns = config->every_ns;
	b->burst_ns = config->burst_ns;
	b->all = budget_begins_whole(config);
	b->grace_ns = b->all ? config->grace_ns : 0;
	b->grace_over = !b->all || (!config->forgives && !config->grace_ns);
	b->level = b->all ? BUDGET_EXACT : BUDGET_PASSIVE;
	b->quiet_ns = b->large_wait_ns = QUIET_NS;
	b->intensity = 1;
	b->edge.mean = -1;
	b->weight = 256;
	return b;
}

void budget__free(struct budget *b)
{
	free(b);
}

/* ---- the last ten seconds ---- */

/* What the grace took is not paid back. */
static double spent(const struct budget *b)
{
	uint64_t then = spending_oldest(&b->spent)->cost_ns;

	return (double)b->spent.now.cost_ns -
	       (double)(then > b->grace_cost_ns ? then : b->grace_cost_ns);
}

static double ran(const struct budget *b)
{
	uint64_t now = spending_bare(&b->spent.now),
		 then = spending_bare(spending_oldest(&b->spent));

	return now > then ? (double)(now - then) : 0;
}

double budget_allowance(const struct budget *b)
{
	double age = (double)b->spent.now.time_ns - (double)b->began_ns;
	double left = 1 - age / (double)SPENDING_SPAN_NS;
	double credit = left > 0 && !b->poor ? left * (double)CREDIT_NS : 0;

	return b->share * SPENDING_MARGIN * (ran(b) + credit) - spent(b);
}

bool budget_may_burst(const struct budget *b)
{
	return b->burst_ns && !b->grace_over;
}

bool budget_bursts(const struct budget *b)
{
	return budget_may_burst(b) && !b->all;
}

/* Is it in its grace?  What that took ends when the probes that it began with are gone, and those
 * of large blocks where they are too dear, or after a second: it takes the kernel a while. */
static bool in_grace(struct budget *b)
{
	uint64_t age = b->spent.now.time_ns - b->began_ns;
	uint64_t since = b->spent.now.time_ns - b->since_ns;
	bool there = b->all || b->burst_ns || since < (b->large ? TRIED_NS : BUDGET_AFTER_NS);

	if (!b->grace_over) {
		b->grace_over = !there || age >= SECOND;
		b->grace_cost_ns = b->spent.now.cost_ns;
	}
	return age < b->grace_ns;
}

/* ---- deciding ---- */

/* Do large blocks take more than is theirs, since they are seen, or over ten seconds?  What the
 * storm's first moments took, or windows, is no reason to lose them. */
static bool large_is_dear(const struct budget *b)
{
	const struct spending_slot *s = &b->on;
	double ran;

	if (spending_oldest(&b->spent)->time_ns > s->time_ns)
		s = spending_oldest(&b->spent);
	ran = (double)spending_bare(&b->spent.now) - (double)spending_bare(s);
	return spending_steady(&b->spent, s) >
	       b->share * LARGE_PART * (ran + (double)LARGE_BURST_NS);
}

/* What the reaction to what is going on now will have cost. */
static double reserve(const struct budget *b)
{
	const struct spending_slot *newest = spending_slot(&b->spent, 0);
	const struct spending_slot *s = newest->time_ns > b->on.time_ns ? newest : &b->on;
	double time = (double)(b->spent.now.time_ns - s->time_ns);

	if (time < 1)
		return 0;
	return spending_steady(&b->spent, s) / time * (double)SPENDING_REACTION_NS;
}

/* No window before the probes of now are gone. */
static void wait_for_window(struct budget *b)
{
	uint64_t least = b->spent.now.time_ns + (budget_bursts(b) ? b->burst_ns : BUDGET_AFTER_NS);

	if (b->next_window_ns < least)
		b->next_window_ns = least;
}

static void switch_to(struct budget *b, bool all, bool large)
{
	if (all == b->all && large == b->large)
		return;
	b->all = all;
	b->large = large;
	b->since_ns = b->spent.now.time_ns;
	b->switched = true;
}

static void leave_exact(struct budget *b, bool has_large)
{
	if (b->spent.now.time_ns - b->since_ns >= SETTLED_NS)
		b->quiet_ns = QUIET_NS;
	else if (b->quiet_ns < QUIET_MAX_NS && b->since_ns != b->began_ns)
		b->quiet_ns *= 2;
	switch_to(b, false,
		  has_large && !budget_may_burst(b) && b->spent.now.time_ns >= b->large_after_ns);
	b->tries = 0;
	b->tried_large = b->tried_own = 0;
	/* What the others take until they are gone is not theirs. */
	b->judge_ns = b->spent.now.time_ns + SPENDING_REACTION_NS;
	b->affordable_ns = 0;
	wait_for_window(b);
	b->unseen_ns = 0;
	b->intensity = 1;
	b->taken.mean = b->taken.high = reserve(b) / (double)SPENDING_REACTION_NS;
}

double budget_load(const struct budget *b)
{
	const struct spending_slot *s = spending_oldest(&b->spent);
	double time = (double)(b->spent.now.time_ns - s->time_ns);

	return time > 0 ? (double)(b->spent.now.run_ns - s->run_ns) / time : 1;
}

/* ... and what the probes take of them.  Of processes that are soon gone the scheduler counts too
 * little: they keep more cores busy than they seem to, which is no more to spend, but is spent. */
static double most(const struct budget *b)
{
	return budget_load(b) > b->taken.high ? budget_load(b) : b->taken.high;
}

/* What a trial of large blocks may cost: somewhat more than the last one did, by the cores that are
 * busy now, until it was given up and its probes had gone; of the first nothing is known. */
static double trial_ns(const struct budget *b)
{
	return most(b) * (b->trial_ns > 0 ? 1.2 * b->trial_ns : (double)SPENDING_REACTION_NS);
}

static void large_again(struct budget *b)
{
	b->large_after_ns = b->spent.now.time_ns + b->large_wait_ns;
	b->saving = false;
}

/* It is too dear. */
static void give_up_large(struct budget *b)
{
	b->trial_ns = (spending_steady(&b->spent, &b->on) + reserve(b)) / fmax(most(b), 0.01);
	/* So much that it hardly becomes affordable by itself. */
	if (b->trial_ns > FAR * b->share * LARGE_PART * (double)SPENDING_REACTION_NS)
		b->large_wait_ns = QUIET_MAX_NS;
	switch_to(b, false, false);
	wait_for_window(b);
	large_again(b);
	if (b->large_wait_ns < QUIET_MAX_NS)
		b->large_wait_ns *= 2;
}

static bool tries(const struct budget *b)
{
	return budget_bursts(b) && !b->large && b->tries < TRIES &&
	       b->spent.now.time_ns >= b->large_after_ns;
}

/* In a command's first second windows say first what large blocks would take: where that is far too
 * much, by more of them than may be chance, no trial is needed, in which nothing else could be
 * seen. */
static void conclude_tries(struct budget *b)
{
	double most = fmax(FAR * b->share * LARGE_PART * b->tried_own, TRIED_LEAST_NS);
	bool late = b->spent.now.time_ns - b->began_ns >= TRIED_BY_NS;

	if (!budget_bursts(b) || b->large || b->tries > TRIES || (b->tries < TRIES && !late))
		return;
	b->tries = TRIES + 1;
	if (b->tried_large <= most) {
		switch_to(b, false, true);
		return;
	}
	b->large_wait_ns = QUIET_MAX_NS;
	large_again(b);
}

/* Large blocks alone may take most of the budget: then no window would ever be opened.  To try them
 * again, what the trial may cost is saved up first, without windows. */
static void watch_large(struct budget *b, bool has_large)
{
	double trial;
	bool saving;

	/* One more allocator came, or the places of this one are not known. */
	if (b->large && !has_large)
		switch_to(b, false, false);
	/* Where it is the most that is to be seen it is where one begins. */
	if (!b->large_after_ns && has_large && b->most != BUDGET_EXACT && !b->poor) {
		b->large_after_ns = b->spent.now.time_ns;
		switch_to(b, false, true);
	}
	if (has_large)
		conclude_tries(b);
	if (b->large && !b->judge_ns && large_is_dear(b))
		give_up_large(b);
	else if (b->large && b->spent.now.time_ns - b->since_ns >= SETTLED_NS)
		b->large_wait_ns = QUIET_NS;
	trial = trial_ns(b);
	saving = !b->large && has_large && !budget_bursts(b) &&
		 b->spent.now.time_ns >= b->large_after_ns;
	if (saving && budget_allowance(b) > trial) {
		saving = false;
		switch_to(b, false, true);
	}
	if (saving && !b->saving)
		b->saving_ns = b->spent.now.time_ns;
	b->saving = saving;
	/* ... unless it is more than can be saved up, or after ten seconds, when nothing more comes
	 * to it.  The program may be another by the next time. */
	if (saving && (trial > 0.9 * b->share * SPENDING_MARGIN * ran(b) ||
		       b->spent.now.time_ns - b->saving_ns > SPENDING_SPAN_NS)) {
		b->trial_ns /= 2;
		large_again(b);
	}
}

/* Would seeing all of it be within the budget?  The windows say what it takes. */
static bool affordable(const struct budget *b)
{
	double all = b->intensity < 0.999 ? b->intensity / (1 - b->intensity) : 1000;

	return all < b->share * 0.6 && budget_allowance(b) > 0;
}

static void consider_exact(struct budget *b, bool forks_dear)
{
	if (b->most != BUDGET_EXACT || forks_dear || !affordable(b)) {
		b->affordable_ns = 0;
		return;
	}
	if (!b->affordable_ns)
		b->affordable_ns = b->spent.now.time_ns;
	if (b->spent.now.time_ns - b->affordable_ns < b->quiet_ns)
		return;
	switch_to(b, true, false);
}

static enum budget_level level_now(const struct budget *b)
{
	uint64_t now = b->spent.now.time_ns;

	if (b->all)
		return BUDGET_EXACT;
	if (b->most != BUDGET_LARGE &&
	    (now - b->last_window_ns < 5 * SECOND || now - b->since_ns < 5 * SECOND))
		return BUDGET_SAMPLED;
	return b->large ? BUDGET_LARGE : b->requests.on ? BUDGET_SAMPLED : BUDGET_PASSIVE;
}

void budget__step(struct budget *b, const struct budget_input *in, struct budget_order *out)
{
	bool grace, told;

	*out = (struct budget_order){0};
	if (!b->began) {
		b->began = true;
		b->began_ns = b->since_ns = in->now_ns;
		b->switched = true;
	}
	spending_record(
	    &b->spent, &(struct spending_slot){in->now_ns, in->run_ns, in->cost_ns, b->windows_ns});
	if (b->switched || (b->judge_ns && in->now_ns >= b->judge_ns)) {
		b->on = b->spent.now;
		b->judge_ns = b->switched ? b->judge_ns : 0;
	}
	if (!b->all && !b->unseen_ns) {
		b->unseen_ns = in->now_ns;
		b->unseen_bare_ns = spending_bare(&b->spent.now);
	}
	b->switched = false;
	grace = in_grace(b);
	budget_judge(b);
	if (b->share < 0) {
		out->all = true;
		return;
	}
	if (b->share == 0)
		return;
	if (b->all && !grace && (in->forks_dear || budget_allowance(b) < reserve(b)))
		leave_exact(b, in->has_large);
	else if (!b->all)
		watch_large(b, in->has_large);
	if (!b->all)
		consider_exact(b, in->forks_dear);
	told = b->requests.on;
	out->requests = budget_requests(b, in);
	/* Not with a change of what is on, which is what is done then. */
	if (!b->all && !b->switched && told == out->requests && b->most != BUDGET_LARGE)
		out->window_ns = budget_window(b);
	out->try_large = b->trying = out->window_ns && in->has_large && tries(b);
	if (out->window_ns)
		b->last_window_ns = in->now_ns;
	if (budget_bursts(b))
		out->again_ns = b->next_window_ns;
	b->level = level_now(b);
	out->all = b->all;
	out->large = b->large;
}

enum budget_level budget__level(const struct budget *b)
{
	return b->level;
}
