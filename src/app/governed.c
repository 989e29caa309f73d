// SPDX-License-Identifier: GPL-2.0
#include "app/governed.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "app/glimpse.h"
#include "app/meter.h"
#include "base/clock.h"
#include "base/log.h"
#include "probe/attach.h"
#include "probe/levels.h"
#include "probe/probes.h"
#include "probe/stopwatch.h"

/* ---- what a process is at ---- */

static int read_meter(const struct governing *g, const struct governed *p, struct meter_reading *r)
{
	return p->pid ? meter__read(g->meter, p->pid, r) : meter__read_all(g->meter, r);
}

/* With the lock held.  Of a tree, who ends at this moment is missing, until the next look. */
static void note(struct governed *p, const struct meter_reading *r)
{
	uint64_t run_ns = r->run_ns > p->first_run_ns ? r->run_ns - p->first_run_ns : 0;

	if (run_ns > p->run_ns)
		p->run_ns = run_ns;
	if (r->cost_ns > p->cost_ns)
		p->cost_ns = r->cost_ns;
	if (r->large_ns > p->large_ns)
		p->large_ns = r->large_ns;
}

int governed_look(const struct governing *g, struct governed *p, struct budget_input *in)
{
	struct meter_reading r;
	int err = read_meter(g, p, &r);

	if (err)
		return err;
	note(p, &r);
	*in = (struct budget_input){.now_ns = r.now_ns,
				    .run_ns = p->run_ns,
				    .cost_ns = p->cost_ns,
				    .large_ns = p->large_ns,
				    .has_large = probes__has_large(g->probes, p->pid),
				    .has_requests = probes__has_requests(g->probes, p->pid)};
	return 0;
}

/* ---- doing what was ordered, without the lock ---- */

static unsigned int sets_of(bool all, bool large, bool requests)
{
	return (all ? ATTACH_ALL : 0u) | (large ? ATTACH_LARGE : 0u) |
	       (requests ? ATTACH_REQUESTS : 0u);
}

static enum hw_seen seen_of(bool all, bool large)
{
	return all ? HW_SEEN_ALL : large ? HW_SEEN_LARGE : HW_SEEN_NONE;
}

/* The record of more comes before the probes, and that of less before they go, for who ends while
 * they do; and again when they went, for what was under way. */
static int change(const struct governing *g, struct governed *p, const struct budget_order *order)
{
	struct probes_level level = {.seen = seen_of(order->all, order->large),
				     .weight = 256,
				     .turn = ++p->turn,
				     .requests = order->requests};
	bool more = level.seen < seen_of(p->all, p->large);
	int err = levels_set(g->probes, p->pid, &level);

	if (!err)
		err = probes__switch(g->probes, p->pid,
				     sets_of(order->all, order->large, order->requests));
	if (!err && !more) {
		level.turn = ++p->turn;
		err = levels_set(g->probes, p->pid, &level);
	}
	if (!err)
		log_debug("%d: %s", p->pid,
			  order->all	    ? "every call is seen"
			  : order->large    ? "large blocks are seen"
			  : order->requests ? "no call is seen, but requests for large chunks"
					    : "no call is seen");
	return err;
}

