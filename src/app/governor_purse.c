// SPDX-License-Identifier: GPL-2.0
/* governor_purse.c: what the children of all that are watched may take together. */
#include "app/governor_parts.h"
#include "app/meter.h"
#include "base/clock.h"
#include "model/purse.h"
#include "probe/probes.h"
#include "probe/sweeper.h"

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

void governor_record(struct governor *g)
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

bool governor_is_poor(struct governor *g)
{
	uint64_t now_ns = clock_now_ns();
	unsigned int young = 0;
	bool poor;

	if (!g->purse)
		return false;
	pthread_mutex_lock(&g->lock);
	governor_record(g);
	for (size_t i = 0; i < g->n; i++)
		young += g->all[i]->child && g->all[i]->all && !g->all[i]->gone &&
			 now_ns - g->all[i]->since_ns < PURSE_YOUNG_NS;
	poor = !purse_affords(g->purse, young);
	pthread_mutex_unlock(&g->lock);
	return poor;
}
