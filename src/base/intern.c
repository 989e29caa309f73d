// SPDX-License-Identifier: GPL-2.0
#include "base/intern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

struct entry {
	size_t at; /* in data */
	uint32_t len, hash;
};

struct intern {
	char *data; /* the keys, a 0 byte after each; aligned as a uint64_t */
	size_t used, room;
	struct entry *entries; /* by number */
	size_t n, nroom;
	uint32_t *slots; /* number + 1; 0: empty.  Open addressing, at most half in use */
	size_t nslots;	 /* a power of two */
	uint64_t seed;
};

struct intern *intern__new(void)
{
	struct intern *in = calloc(1, sizeof(*in));

	if (!in)
		return NULL;
	in->nslots = 64;
	in->slots = calloc(in->nslots, sizeof(*in->slots));
	if (!in->slots) {
		free(in);
		return NULL;
	}
	in->seed = hash_seed(in);
	return in;
}

void intern__free(struct intern *in)
{
	if (!in)
		return;
	free(in->data);
	free(in->entries);
	free(in->slots);
	free(in);
}

/* The slot that holds the key, or the empty one where it would go. */
static uint32_t *slot_of(const struct intern *in, uint32_t hash, const void *key, size_t len)
{
	size_t i = hash & (in->nslots - 1);

	for (; in->slots[i]; i = (i + 1) & (in->nslots - 1)) {
		const struct entry *e = &in->entries[in->slots[i] - 1];

		if (e->hash == hash && e->len == len && !memcmp(in->data + e->at, key, len))
			break;
	}
	return &in->slots[i];
}

static int grow_slots(struct intern *in)
{
	size_t nslots = 2 * in->nslots;
	uint32_t *slots;

	if (2 * (in->n + 1) <= in->nslots)
		return 0;
	slots = calloc(nslots, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (size_t k = 0; k < in->n; k++) {
		size_t i = in->entries[k].hash & (nslots - 1);

		while (slots[i])
			i = (i + 1) & (nslots - 1);
		slots[i] = (uint32_t)k + 1;
	}
	free(in->slots);
	in->slots = slots;
	in->nslots = nslots;
	return 0;
}

static int grow(struct intern *in, size_t len)
{
	size_t room = in->room ? in->room : 1024;
	struct entry *entries;
	char *data;

	if (in->n == in->nroom) {
		size_t n = in->nroom ? 2 * in->nroom : 64;

		entries = realloc(in->entries, n * sizeof(*entries));
		if (!entries)
			return -ENOMEM;
		in->entries = entries;
		in->nroom = n;
	}
	while (room - in->used < len + 8)
		room *= 2;
	if (room != in->room) {
		data = realloc(in->data, room);
		if (!data)
			return -ENOMEM;
		in->data = data;
		in->room = room;
	}
	return grow_slots(in);
}

int64_t intern__add(struct intern *in, const void *key, size_t len)
{
	uint32_t hash = (uint32_t)hash_bytes(in->seed, key, len);
	uint32_t *slot = slot_of(in, hash, key, len);
	int err;

	if (*slot)
		return (int64_t)*slot - 1;
	if (in->n == INT32_MAX || len > INT32_MAX)
		return -ENOSPC;
	err = grow(in, len);
	if (err)
		return err;
	if (len)
		memcpy(in->data + in->used, key, len);
	in->data[in->used + len] = 0;
	in->entries[in->n] = (struct entry){in->used, (uint32_t)len, hash};
	in->used += (len + 8) & ~(size_t)7;
	*slot_of(in, hash, key, len) = (uint32_t)in->n + 1;
	return (int64_t)in->n++;
}

int64_t intern__find(const struct intern *in, const void *key, size_t len)
{
	uint32_t slot = *slot_of(in, (uint32_t)hash_bytes(in->seed, key, len), key, len);

	return slot ? (int64_t)slot - 1 : -ENOENT;
}

size_t intern__count(const struct intern *in)
{
	return in->n;
}

const void *intern__key(const struct intern *in, size_t number, size_t *len)
{
	if (len)
		*len = in->entries[number].len;
	return in->data + in->entries[number].at;
}

size_t intern__memory(const struct intern *in)
{
	return sizeof(*in) + in->room + in->nroom * sizeof(*in->entries) +
	       in->nslots * sizeof(*in->slots);
}
