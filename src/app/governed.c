// SPDX-License-Identifier: GPL-2.0
#include "app/governed.h"

#include <errno.h>
#include <time.h>

#include "app/meter.h"
#include "base/clock.h"
#include "base/log.h"
#include "probe/attach.h"
#include "probe/levels.h"
#include "probe/probes.h"

/* ---- what a process is at ---- */

int governed_look(const struct governing *g, struct governed *p, struct budget_input *in)
{
	struct meter_reading r;
	uint64_t run_ns;
	int err = p->pid ? meter__read(g->meter, p->pid, &r) : meter__read_all(g->meter, &r);

	if (err)
		return err;
	run_ns = r.run_ns > p->first_run_ns ? r.run_ns - p->first_run_ns : 0;
	/* Of a tree, who ends at this moment is missing, until the next look. */
	if (run_ns > p->run_ns)
		p->run_ns = run_ns;
	if (r.cost_ns > p->cost_ns)
		p->cost_ns = r.cost_ns;
	*in = (struct budget_input){.now_ns = r.now_ns,
				    .run_ns = p->run_ns,
				    .cost_ns = p->cost_ns,
				    .has_large = probes__has_large(g->probes, p->pid)};
	return 0;
}

/* ---- doing what was ordered, without the lock ---- */

static unsigned int sets_of(bool all, bool large)
{
	return (all ? ATTACH_ALL : 0u) | (large ? ATTACH_LARGE : 0u);
}

static enum hw_seen seen_of(bool all, bool large)
{
	return all ? HW_SEEN_ALL : large ? HW_SEEN_LARGE : HW_SEEN_NONE;
}

/* The record of more comes before the probes, and that of less before they go, for who ends while
 * they do; and again when they went, for what was under way. */
static int change(const struct governing *g, struct governed *p, const struct budget_order *order)
{
	struct probes_level level = {
	    .seen = seen_of(order->all, order->large), .weight = 256, .turn = ++p->turn};
	bool more = level.seen < seen_of(p->all, p->large);
	int err = levels_set(g->probes, p->pid, &level);

	if (!err)
		err = probes__switch(g->probes, p->pid, sets_of(order->all, order->large));
	if (!err && !more) {
		level.turn = ++p->turn;
		err = levels_set(g->probes, p->pid, &level);
	}
	if (!err)
		log_debug("%d: %s", p->pid,
			  order->all	 ? "every call is seen"
			  : order->large ? "large blocks are seen"
					 : "no call is seen");
	return err;
}

static void hold(uint64_t ns)
{
	struct timespec ts = clock_timespec(ns);

	clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

/* What the process did while the window was wholly open is what the window shows; coming and going
 * take the kernel much longer than the process. */
static int open_window(const struct governing *g, struct governed *p,
		       const struct budget_order *order)
{
	struct probes_level level = {
	    .seen = seen_of(false, order->large), .window = true, .turn = ++p->turn};
	struct budget_input closed = {0}, before = {0}, after = {0}, gone = {0};
	int err = levels_set(g->probes, p->pid, &level);

	if (!err)
		err = governed_look(g, p, &closed);
	if (!err)
		err =
		    probes__switch(g->probes, p->pid, ATTACH_WINDOW | sets_of(true, order->large));
	if (!err)
		err = governed_look(g, p, &before);
	if (!err) {
		hold(order->window_ns);
		err = governed_look(g, p, &after);
	}
	probes__switch(g->probes, p->pid, sets_of(false, order->large));
	if (!err)
		err = governed_look(g, p, &gone);
	pthread_mutex_lock(g->lock);
	if (!err)
		budget__window(p->budget, after.run_ns - before.run_ns,
			       after.cost_ns - before.cost_ns, gone.cost_ns - closed.cost_ns);
	level.weight = budget__weight(p->budget);
	pthread_mutex_unlock(g->lock);
	level.window = false;
	level.turn = ++p->turn;
	levels_set(g->probes, p->pid, &level);
	return err;
}

bool governed_obey(const struct governing *g, struct governed *p, const struct budget_order *order)
{
	bool window = !order->all && order->window_ns;
	int err = 0;

	if (order->all != p->all || order->large != p->large)
		err = change(g, p, order);
	else if (window)
		err = open_window(g, p, order);
	else
		return false;
	pthread_mutex_lock(g->lock);
	if (err) {
		/* It ended, most likely; what else it may be is tried again at the next step. */
		p->gone = p->pid && (err == -ESRCH || err == -ENOENT);
	} else {
		p->all = order->all;
		p->large = order->large;
		p->changed |= !order->all;
		p->windows += window;
	}
	pthread_mutex_unlock(g->lock);
	return true;
}
