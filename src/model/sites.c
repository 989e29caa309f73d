// SPDX-License-Identifier: GPL-2.0
#include "model/sites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Sites whose sums are shared and copied together: 2 KiB. */
#define CHUNK 32u

struct chunk {
	uint32_t refs;	/* tables that hold it; with more than one it is not written to */
	uint32_t owner; /* who allocated, by serial; to any other allocated_* are 0 */
	struct site_total total[CHUNK][SITES_KINDS];
};

struct sites {
	struct stacks *stacks;
	struct chunk **chunks; /* by id / CHUNK; NULL: all sums are 0 */
	uint32_t n;	       /* chunks */
	uint32_t serial;       /* among those that share the stacks */
	uint64_t failed;
};

struct sites *sites__new(void)
{
	struct sites *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->stacks = stacks__new();
	if (!s->stacks) {
		free(s);
		return NULL;
	}
	s->serial = stacks__serial(s->stacks);
	return s;
}

void sites__free(struct sites *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->n; i++)
		if (s->chunks[i] && !--s->chunks[i]->refs)
			free(s->chunks[i]);
	free(s->chunks);
	stacks__put(s->stacks);
	free(s);
}

struct sites *sites__fork(const struct sites *s)
{
	struct sites *copy = malloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = (struct sites){
	    .stacks = stacks__ref(s->stacks), .n = s->n, .serial = stacks__serial(s->stacks)};
	copy->chunks = calloc(s->n ? s->n : 1, sizeof(struct chunk *));
	if (!copy->chunks) {
		copy->n = 0;
		sites__free(copy);
		return NULL;
	}
	for (uint32_t i = 0; i < s->n; i++) {
		copy->chunks[i] = s->chunks[i];
		if (copy->chunks[i])
			copy->chunks[i]->refs++;
	}
	return copy;
}

int sites__add(struct sites *s, uint64_t stack, uint32_t flags, uint32_t nframes,
	       const uint64_t *pc)
{
	return stacks__add(s->stacks, stack, flags, nframes, pc);
}

uint32_t sites__find(const struct sites *s, uint64_t stack)
{
	return stacks__find(s->stacks, stack);
}

static int grow(struct sites *s, uint32_t i)
{
	uint32_t n = i + 1 + i / 2;
	struct chunk **chunks;

	if (i < s->n)
		return 0;
	chunks = reallocarray(s->chunks, n, sizeof(struct chunk *));
	if (!chunks)
		return -ENOMEM;
	memset(chunks + s->n, 0, (n - s->n) * sizeof(*chunks));
	s->chunks = chunks;
	s->n = n;
	return 0;
}

static void disown(struct chunk *c, const struct sites *s)
{
	if (c->owner == s->serial)
		return;
	c->owner = s->serial;
	for (uint32_t i = 0; i < CHUNK; i++)
		for (int k = 0; k < SITES_KINDS; k++)
			c->total[i][k].allocated_bytes = c->total[i][k].allocated_blocks = 0;
}

/* The sums of a site, to be changed; NULL where memory is out. */
static struct site_total *own(struct sites *s, uint32_t id, enum report_kind kind)
{
	uint32_t i = id / CHUNK;
	struct chunk *c, *old;

	if (grow(s, i))
		return NULL;
	old = s->chunks[i];
	c = old;
	if (!old || old->refs > 1) {
		c = malloc(sizeof(*c));
		if (!c)
			return NULL;
		if (old) {
			*c = *old;
			old->refs--;
		} else {
			memset(c, 0, sizeof(*c));
			c->owner = s->serial;
		}
		c->refs = 1;
		s->chunks[i] = c;
	}
	disown(c, s);
	return &c->total[id % CHUNK][kind];
}

void sites__change(struct sites *s, uint32_t id, enum report_kind kind, int64_t bytes,
		   int64_t blocks)
{
	struct site_total *t = own(s, id, kind);

	if (!t) {
		s->failed++;
		return;
	}
	t->bytes += (uint64_t)bytes;
	t->blocks += (uint64_t)blocks;
}

void sites__allocated(struct sites *s, uint32_t id, enum report_kind kind, uint64_t bytes,
		      uint64_t blocks)
{
	struct site_total *t = own(s, id, kind);

	if (!t) {
		s->failed++;
		return;
	}
	t->allocated_bytes += bytes;
	t->allocated_blocks += blocks;
}

uint64_t sites__failed(const struct sites *s)
{
	return s->failed;
}

uint32_t sites__count(const struct sites *s)
{
	return stacks__count(s->stacks);
}

void sites__stack(const struct sites *s, uint32_t id, struct stack *out)
{
	stacks__get(s->stacks, id, out);
}

struct site_total sites__total(const struct sites *s, uint32_t id, enum report_kind kind)
{
	const struct chunk *c = id / CHUNK < s->n ? s->chunks[id / CHUNK] : NULL;
	struct site_total t = {0};

	if (!c)
		return t;
	t = c->total[id % CHUNK][kind];
	if (c->owner != s->serial)
		t.allocated_bytes = t.allocated_blocks = 0;
	return t;
}

size_t sites__memory(const struct sites *s)
{
	size_t sum = sizeof(*s) + s->n * sizeof(*s->chunks) + stacks__memory(s->stacks);

	for (uint32_t i = 0; i < s->n; i++)
		sum += s->chunks[i] ? sizeof(*s->chunks[i]) : 0;
	return sum;
}
