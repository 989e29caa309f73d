// SPDX-License-Identifier: GPL-2.0
#include "model/spending.h"

#define SLOT_NS 100000000ull

void spending_record(struct spending *s, const struct spending_slot *now)
{
	s->now = *now;
	if (s->n && now->time_ns - s->slots[s->head].time_ns < SLOT_NS)
		return;
	s->head = (s->head + 1) % SPENDING_SLOTS;
	s->slots[s->head] = *now;
	if (s->n < SPENDING_SLOTS)
		s->n++;
}

const struct spending_slot *spending_slot(const struct spending *s, unsigned int before)
{
	return &s->slots[(s->head + SPENDING_SLOTS - before) % SPENDING_SLOTS];
}

const struct spending_slot *spending_oldest(const struct spending *s)
{
	for (unsigned int i = s->n; i-- > 0;) {
		const struct spending_slot *slot = spending_slot(s, i);

		if (s->now.time_ns - slot->time_ns <= SPENDING_SPAN_NS || !i)
			return slot;
	}
	return &s->now;
}

uint64_t spending_bare(const struct spending_slot *slot)
{
	return slot->run_ns > slot->cost_ns ? slot->run_ns - slot->cost_ns : 0;
}

double spending_steady(const struct spending *s, const struct spending_slot *then)
{
	double cost = (double)(s->now.cost_ns - then->cost_ns);
	double windows = (double)(s->now.windows_ns - then->windows_ns);

	return cost > windows ? cost - windows : 0;
}
