// SPDX-License-Identifier: GPL-2.0
#include "model/stacks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heapwatch/mix.h"
#include "model/blocks.h"

/* A stack without its frames: those of all stand one after the other in one array. */
struct record {
	uint64_t key;
	size_t first_pc;
	uint32_t nframes, flags;
};

struct stacks {
	uint32_t refs, serial;
	struct record *records; /* by id */
	uint32_t n, room;
	uint64_t *pcs;
	size_t npcs, pcs_room;
	uint32_t *slots; /* open addressing by key: an id, or 0 where empty */
	size_t nslots;	 /* a power of two, at most half in use */
};

struct stacks *stacks__new(void)
{
	struct stacks *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->refs = 1;
	s->room = 16;
	s->nslots = 32;
	s->records = calloc(s->room, sizeof(*s->records));
	s->slots = calloc(s->nslots, sizeof(*s->slots));
	if (!s->records || !s->slots) {
		stacks__put(s);
		return NULL;
	}
	s->n = 1;
	return s;
}

struct stacks *stacks__ref(struct stacks *s)
{
	s->refs++;
	return s;
}

void stacks__put(struct stacks *s)
{
	if (!s || --s->refs)
		return;
	free(s->records);
	free(s->pcs);
	free(s->slots);
	free(s);
}

/* The key is a hash already, but not one that is ours to trust. */
static uint32_t *slot_of(const struct stacks *s, uint32_t *slots, size_t nslots, uint64_t key)
{
	size_t i = (key * 0x9e3779b97f4a7c15ull >> 32) & (nslots - 1);

	while (slots[i] && s->records[slots[i]].key != key)
		i = (i + 1) & (nslots - 1);
	return &slots[i];
}

static int grow_slots(struct stacks *s)
{
	size_t nslots = 2 * s->nslots;
	uint32_t *slots;

	if (2 * ((size_t)s->n + 1) <= s->nslots)
		return 0;
	slots = calloc(nslots, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (uint32_t id = 1; id < s->n; id++)
		*slot_of(s, slots, nslots, s->records[id].key) = id;
	free(s->slots);
	s->slots = slots;
	s->nslots = nslots;
	return 0;
}

static int grow_records(struct stacks *s)
{
	uint32_t room = s->room + s->room / 2;
	struct record *records;

	if (s->n < s->room)
		return 0;
	records = realloc(s->records, room * sizeof(*records));
	if (!records)
		return -ENOMEM;
	s->records = records;
	s->room = room;
	return 0;
}

static int grow_pcs(struct stacks *s, uint32_t nframes)
{
	size_t room = s->pcs_room + s->pcs_room / 2 + nframes;
	uint64_t *pcs;

	if (s->npcs + nframes <= s->pcs_room)
		return 0;
	pcs = realloc(s->pcs, room * sizeof(*pcs));
	if (!pcs)
		return -ENOMEM;
	s->pcs = pcs;
	s->pcs_room = room;
	return 0;
}

int stacks__add(struct stacks *s, uint64_t key, uint32_t flags, uint32_t nframes,
		const uint64_t *pc)
{
	uint32_t *slot;

	if (!key)
		return -EINVAL;
	if (stacks__find(s, key))
		return 0;
	if (s->n > BLOCK_SITE_MAX)
		return -ENOSPC;
	if (grow_slots(s) || grow_records(s) || grow_pcs(s, nframes))
		return -ENOMEM;
	slot = slot_of(s, s->slots, s->nslots, key);
	*slot = s->n;
	s->records[s->n++] =
	    (struct record){.key = key, .first_pc = s->npcs, .nframes = nframes, .flags = flags};
	if (nframes)
		memcpy(s->pcs + s->npcs, pc, nframes * sizeof(*pc));
	s->npcs += nframes;
	return 0;
}

uint32_t stacks__find(const struct stacks *s, uint64_t key)
{
	return key ? *slot_of(s, s->slots, s->nslots, key) : 0;
}

void stacks__get(const struct stacks *s, uint32_t id, struct stack *out)
{
	const struct record *r = &s->records[id];

	*out = (struct stack){
	    .key = r->key,
	    .pc = r->nframes ? s->pcs + r->first_pc : NULL,
	    .nframes = r->nframes,
	    .flags = r->flags,
	};
}

/* Of hw_mix(). */
static uint64_t unmix(uint64_t hash, uint64_t word)
{
	uint64_t inverse = HW_MIX;

	/* Newton's method: each step doubles how many of its bits are right, 3 at first. */
	for (int i = 0; i < 5; i++)
		inverse *= 2 - HW_MIX * inverse;
	hash ^= hash >> 29 ^ hash >> 58;
	return hash * inverse ^ word;
}

uint64_t stack_key_without(const struct stack *s, uint32_t leave)
{
	uint64_t hash = s->key ^ s->nframes;

	for (uint32_t i = s->nframes; i-- > 0;)
		hash = unmix(hash, s->pc[i]);
	for (uint32_t i = leave; i < s->nframes; i++)
		hash = hw_mix(hash, s->pc[i]);
	return hw_mixed_key(hash, s->nframes - leave);
}

uint32_t stacks__count(const struct stacks *s)
{
	return s->n;
}

uint32_t stacks__serial(struct stacks *s)
{
	return ++s->serial;
}

size_t stacks__memory(const struct stacks *s)
{
	return sizeof(*s) + s->room * sizeof(*s->records) + s->pcs_room * sizeof(*s->pcs) +
	       s->nslots * sizeof(*s->slots);
}
