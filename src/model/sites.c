// SPDX-License-Identifier: GPL-2.0
#include "model/sites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/blocks.h"

/* A site without its frames: those of all sites stand one after the other in one array. */
struct record {
	uint64_t stack;
	size_t first_pc;
	uint32_t nframes, flags;
	struct site_total total[SITES_KINDS];
};

struct sites {
	struct record *records; /* by id */
	uint32_t n, room;
	uint64_t *pcs;
	size_t npcs, pcs_room;
	uint32_t *slots; /* open addressing by key: an id, or 0 where empty */
	size_t nslots;	 /* a power of two, at most half in use */
};

struct sites *sites__new(void)
{
	struct sites *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->room = 16;
	s->nslots = 32;
	s->records = calloc(s->room, sizeof(*s->records));
	s->slots = calloc(s->nslots, sizeof(*s->slots));
	if (!s->records || !s->slots) {
		sites__free(s);
		return NULL;
	}
	s->n = 1;
	return s;
}

void sites__free(struct sites *s)
{
	if (!s)
		return;
	free(s->records);
	free(s->pcs);
	free(s->slots);
	free(s);
}

/* The key is a hash already, but not one that is ours to trust. */
static uint32_t *slot_of(const struct sites *s, uint32_t *slots, size_t nslots, uint64_t stack)
{
	size_t i = (stack * 0x9e3779b97f4a7c15ull >> 32) & (nslots - 1);

	while (slots[i] && s->records[slots[i]].stack != stack)
		i = (i + 1) & (nslots - 1);
	return &slots[i];
}

static int grow_slots(struct sites *s)
{
	size_t nslots = 2 * s->nslots;
	uint32_t *slots;

	if (2 * ((size_t)s->n + 1) <= s->nslots)
		return 0;
	slots = calloc(nslots, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (uint32_t id = 1; id < s->n; id++)
		*slot_of(s, slots, nslots, s->records[id].stack) = id;
	free(s->slots);
	s->slots = slots;
	s->nslots = nslots;
	return 0;
}

static int grow_records(struct sites *s)
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

static int grow_pcs(struct sites *s, uint32_t nframes)
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

int sites__add(struct sites *s, uint64_t stack, uint32_t flags, uint32_t nframes,
	       const uint64_t *pc)
{
	uint32_t *slot;

	if (!stack)
		return -EINVAL;
	if (sites__find(s, stack))
		return 0;
	if (s->n > BLOCK_SITE_MAX)
		return -ENOSPC;
	if (grow_slots(s) || grow_records(s) || grow_pcs(s, nframes))
		return -ENOMEM;
	slot = slot_of(s, s->slots, s->nslots, stack);
	*slot = s->n;
	s->records[s->n++] = (struct record){
	    .stack = stack, .first_pc = s->npcs, .nframes = nframes, .flags = flags};
	if (nframes)
		memcpy(s->pcs + s->npcs, pc, nframes * sizeof(*pc));
	s->npcs += nframes;
	return 0;
}

uint32_t sites__find(const struct sites *s, uint64_t stack)
{
	return stack ? *slot_of(s, s->slots, s->nslots, stack) : SITES_UNKNOWN;
}

void sites__change(struct sites *s, uint32_t id, enum report_kind kind, int64_t bytes,
		   int64_t blocks)
{
	struct site_total *t = &s->records[id].total[kind];

	t->bytes += (uint64_t)bytes;
	t->blocks += (uint64_t)blocks;
}

void sites__allocated(struct sites *s, uint32_t id, enum report_kind kind, uint64_t bytes,
		      uint64_t blocks)
{
	struct site_total *t = &s->records[id].total[kind];

	t->allocated_bytes += bytes;
	t->allocated_blocks += blocks;
}

uint32_t sites__count(const struct sites *s)
{
	return s->n;
}

void sites__get(const struct sites *s, uint32_t id, struct site *out)
{
	const struct record *r = &s->records[id];

	*out = (struct site){
	    .stack = r->stack,
	    .pc = r->nframes ? s->pcs + r->first_pc : NULL,
	    .nframes = r->nframes,
	    .flags = r->flags,
	};
	memcpy(out->total, r->total, sizeof(out->total));
}

const struct site_total *sites__total(const struct sites *s, uint32_t id, enum report_kind kind)
{
	return &s->records[id].total[kind];
}

size_t sites__memory(const struct sites *s)
{
	return sizeof(*s) + s->room * sizeof(*s->records) + s->pcs_room * sizeof(*s->pcs) +
	       s->nslots * sizeof(*s->slots);
}
