// SPDX-License-Identifier: GPL-2.0
#include "app/governor.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/governed.h"
#include "app/meter.h"
#include "app/prover.h"
#include "base/clock.h"
#include "base/log.h"
#include "model/purse.h"
#include "probe/attach.h"
#include "probe/levels.h"
#include "probe/probes.h"
#include "probe/sweeper.h"

/* Between two looks.  Where nothing may be switched there is no hurry. */
#define TICK_NS	     10000000u
#define SLOW_TICK_NS 100000000u

/* So long a command that we start is seen in whole, whatever it takes: most are over by then.
 * Nobody waits for one as others do for a server. */
#define GRACE_NS 300000000u

struct governor {
	struct governing common;
	struct governor_config config;

	struct purse *purse; /* what children may take; NULL: anything */
	bool forks_dear;
	uint64_t dropped_cost_ns;	  /* of who was no child and is not watched any more */
	uint64_t recorded_ns, earlier_ns; /* earlier: what all ran before they were watched */
	struct prover *prover;		  /* NULL: nothing is to be seen, or all */
	pthread_t thread;
	bool running, stop;
	pthread_mutex_t lock;
	pthread_cond_t idle; /* also: stop */
	struct governed **all;
	size_t n, room;
};

static void notify(struct governor *g)
{
	uint64_t one = 1;

	/* A full eventfd is readable already. */
	if (write(g->config.notify_fd, &one, sizeof(one)) < 0)
		log_debug("eventfd is full");
}

/* With the lock held, but not while something is done. */
static void step(struct governor *g, struct governed *p)
{
	struct budget_order order;
	struct budget_input in;

	if (p->gone)
		return;
	if (governed_look(&g->common, p, &in)) {
		p->gone = true;
		return;
	}
	/* Who forks is not asked: children seldom do, and lose nothing that they had. */
	in.forks_dear = g->forks_dear && !p->child;
	budget__step(p->budget, &in, &order);
	if (g->config.share < 0)
		return;
	p->busy = true;
	pthread_mutex_unlock(&g->lock);
	if (governed_obey(&g->common, p, &order))
		notify(g);
	pthread_mutex_lock(&g->lock);
	p->busy = false;
	pthread_cond_broadcast(&g->idle);
}

static void wait_tick(struct governor *g)
{
	struct timespec ts =
	    clock_timespec(clock_now_ns() + (g->config.share < 0 ? SLOW_TICK_NS : TICK_NS));

	pthread_cond_timedwait(&g->idle, &g->lock, &ts);
}

/* What the probes took of who is no child, which has a budget for it. */
static uint64_t own_cost(const struct governor *g)
{
	uint64_t sum = g->dropped_cost_ns;
	struct meter_reading now;

	for (size_t i = 0; i < g->n; i++)
		if (!g->all[i]->child)
			sum += meter__read(g->common.meter, g->all[i]->pid, &now)
				   ? g->all[i]->cost_ns
				   : now.cost_ns;
	return sum;
}

/* With the lock held. */
static void record(struct governor *g)
{
	struct meter_reading all;
	uint64_t own;

	if (!g->purse || meter__read_all(g->common.meter, &all))
		return;
	own = own_cost(g);
	g->recorded_ns = all.now_ns;
	purse_record(g->purse, all.now_ns,
		     all.run_ns > g->earlier_ns ? all.run_ns - g->earlier_ns : 0,
		     all.cost_ns > own ? all.cost_ns - own : 0);
	purse_record_forks(g->purse, all.now_ns,
			   sweeper__paid_ns(probes__sweeper(g->common.probes)));
	g->forks_dear = !purse_affords_forks(g->purse);
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
		if (clock_now_ns() - g->recorded_ns >= SLOW_TICK_NS)
			record(g);
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

int governor__new(struct probes *probes, const struct governor_config *config,
		  struct governor **out)
{
	struct governor *g = calloc(1, sizeof(*g));
	pthread_condattr_t attr;
	int err;

	if (!g)
		return -ENOMEM;
	g->common.probes = probes;
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
static struct budget_config config_of(const struct governor *g, bool poor)
{
	return (struct budget_config){.share = g->config.share,
				      .grace_ns = g->config.together ? GRACE_NS : 0,
				      .most = g->config.most,
				      .poor = poor};
}

static int prepare(struct governor *g, pid_t pid, const struct budget_config *config)
{
	return budget_begins_whole(config)
		   ? 0
		   : probes__switch(g->common.probes, g->config.together ? 0 : pid, 0);
}

int governor__prepare(struct governor *g, pid_t pid)
{
	struct budget_config config = config_of(g, false);

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
	struct budget_config config = config_of(g, false);

	return begin(g, pid, &config, false);
}

static bool is_poor(struct governor *g)
{
	uint64_t now_ns = clock_now_ns();
	unsigned int young = 0;
	bool poor;

	if (!g->purse)
		return false;
	pthread_mutex_lock(&g->lock);
	record(g);
	for (size_t i = 0; i < g->n; i++)
		young += g->all[i]->child && g->all[i]->all && !g->all[i]->gone &&
			 now_ns - g->all[i]->since_ns < PURSE_YOUNG_NS;
	poor = !purse_affords(g->purse, young);
	pthread_mutex_unlock(&g->lock);
	return poor;
}

void governor__adopt(struct governor *g, pid_t pid)
{
	struct budget_config config = config_of(g, is_poor(g));

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
