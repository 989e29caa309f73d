// SPDX-License-Identifier: GPL-2.0
#include "base/strpool.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define CHUNK 65536u

struct chunk {
	struct chunk *next;
	char text[];
};

struct slot {
	uint64_t hash;
	const char *text; /* NULL: empty */
};

struct strpool {
	struct chunk *chunks; /* the first is the one being filled */
	size_t left;	      /* in the first */
	size_t fill;
	struct slot *slots; /* open addressing */
	size_t nslots;	    /* a power of two, at most half in use */
	size_t n;
	uint64_t seed;
};

struct strpool *strpool__new(void)
{
	struct strpool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->nslots = 256;
	p->slots = calloc(p->nslots, sizeof(*p->slots));
	if (!p->slots) {
		free(p);
		return NULL;
	}
	p->seed = hash_seed(p);
	return p;
}

void strpool__free(struct strpool *p)
{
	if (!p)
		return;
	for (struct chunk *c = p->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(p->slots);
	free(p);
}

static struct slot *slot_of(struct slot *slots, size_t nslots, uint64_t hash, const char *s)
{
	size_t i = hash & (nslots - 1);

	while (slots[i].text && (slots[i].hash != hash || strcmp(slots[i].text, s)))
		i = (i + 1) & (nslots - 1);
	return &slots[i];
}

static int grow(struct strpool *p)
{
	size_t nslots = 2 * p->nslots, at;
	struct slot *slots;

	if (2 * (p->n + 1) <= p->nslots)
		return 0;
	slots = calloc(nslots, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < p->nslots; i++) {
		if (!p->slots[i].text)
			continue;
		for (at = p->slots[i].hash & (nslots - 1); slots[at].text;)
			at = (at + 1) & (nslots - 1);
		slots[at] = p->slots[i];
	}
	free(p->slots);
	p->slots = slots;
	p->nslots = nslots;
	return 0;
}

static char *take(struct strpool *p, size_t size)
{
	struct chunk *c;

	if (size <= p->left) {
		p->left -= size;
		return p->chunks->text + p->fill - p->left - size;
	}
	c = malloc(sizeof(*c) + (size > CHUNK / 4 ? size : CHUNK));
	if (!c)
		return NULL;
	if (size > CHUNK / 4 && p->chunks) {
		/* One of its own, behind the one that still has room. */
		c->next = p->chunks->next;
		p->chunks->next = c;
		return c->text;
	}
	c->next = p->chunks;
	p->chunks = c;
	p->fill = size > CHUNK / 4 ? size : CHUNK;
	p->left = p->fill - size;
	return c->text;
}

const char *strpool__add(struct strpool *p, const char *s)
{
	size_t len = strlen(s);
	uint64_t hash = hash_bytes(p->seed, s, len);
	struct slot *slot;
	char *text;

	slot = slot_of(p->slots, p->nslots, hash, s);
	if (slot->text)
		return slot->text;
	if (grow(p))
		return NULL;
	text = take(p, len + 1);
	if (!text)
		return NULL;
	memcpy(text, s, len + 1);
	*slot_of(p->slots, p->nslots, hash, s) = (struct slot){.hash = hash, .text = text};
	p->n++;
	return text;
}
