// SPDX-License-Identifier: GPL-2.0
#include "model/strata.h"

#include <stdlib.h>

#include "model/estimator.h"

#define SLOTS (4 * STRATA_MAX)

struct strata {
	uint64_t *keys; /* by stratum, from ESTIMATOR_CLASSES on; never 0 */
	uint32_t n;
	uint16_t *slots; /* open addressing; 0: free */
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
	size_t i = (size_t)(key * 0x9e3779b97f4a7c15ull >> 32) % SLOTS;

	if (!signature)
		return class;
	while (s->slots[i] && s->keys[s->slots[i]] != key)
		i = (i + 1) % SLOTS;
	if (!s->slots[i]) {
		if (s->n == STRATA_MAX)
			return class;
		s->keys[s->n] = key;
		s->slots[i] = (uint16_t)s->n++;
	}
	return s->slots[i];
}

uint32_t strata__count(const struct strata *s)
{
	return s->n;
}

unsigned int strata__class(const struct strata *s, uint32_t stratum)
{
	return stratum < ESTIMATOR_CLASSES ? stratum : (unsigned int)(s->keys[stratum] & 0xffff);
}
