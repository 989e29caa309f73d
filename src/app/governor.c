// SPDX-License-Identifier: GPL-2.0
#include "app/governor.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "app/governed.h"
#include "app/governor_parts.h"
#include "app/meter.h"
#include "app/prover.h"
#include "base/clock.h"
#include "base/crew.h"
#include "base/log.h"
#include "base/urgent.h"
#include "model/purse.h"
#include "probe/attach.h"
#include "probe/levels.h"
#include "probe/probes.h"

/* Between two looks.  Where nothing may be switched there is no hurry. */
#define TICK_NS	     10000000u
#define SLOW_TICK_NS 100000000u

/* From one window to the next.  Each takes the kernel 1 ms or, where there was none in the last few
 * ms, 10 to 20, for a fork may be under way (percpu_down_write() in register_for_each_vma()); more
 * than these its looks and what is told of it would take. */
#define WINDOW_EVERY_NS 50000000u
#define BURST_EVERY_NS	8000000u

/* So long a command that we start is seen in whole, whatever it takes: most are over by then.
 * Nobody waits for one as others do for a server. */
#define GRACE_NS 300000000u

static void notify(struct governor *g)
{
	uint64_t one = 1;

	/* A full eventfd is readable already. */
	if (write(g->config.notify_fd, &one, sizeof(one)) < 0)
		log_debug("eventfd is full");
}

/* What takes the kernel 10 to 100 ms is for workers, so that a storm elsewhere is noticed
 * meanwhile. */
#define WORKERS 8

static void obey(void *governor, void *governed)
{
	struct governor *g = governor;
	struct governed *p = governed;

	governed_obey(&g->common, p);
	notify(g);
	pthread_mutex_lock(&g->lock);
	p->busy = false;
	pthread_cond_broadcast(&g->idle);
	pthread_mutex_unlock(&g->lock);
}

/* With the lock held. */
static void step(struct governor *g, struct governed *p)
{
	struct budget_order order;
	struct budget_input in;

	if (p->gone || p->busy)
		return;
	if (governed_look(&g->common, p, &in)) {
		p->gone = true;
		return;
	}
	/* Who forks is not asked: children seldom do, and lose nothing that they had. */
	in.forks_dear = g->forks_dear && !p->child;
	budget__step(p->budget, &in, &order);
	if (order.again_ns && order.again_ns < g->again_ns)
		g->again_ns = order.again_ns;
	if (!g->crew || !governed_must(p, &order))
		return;
	p->order = order;
	/* A window may wait for the next turn, but not a change, for which one worker is kept. */
	p->busy = crew__hand(g->crew, p, order.window_ns && g->workers > 1);
}

static void wait_tick(struct governor *g)
{
	struct timespec ts = clock_timespec(g->again_ns);

	pthread_cond_timedwait(&g->idle, &g->lock, &ts);
}

static void *govern(void *arg)
{
	struct governor *g = arg;
	size_t first = 0;

	urgent("the governor");
	pthread_mutex_lock(&g->lock);
	while (!g->stop) {
		if (clock_now_ns() - g->recorded_ns >= SLOW_TICK_NS)
			governor_record(g);
		probes__adjust(g->common.probes);
		/* Each is the first once: who finds no worker has its turn. */
		first++;
		g->again_ns = clock_now_ns() + (g->config.share < 0 ? SLOW_TICK_NS : TICK_NS);
		for (size_t i = 0; i < g->n; i++)
			step(g, g->all[(first + i) % g->n]);
		if (!g->stop)
			wait_tick(g);
	}
	pthread_mutex_unlock(&g->lock);
	return NULL;
}

/* ---- from outside ---- */

int governor__new(struct probes *probes, const struct governor_config *config,
		  struct governor **out)
{
	struct governor *g = calloc(1, sizeof(*g));
	pthread_condattr_t attr;
	int err;