static void hold(uint64_t ns)
{
	struct timespec ts = clock_timespec(ns);

	clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

/* What a window took, by what the meter said. */
struct window {
	struct meter_reading closed, before, after, gone;
	struct stopwatch *watch; /* NULL: there can be none */
	uint64_t watch_ns;	 /* what it said at `closed` */
};

static int watch_one(void *arg, pid_t pid, const struct hw_proc *counters)
{
	struct window *w = arg;
	int err = stopwatch__add(&w->watch, pid, true);

	(void)counters;
	return err == -ESRCH ? 0 : err;
}

static void start_watch(const struct governing *g, const struct governed *p, struct window *w)
{
	int err = p->pid ? stopwatch__add(&w->watch, p->pid, false)
			 : probes__each(g->probes, watch_one, w);

	if (!err)
		return;
	log_debug("%d: what it runs is known to a tick only: %s", p->pid, strerror(-err));
	stopwatch__free(w->watch);
	w->watch = NULL;
}

static int read_exactly(const struct governing *g, const struct governed *p, const struct window *w,
			struct meter_reading *r)
{
	int err = read_meter(g, p, r);

	if (!err && w->watch)
		r->run_ns = w->closed.run_ns + stopwatch__ns(w->watch) - w->watch_ns;
	return err;
}

/* On a busy machine it may not have had its turn meanwhile, and the window would show nothing. */
#define TURN_NS 5000000u

static int wait_through(const struct governing *g, struct governed *p, struct window *w)
{
	uint64_t each = p->order.window_ns, waited = 0;
	int err;

	do {
		hold(each);
		waited += each;
		err = read_exactly(g, p, w, &w->after);
	} while (!err && w->after.run_ns - w->before.run_ns < p->order.window_ns / 2 &&
		 waited + each <= TURN_NS);
	return err;
}

/* The probes are gone sooner than this, 0.1 to 0.2 ms, where they came not long ago: after some ms
 * more the kernel waits first, as when they came (percpu_down_write() in register_for_each_vma()).
 */
#define GOING_NS 1000000u
#define LONG_NS	 6000000u

/* The window is over now, and not some time while its probes go. */
static void mute(const struct governing *g, struct governed *p)
{
	const struct probes_level level = {
	    .seen = seen_of(false, p->order.large), .muted = true, .turn = ++p->turn};

	levels_set(g->probes, p->pid, &level);
}

/* Between two looks only what is needed: the process pays for it. */
static int look_through(const struct governing *g, struct governed *p, struct window *w)
{
	unsigned int less = sets_of(false, p->order.large, p->requests);
	int err;

	start_watch(g, p, w);
	err = read_meter(g, p, &w->closed);
	w->watch_ns = w->watch ? stopwatch__ns(w->watch) : 0;
	if (!err)
		err = probes__switch(
		    g->probes, p->pid,
		    ATTACH_WINDOW |
			sets_of(true, p->order.large || p->order.try_large, p->requests));
	if (!err)
		err = read_exactly(g, p, w, &w->before);
	if (!err)
		err = wait_through(g, p, w);
	if (!err)
		glimpses__take(g->glimpses, p->pid);
	mute(g, p);
	if (w->after.now_ns - w->before.now_ns < LONG_NS) {
		probes__switch(g->probes, p->pid, ATTACH_WINDOW | less);
		hold(GOING_NS);
	} else {
		probes__switch(g->probes, p->pid, less);
	}
	return err ? err : read_meter(g, p, &w->gone);
}

/* With the lock held. */
static void account(struct governed *p, const struct window *w)
{
	struct budget_seen seen = {.wall_ns = w->after.now_ns - w->before.now_ns};
	uint64_t closed, all_cost_ns, beside;

	note(p, &w->closed);
	closed = p->cost_ns;
	beside = p->large_ns;
	note(p, &w->before);
	seen.run_ns = p->run_ns;
	seen.cost_ns = p->cost_ns;
	seen.large_ns = p->large_ns;
	note(p, &w->after);
	seen.run_ns = p->run_ns - seen.run_ns;
	seen.cost_ns = p->cost_ns - seen.cost_ns;
	seen.large_ns = p->large_ns - seen.large_ns;
	note(p, &w->gone);
	all_cost_ns = p->cost_ns - closed;
	/* What large blocks' probes took while it came and went: they are there without one too,
	 * where it does not try them. */
	beside = p->order.try_large ? 0 : p->large_ns - beside - seen.large_ns;
	seen.all_cost_ns = all_cost_ns > beside ? all_cost_ns - beside : 0;
	budget__window(p->budget, &seen);
}

/* What the process did while the window was wholly open is what the window shows; coming and going
 * take the kernel much longer than the process. */
static int open_window(const struct governing *g, struct governed *p)
{
	struct probes_level level = {.seen = seen_of(false, p->order.large),
				     .window = true,
				     .turn = ++p->turn,
				     .requests = p->requests};
	struct window w = {.watch = NULL};
	int err = levels_set(g->probes, p->pid, &level);

	if (!err) {
		probes__window(g->probes, true);
		err = look_through(g, p, &w);
		probes__window(g->probes, false);
	}
	stopwatch__free(w.watch);
	pthread_mutex_lock(g->lock);
	if (!err)
		account(p, &w);
	level.weight = budget__weight(p->budget);
	pthread_mutex_unlock(g->lock);
	level.window = false;
	level.turn = ++p->turn;
	levels_set(g->probes, p->pid, &level);
	return err;
}

static bool is_change(const struct governed *p, const struct budget_order *order)
{
	return order->all != p->all || order->large != p->large || order->requests != p->requests;
}

bool governed_must(const struct governed *p, const struct budget_order *order)
{
	return is_change(p, order) || (!order->all && order->window_ns);
}

void governed_obey(const struct governing *g, struct governed *p)
{
	const struct budget_order *order = &p->order;
	bool window = !is_change(p, order);
	int err = window ? open_window(g, p) : change(g, p, order);

	pthread_mutex_lock(g->lock);
	if (err) {
		/* It ended, most likely; what else it may be is tried again at the next step. */
		p->gone = p->pid && (err == -ESRCH || err == -ENOENT);
	} else {
		p->all = order->all;
		p->large = order->large;
		p->requests = order->requests;
		p->changed |= !order->all;
		p->windows += window;
	}
	pthread_mutex_unlock(g->lock);
}
