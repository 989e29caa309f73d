// SPDX-License-Identifier: GPL-2.0
#include "model/strata.h"

#include <stdlib.h>

#include "model/estimator.h"
#include "model/slots.h"

#define SLOTS (2 * STRATA_MAX)

struct strata {
	uint64_t *keys; /* by stratum, from ESTIMATOR_CLASSES on; never 0 */
	uint32_t n;
	struct slot {
		uint64_t key;
		uint32_t stratum;
	} * slots;
};

struct strata *strata__new(void)
{
	struct strata *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->n = ESTIMATOR_CLASSES;
	s->keys = calloc(STRATA_MAX, sizeof(*s->keys));
	s->slots = calloc(SLOTS, sizeof(*s->slots));
	if (!s->keys || !s->slots) {
		strata__free(s);
		return NULL;
	}
	return s;
}

void strata__free(struct strata *s)
{
	if (!s)
		return;
	free(s->keys);
	free(s->slots);
	free(s);
}

uint32_t strata__of(struct strata *s, unsigned int class, uint32_t signature)
{
	uint64_t key = (uint64_t)signature << 16 | class;
	struct slot *slot;

	if (!signature)
		return class;
	slot = slots_find(s->slots, sizeof(*s->slots), SLOTS, key);
	if (!slot->key) {
		if (s->n == STRATA_MAX)
			return class;
		s->keys[s->n] = key;
		*slot = (struct slot){key, s->n++};
	}
	return slot->stratum;
}

uint32_t strata__count(const struct strata *s)
{
	return s->n;
}

unsigned int strata__class(const struct strata *s, uint32_t stratum)
{
	return stratum < ESTIMATOR_CLASSES ? stratum : (unsigned int)(s->keys[stratum] & 0xffff);
}
