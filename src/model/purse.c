// SPDX-License-Identifier: GPL-2.0
#include "model/purse.h"

#include <stdlib.h>

#include "model/spending.h"

struct purse {
	double share;
	struct spending spent, forks;
};

struct purse *purse__new(double share)
{
	struct purse *p = calloc(1, sizeof(*p));

	if (p)
		p->share = share;
	return p;
}

void purse__free(struct purse *p)
{
	free(p);
}

void purse_record(struct purse *p, uint64_t now_ns, uint64_t run_ns, uint64_t cost_ns)
{
	struct spending_slot now = {.time_ns = now_ns, .run_ns = run_ns, .cost_ns = cost_ns};

	/* Who ends at this moment is missing, until the next record. */
	if (now.run_ns < p->spent.now.run_ns)
		now.run_ns = p->spent.now.run_ns;
	if (now.cost_ns < p->spent.now.cost_ns)
		now.cost_ns = p->spent.now.cost_ns;
	spending_record(&p->spent, &now);
}

/* What the share is of. */
static double ran(const struct purse *p)
{
	const struct spending *s = &p->spent;
	double ran = (double)spending_bare(&s->now) - (double)spending_bare(spending_oldest(s));

	return ran > (double)SPENDING_SPAN_NS ? ran : (double)SPENDING_SPAN_NS;
}

static double spent(const struct spending *s)
{
	return (double)(s->now.cost_ns - spending_oldest(s)->cost_ns);
}

bool purse_affords(const struct purse *p, unsigned int young)
{
	return spent(&p->spent) + spent(&p->forks) +
		   (double)SPENDING_REACTION_NS * ((double)young + 1) <
	       p->share * SPENDING_MARGIN * ran(p);
}

void purse_record_forks(struct purse *p, uint64_t now_ns, uint64_t paid_ns)
{
	spending_record(&p->forks, &(struct spending_slot){.time_ns = now_ns, .cost_ns = paid_ns});
}

bool purse_affords_forks(const struct purse *p)
{
	return spent(&p->forks) < p->share * SPENDING_MARGIN * ran(p);
}
