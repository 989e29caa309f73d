// SPDX-License-Identifier: GPL-2.0
#include "app/meter.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "model/budget.h"
#include "probe/feature.h"
#include "probe/probes.h"

/* Until it has been measured: a usual trap in a virtual machine, ns. */
#define TRAP_NS	    700
#define STEPPED_NS  10000
#define RETURNED_NS 400

struct meter {
	struct probes *probes;
	pthread_t thread;
	atomic_bool stop;
	pthread_mutex_t lock;
	struct budget_costs costs;
};

/* A thread of its own: it takes 200 ms, in which others have to be looked at. */
static void *calibrate(void *arg)
{
	struct meter *m = arg;
	struct feature_costs c;

	probes__settle(m->probes);
	if (feature_costs(probes__user(m->probes), &m->stop, &c))
		return NULL;
	pthread_mutex_lock(&m->lock);
	m->costs = (struct budget_costs){
	    .emulated = c.emulated, .stepped = c.stepped, .returned = c.entry_return - c.emulated};
	if (m->costs.returned < 0)
		m->costs.returned = 0;
	pthread_mutex_unlock(&m->lock);
	log_debug("a trap costs %.0f ns, single-stepped %.0f, with return %.0f", c.emulated,
		  c.stepped, c.entry_return);
	return NULL;
}

int meter__new(struct probes *probes, struct meter **out)
{
	struct meter *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	m->probes = probes;
	m->costs = (struct budget_costs){TRAP_NS, STEPPED_NS, RETURNED_NS};
	pthread_mutex_init(&m->lock, NULL);
	err = -pthread_create(&m->thread, NULL, calibrate, m);
	if (err) {
		log_error("cannot start a thread to measure what a trap costs");
		pthread_mutex_destroy(&m->lock);
		free(m);
		return err;
	}
	*out = m;
	return 0;
}

void meter__free(struct meter *m)
{
	if (!m)
		return;
	/* A command may be over before a trap's cost is known. */
	atomic_store(&m->stop, true);
	pthread_join(m->thread, NULL);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

uint64_t meter__cost_ns(struct meter *m, const struct hw_proc *counters)
{
	uint64_t cost;

	pthread_mutex_lock(&m->lock);
	cost = budget_cost_ns(&m->costs, counters);
	pthread_mutex_unlock(&m->lock);
	return cost;
}

static void tell_costs(struct meter *m, const struct hw_proc *c, struct meter_reading *out)
{
	pthread_mutex_lock(&m->lock);
	out->cost_ns = budget_cost_ns(&m->costs, c);
	out->large_ns = budget_large_ns(&m->costs, c);
	pthread_mutex_unlock(&m->lock);
}

int meter__read(struct meter *m, pid_t pid, struct meter_reading *out)
{
	struct hw_proc counters;
	int err = clock_process_ns(pid, &out->run_ns);

	if (!err)
		err = probes__counters(m->probes, pid, &counters);
	if (err)
		return err;
	out->now_ns = clock_now_ns();
	tell_costs(m, &counters, out);
	return 0;
}

struct sum {
	struct hw_proc counters;
	uint64_t run_ns;
};

static int add(void *arg, pid_t pid, const struct hw_proc *c)
{
	struct sum *sum = arg;
	uint64_t run_ns = 0;

	/* It ends now: both or none. */
	if (clock_process_ns(pid, &run_ns))
		return 0;
	sum->run_ns += run_ns;
	sum->counters.hits += c->hits;
	sum->counters.stepped += c->stepped;
	sum->counters.returns += c->returns;
	sum->counters.run_ns += c->run_ns;
	sum->counters.large_hits += c->large_hits;
	sum->counters.large_ns += c->large_ns;
	return 0;
}

int meter__read_all(struct meter *m, struct meter_reading *out)
{
	struct hw_gone gone;
	struct sum sum;
	/* Those that are gone first: who goes in between is in neither, not in both. */
	int err = probes__gone(m->probes, &gone);

	if (err)
		return err;
	sum = (struct sum){.run_ns = gone.cpu_ns,
			   .counters = {.hits = gone.hits,
					.stepped = gone.stepped,
					.returns = gone.returns,
					.run_ns = gone.run_ns,
					.large_hits = gone.large_hits,
					.large_ns = gone.large_ns}};
	err = probes__each(m->probes, add, &sum);
	if (err)
		return err;
	out->now_ns = clock_now_ns();
	out->run_ns = sum.run_ns;
	tell_costs(m, &sum.counters, out);
	return 0;
}
