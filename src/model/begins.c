// SPDX-License-Identifier: GPL-2.0
#include "model/begins.h"

#include <errno.h>
#include <stdlib.h>

#include "model/blocks.h"
#include "model/slots.h"

#define ROOM_MIN 1024u

/* Open addressing, at most half in use. */
struct begins {
	struct begin {
		uint64_t key; /* address and whose block; 0: free */
		uint32_t words;
		uint32_t since_ms; /* wraps */
		bool changed, told;
	} * slots;
	size_t n, room;
};

struct begins *begins__new(void)
{
	struct begins *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->room = ROOM_MIN;
	t->slots = calloc(t->room, sizeof(*t->slots));
	if (!t->slots) {
		free(t);
		return NULL;
	}
	return t;
}

void begins__free(struct begins *t)
{
	if (!t)
		return;
	free(t->slots);
	free(t);
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static uint64_t key_of(const struct block *b)
{
	return mix(b->addr ^ mix((uint64_t)b->site << 32 | b->born)) | 1;
}

uint32_t begins_hash(const struct block *b)
{
	return (uint32_t)(key_of(b) >> 32);
}

/* Of what is the block's own. */
static uint32_t hash_of(const struct block *b, const uint64_t words[SIGNATURE_WORDS])
{
	uint64_t size = b->size, hash = 1;

	for (unsigned int i = 0; i < SIGNATURE_WORDS && size; i++) {
		uint64_t word = words[i];

		if (size < 8)
			word &= (1ull << 8 * size) - 1;
		size -= size < 8 ? size : 8;
		hash = mix(hash * 31 + word);
	}
	return (uint32_t)hash;
}

static struct begin *find(struct begin *slots, size_t room, uint64_t key)
{
	return slots_find(slots, sizeof(*slots), room, key);
}

/* Those that were told, or all, to a table of this room. */
static int rebuild(struct begins *t, size_t room, bool told)
{
	struct begin *slots = calloc(room, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	t->n = 0;
	for (size_t i = 0; i < t->room; i++) {
		const struct begin *from = &t->slots[i];
		struct begin *to;

		if (!from->key || (told && !from->told))
			continue;
		to = find(slots, room, from->key);
		*to = *from;
		to->told = from->told && !told;
		t->n++;
	}
	free(t->slots);
	t->slots = slots;
	t->room = room;
	return 0;
}

/* What was not told since the last time is gone. */
void begins__turn(struct begins *t)
{
	size_t told = 0, room = ROOM_MIN;

	for (size_t i = 0; i < t->room; i++)
		told += t->slots[i].key && t->slots[i].told;
	while (room < 4 * told)
		room *= 2;
	/* Without memory they stay until the next time. */
	rebuild(t, room, true);
}

bool begins__see(struct begins *t, uint64_t time_ns, const struct block *b,
		 const uint64_t words[SIGNATURE_WORDS])
{
	uint32_t now_ms = (uint32_t)(time_ns / 1000000);
	uint64_t key = key_of(b);
	struct begin *x = find(t->slots, t->room, key);

	if (x->key) {
		x->told = true;
		x->changed |= x->words != hash_of(b, words);
		return !x->changed && now_ms - x->since_ms >= BEGINS_OLD_MS;
	}
	if (2 * (t->n + 1) > t->room) {
		if (rebuild(t, 2 * t->room, false))
			return false;
		x = find(t->slots, t->room, key);
	}
	*x = (struct begin){
	    .key = key, .words = hash_of(b, words), .since_ms = now_ms, .told = true};
	t->n++;
	return false;
}
