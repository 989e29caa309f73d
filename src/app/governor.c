// SPDX-License-Identifier: GPL-2.0
#include "app/governor.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/meter.h"
#include "base/clock.h"
#include "base/log.h"
#include "probe/attach.h"
#include "probe/levels.h"
#include "probe/probes.h"

/* Between two looks.  Where nothing may be switched there is no hurry. */
#define TICK_NS	     10000000u
#define SLOW_TICK_NS 100000000u

struct governed {
	pid_t pid; /* 0: all together */
	struct budget *budget;
	bool busy; /* something is done to it without the lock */
	bool gone; /* it ended */
	bool all, large, changed;
	uint64_t windows;
	uint64_t first_run_ns, run_ns, cost_ns;
	uint32_t turn; /* struct probes_level */
};

struct governor {
	struct probes *probes;
	double share;
	bool together;
	int notify_fd;
	struct meter *meter;

	pthread_t thread;
	bool running, stop;
	pthread_mutex_t lock;
	pthread_cond_t idle; /* also: stop */
	struct governed **all;
	size_t n, room;
};

/* ---- what a process is at ---- */

static int look(struct governor *g, struct governed *p, struct budget_input *in)
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

static void notify(struct governor *g)
{
	uint64_t one = 1;

	/* A full eventfd is readable already. */
	if (write(g->notify_fd, &one, sizeof(one)) < 0)
		log_debug("eventfd is full");
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
static int change(struct governor *g, struct governed *p, const struct budget_order *order)
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
static int open_window(struct governor *g, struct governed *p, const struct budget_order *order)
{
	struct probes_level level = {
	    .seen = seen_of(false, order->large), .window = true, .turn = ++p->turn};
	struct budget_input closed = {0}, before = {0}, after = {0}, gone = {0};
	int err = levels_set(g->probes, p->pid, &level);

	if (!err)
		err = look(g, p, &closed);
	if (!err)
		err = probes__switch(g->probes, p->pid, sets_of(true, order->large));
	if (!err)
		err = look(g, p, &before);
	if (!err) {
		hold(order->window_ns);
		err = look(g, p, &after);
	}
	probes__switch(g->probes, p->pid, sets_of(false, order->large));
	if (!err)
		err = look(g, p, &gone);
	pthread_mutex_lock(&g->lock);
	if (!err)
		budget__window(p->budget, after.run_ns - before.run_ns,
			       after.cost_ns - before.cost_ns, gone.cost_ns - closed.cost_ns);
	level.weight = budget__weight(p->budget);
	pthread_mutex_unlock(&g->lock);
	level.window = false;
	level.turn = ++p->turn;
	levels_set(g->probes, p->pid, &level);
	return err;
}

static void carry_out(struct governor *g, struct governed *p, const struct budget_order *order)
{
	bool window = !order->all && order->window_ns;
	int err = 0;

	if (order->all != p->all || order->large != p->large)
		err = change(g, p, order);
	else if (window)
		err = open_window(g, p, order);
	else
		return;
	pthread_mutex_lock(&g->lock);
	if (err) {
		/* It ended, most likely; what else it may be is tried again at the next step. */
		p->gone = p->pid && (err == -ESRCH || err == -ENOENT);
	} else {
		p->all = order->all;
		p->large = order->large;
		p->changed |= !order->all;
		p->windows += window;
	}
	pthread_mutex_unlock(&g->lock);
	notify(g);
}

/* With the lock held, but not while something is done. */
static void step(struct governor *g, struct governed *p)
{
	struct budget_order order;
	struct budget_input in;

	if (p->gone)
		return;
	if (look(g, p, &in)) {
		p->gone = true;
		return;
	}
	budget__step(p->budget, &in, &order);
	if (g->share < 0)
		return;
	p->busy = true;
	pthread_mutex_unlock(&g->lock);
	carry_out(g, p, &order);
	pthread_mutex_lock(&g->lock);
	p->busy = false;
	pthread_cond_broadcast(&g->idle);
}

static void wait_tick(struct governor *g)
{
	struct timespec ts =
	    clock_timespec(clock_now_ns() + (g->share < 0 ? SLOW_TICK_NS : TICK_NS));

	pthread_cond_timedwait(&g->idle, &g->lock, &ts);
}

static void *govern(void *arg)
{
	const struct sched_param param = {.sched_priority = 1};
	struct governor *g = arg;

	/* Before the storm that it is to end: behind its threads, a window of a millisecond would
	 * stay open for as long as they please.  It sleeps nearly always, and so do the threads
	 * that detach, which inherit this. */
	if (pthread_setschedparam(pthread_self(), SCHED_RR, &param))
		log_debug("the governor has no priority over others");
	pthread_mutex_lock(&g->lock);
	while (!g->stop) {
		/* Others may come and go while one is worked on. */
		for (size_t i = 0; i < g->n && !g->stop; i++)
			step(g, g->all[i]);
		if (!g->stop)
			wait_tick(g);
	}
	pthread_mutex_unlock(&g->lock);
	return NULL;
}

/* ---- from outside ---- */

int governor__new(struct probes *probes, double share, bool together, int notify_fd,
		  struct governor **out)
{
	struct governor *g = calloc(1, sizeof(*g));
	pthread_condattr_t attr;
	int err;

	if (!g)
		return -ENOMEM;
	g->probes = probes;
	g->share = share;
	g->together = together;
	g->notify_fd = notify_fd;
	pthread_mutex_init(&g->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&g->idle, &attr);
	pthread_condattr_destroy(&attr);
	err = meter__new(probes, &g->meter);
	if (!err) {
		err = -pthread_create(&g->thread, NULL, govern, g);
		g->running = !err;
		if (err)
			log_error("cannot start the governor's thread");
	}
	if (err) {
		governor__free(g);
		return err;
	}
	*out = g;
	return 0;
}

static void free_governed(struct governed *p)
{
	budget__free(p->budget);
	free(p);
}

void governor__free(struct governor *g)
{
	if (!g)
		return;
	if (g->running) {
		pthread_mutex_lock(&g->lock);
		g->stop = true;
		pthread_cond_broadcast(&g->idle);
		pthread_mutex_unlock(&g->lock);
		pthread_join(g->thread, NULL);
	}
	meter__free(g->meter);
	for (size_t i = 0; i < g->n; i++)
		free_governed(g->all[i]);
	free(g->all);
	pthread_cond_destroy(&g->idle);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

int governor__prepare(struct governor *g, pid_t pid)
{
	return g->share == 0 ? probes__switch(g->probes, g->together ? 0 : pid, 0) : 0;
}

static int add(struct governor *g, struct governed *p)
{
	if (g->n == g->room) {
		size_t room = g->room ? 2 * g->room : 16;
		struct governed **all = reallocarray(g->all, room, sizeof(struct governed *));

		if (!all)
			return -ENOMEM;
		g->all = all;
		g->room = room;
	}
	g->all[g->n++] = p;
	return 0;
}

int governor__add(struct governor *g, pid_t pid)
{
	const struct probes_level none = {.seen = HW_SEEN_NONE, .turn = 1};
	struct governed *p;
	struct meter_reading now;
	int err = 0;

	/* Whoever comes later has the level of who forked it. */
	if (g->together && g->n)
		return 0;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->pid = g->together ? 0 : pid;
	p->turn = none.turn;
	p->all = g->share != 0;
	p->changed = !p->all;
	p->budget = budget__new(g->share);
	if (!p->budget)
		err = -ENOMEM;
	if (!err && !p->all)
		err = levels_set(g->probes, p->pid, &none);
	if (!err) {
		p->gone = meter__read(g->meter, pid, &now) != 0;
		p->first_run_ns = p->gone ? 0 : now.run_ns;
		pthread_mutex_lock(&g->lock);
		err = add(g, p);
		pthread_mutex_unlock(&g->lock);
	}
	if (err)
		free_governed(p);
	return err;
}

static size_t find(const struct governor *g, pid_t pid)
{
	size_t i = 0;

	while (i < g->n && g->all[i]->pid && g->all[i]->pid != pid)
		i++;
	return i;
}

void governor__drop(struct governor *g, pid_t pid)
{
	size_t i;

	if (g->together)
		return;
	pthread_mutex_lock(&g->lock);
	while ((i = find(g, pid)) < g->n && g->all[i]->busy)
		pthread_cond_wait(&g->idle, &g->lock);
	if (i < g->n) {
		free_governed(g->all[i]);
		g->all[i] = g->all[--g->n];
	}
	pthread_mutex_unlock(&g->lock);
}

int governor__state(struct governor *g, pid_t pid, struct governor_state *out)
{
	int err = -ENOENT;
	size_t i;

	pthread_mutex_lock(&g->lock);
	i = find(g, pid);
	if (i < g->n) {
		const struct governed *p = g->all[i];

		*out = (struct governor_state){.level = budget__level(p->budget),
					       .percent = budget__percent(p->budget),
					       .worst = budget__worst(p->budget),
					       .large = p->large,
					       .changed = p->changed,
					       .windows = p->windows};
		err = 0;
	}
	pthread_mutex_unlock(&g->lock);
	return err;
}

uint64_t governor__cost_ns(struct governor *g, const struct hw_proc *counters)
{
	return meter__cost_ns(g->meter, counters);
}