	if (!g)
		return -ENOMEM;
	g->common.probes = probes;
	g->common.glimpses = config->glimpses;
	g->config = *config;
	pthread_mutex_init(&g->lock, NULL);
	g->common.lock = &g->lock;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&g->idle, &attr);
	pthread_condattr_destroy(&attr);
	err = meter__new(probes, &g->common.meter);
	if (!err && config->share > 0 && !config->together) {
		g->purse = purse__new(config->share);
		err = g->purse ? 0 : -ENOMEM;
	}
	if (!err && config->share > 0)
		err = prover__new(probes, &g->prover);
	if (!err && config->share > 0) {
		/* perf events come one by one, 1 to 8 ms each: so long one's window would stay open
		 * while another's opens. */
		g->workers = probes__user(probes) == USER_PERF ? 1 : WORKERS;
		err = crew__new(g->workers, "a worker of the governor", obey, g, &g->crew);
	}
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
	crew__free(g->crew);
	prover__free(g->prover);
	purse__free(g->purse);
	meter__free(g->common.meter);
	for (size_t i = 0; i < g->n; i++)
		free_governed(g->all[i]);
	free(g->all);
	pthread_cond_destroy(&g->idle);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

/* A budget for one that begins now. */
static struct budget_config config_of(const struct governor *g, bool child, bool poor)
{
	bool perf = probes__user(g->common.probes) == USER_PERF;

	return (struct budget_config){.share = g->config.share,
				      .forgives = !child,
				      .grace_ns = g->config.together ? GRACE_NS : 0,
				      .most = g->config.most,
				      .poor = poor,
				      .every_ns = WINDOW_EVERY_NS,
				      .burst_ns = g->config.together && !perf ? BURST_EVERY_NS : 0};
}

static int prepare(struct governor *g, pid_t pid, const struct budget_config *config)
{
	return budget_begins_whole(config)
		   ? 0
		   : probes__switch(g->common.probes, g->config.together ? 0 : pid, 0);
}

int governor__prepare(struct governor *g, pid_t pid)
{
	struct budget_config config = config_of(g, false, false);

	return prepare(g, pid, &config);
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

static int begin(struct governor *g, pid_t pid, const struct budget_config *config, bool child)
{
	struct probes_level level = {.seen = HW_SEEN_ALL, .turn = 1};
	struct governed *p;
	struct meter_reading now;
	int err = 0;

	/* Whoever comes later has the level of who forked it. */
	if (g->config.together && g->n)
		return 0;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->pid = g->config.together ? 0 : pid;
	p->turn = level.turn;
	p->all = budget_begins_whole(config);
	p->changed = !p->all;
	p->child = child;
	p->since_ns = clock_now_ns();
	p->budget = budget__new(config);
	if (!p->budget)
		err = -ENOMEM;
	if (!p->all)
		level.seen = HW_SEEN_NONE;
	/* Where each has a budget of its own a fork's child begins with that, not with its parent's
	 * level. */
	if (!err && (!p->all || (g->config.share > 0 && !g->config.together)))
		err = levels_set(g->common.probes, p->pid, &level);
	if (err == -ENOENT && p->all)
		err = 0; /* it has ended */
	if (!err) {
		p->gone = meter__read(g->common.meter, pid, &now) != 0;
		p->first_run_ns = p->gone ? 0 : now.run_ns;
		pthread_mutex_lock(&g->lock);
		/* A child's is the tree's. */
		if (!child)
			g->earlier_ns += p->first_run_ns;
		err = add(g, p);
		pthread_mutex_unlock(&g->lock);
	}
	if (err)
		free_governed(p);
	return err;
}

int governor__add(struct governor *g, pid_t pid)
{
	struct budget_config config = config_of(g, false, false);

	return begin(g, pid, &config, false);
}

void governor__adopt(struct governor *g, pid_t pid)
{
	struct budget_config config = config_of(g, true, governor_is_poor(g));

	/* One that ends is told by its level that it is not exact. */
	if (!prepare(g, pid, &config))
		begin(g, pid, &config, true);
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

	if (g->config.together)
		return;
	pthread_mutex_lock(&g->lock);
	while ((i = find(g, pid)) < g->n && g->all[i]->busy)
		pthread_cond_wait(&g->idle, &g->lock);
	if (i < g->n) {
		g->dropped_cost_ns += g->all[i]->child ? 0 : g->all[i]->cost_ns;
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
	return meter__cost_ns(g->common.meter, counters);
}
