// SPDX-License-Identifier: GPL-2.0
#include "model/births.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/seen.h"
#include "model/slots.h"

struct table {
	uint32_t refs;	/* ledgers that share it */
	size_t n, room; /* room is a power of two */
	struct slot {
		uint64_t key; /* 0: free */
		double blocks, whole, freed;
		uint32_t fresh; /* in the window that is open */
		uint32_t went;	/* so are these, which were dropped */
		double stayed, died;
	} slots[];
};

struct births {
	struct table *t;
	uint64_t *touched; /* keys of what is fresh */
	size_t n, room;
};

static struct table *table_of(size_t room)
{
	struct table *t = calloc(1, sizeof(*t) + room * sizeof(*t->slots));

	if (!t)
		return NULL;
	t->refs = 1;
	t->room = room;
	return t;
}

static struct slot *find(struct table *t, uint64_t key)
{
	return slots_find(t->slots, sizeof(*t->slots), t->room, key);
}

static void let_go(struct table *t)
{
	if (t && !--t->refs)
		free(t);
}

/* A table of its own, of this room. */
static int rebuild(struct births *b, size_t room)
{
	struct table *t = table_of(room);

	if (!t)
		return -ENOMEM;
	t->n = b->t->n;
	for (size_t i = 0; i < b->t->room; i++)
		if (b->t->slots[i].key)
			*find(t, b->t->slots[i].key) = b->t->slots[i];
	let_go(b->t);
	b->t = t;
	return 0;
}

/* The slot of this key, to be written to. */
static struct slot *slot_of(struct births *b, uint64_t key)
{
	struct slot *s;

	if (2 * (b->t->n + 1) > b->t->room ? rebuild(b, 2 * b->t->room)
					   : b->t->refs > 1 && rebuild(b, b->t->room))
		return NULL;
	s = find(b->t, key);
	if (!s->key) {
		s->key = key;
		b->t->n++;
	}
	return s;
}

/* Never 0: sites and classes are far below these bounds. */
static uint64_t key_of(uint32_t site, uint32_t class)
{
	return 1ull << 63 | (uint64_t)site << 16 | class;
}

struct births *births__new(void)
{
	struct births *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->t = table_of(64);
	if (!b->t) {
		free(b);
		return NULL;
	}
	return b;
}

struct births *births__fork(struct births *b)
{
	struct births *child = calloc(1, sizeof(*child));

	if (!child)
		return NULL;
	if (b->n) {
		child->touched = malloc(b->n * sizeof(*child->touched));
		if (!child->touched) {
			free(child);
			return NULL;
		}
		memcpy(child->touched, b->touched, b->n * sizeof(*child->touched));
		child->n = child->room = b->n;
	}
	child->t = b->t;
	child->t->refs++;
	return child;
}

void births__free(struct births *b)
{
	if (!b)
		return;
	let_go(b->t);
	free(b->touched);
	free(b);
}

int births__add(struct births *b, uint32_t site, uint32_t class)
{
	struct slot *s = slot_of(b, key_of(site, class));

	if (!s)
		return -ENOMEM;
	if (!s->fresh) {
		if (b->n == b->room) {
			size_t room = b->room ? 2 * b->room : 64;
			uint64_t *touched = reallocarray(b->touched, room, sizeof(*touched));

			if (!touched)
				return -ENOMEM;
			b->touched = touched;
			b->room = room;
		}
		b->touched[b->n++] = s->key;
	}
	s->fresh++;
	return 0;
}

int births__drop(struct births *b, uint32_t site, uint32_t class, uint32_t weight, bool fresh)
{
	struct slot *s = slot_of(b, key_of(site, class));

	if (!s)
		return -ENOMEM;
	if (fresh && s->fresh) {
		s->fresh--;
		s->went++;
		return 0;
	}
	s->blocks = s->blocks > weight ? s->blocks - weight : 0;
	if (weight <= SEEN_ALL)
		s->whole = s->whole > weight ? s->whole - weight : 0;
	s->freed += weight;
	return 0;
}

void births__leave_out(struct births *b, uint32_t site, uint32_t class)
{
	struct slot *s = slot_of(b, key_of(site, class));

	if (s && s->fresh)
		s->fresh--;
}

int births__weigh(struct births *b, uint32_t weight, double each)
{
	for (; b->n; b->n--) {
		struct slot *s = slot_of(b, b->touched[b->n - 1]);

		if (!s)
			return -ENOMEM;
		s->blocks += (double)s->fresh * weight;
		if (weight <= SEEN_ALL)
			s->whole += (double)s->fresh * weight;
		/* Of who did not run but in the window nothing is known. */
		if (weight > SEEN_ALL) {
			s->stayed += s->fresh * each;
			s->died += s->went;
		}
		s->fresh = s->went = 0;
	}
	return 0;
}

size_t births__count(const struct births *b)
{
	return b->t->n;
}

void births__list(const struct births *b, struct birth *out)
{
	for (size_t i = 0; i < b->t->room; i++) {
		const struct slot *s = &b->t->slots[i];

		if (s->key)
			*out++ = (struct birth){.site = (uint32_t)(s->key >> 16),
						.class = (uint32_t)(s->key & 0xffff),
						.blocks = s->blocks,
						.whole = s->whole,
						.freed = s->freed,
						.stayed = s->stayed,
						.died = s->died};
	}
}

int births_order(const void *a, const void *b)
{
	const struct birth *x = a, *y = b;

	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	return (x->site > y->site) - (x->site < y->site);
}

struct birth *births_find(struct birth *all, size_t n, uint32_t site, uint32_t class)
{
	const struct birth key = {.site = site, .class = class};

	return n ? bsearch(&key, all, n, sizeof(key), births_order) : NULL;
}

double births_stay(const struct birth *b)
{
	return b ? (b->stayed + 1) / (b->stayed + b->died + 1) : 1;
}

size_t births__memory(const struct births *b)
{
	return sizeof(*b) + sizeof(*b->t) + b->t->room * sizeof(b->t->slots[0]) +
	       b->room * sizeof(*b->touched);
}
