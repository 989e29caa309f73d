// SPDX-License-Identifier: GPL-2.0
#include "model/purse.h"

#include <stdlib.h>

#include "model/spending.h"

/* What a child may take until it is noticed that it allocates all the time and the kernel has taken
 * the probes away; budget.c's REACTION_NS, on one core. */
#define BEGINNING_NS 60000000.0
/* Of the share, what is planned with, as in budget.c. */
#define MARGIN 0.78

struct purse {
	double share;
	struct spending spent;
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

bool purse_affords(const struct purse *p, unsigned int young)
{
	const struct spending_slot *then = spending_oldest(&p->spent), *now = &p->spent.now;
	double ran = (double)spending_bare(now) - (double)spending_bare(then);
	double spent = (double)(now->cost_ns - then->cost_ns);

	if (ran < (double)SPENDING_SPAN_NS)
		ran = (double)SPENDING_SPAN_NS;
	return spent + BEGINNING_NS * ((double)young + 1) < p->share * MARGIN * ran;
}
