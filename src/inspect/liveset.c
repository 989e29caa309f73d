// SPDX-License-Identifier: GPL-2.0
#include "inspect/liveset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Pieces of 1 MiB of address space: 8 KiB of bits each. */
#define SHIFT 20
#define WORDS ((1u << SHIFT) / 16 / 64)

struct piece {
	uint64_t number; /* address >> SHIFT */
	uint64_t bits[WORDS];
};

struct liveset {
	struct piece **pieces; /* by number */
	size_t n, room;
	size_t last; /* where the last address was found */
};

struct liveset *liveset__new(void)
{
	return calloc(1, sizeof(struct liveset));
}

void liveset__free(struct liveset *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		free(s->pieces[i]);
	free(s->pieces);
	free(s);
}

/* The first piece whose number is not below. */
static size_t search(const struct liveset *s, uint64_t number)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->pieces[mid]->number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct piece *insert(struct liveset *s, size_t i, uint64_t number)
{
	struct piece *p;

	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		struct piece **pieces = reallocarray(s->pieces, room, sizeof(*pieces));

		if (!pieces)
			return NULL;
		s->pieces = pieces;
		s->room = room;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->number = number;
	memmove(&s->pieces[i + 1], &s->pieces[i], (s->n - i) * sizeof(*s->pieces));
	s->pieces[i] = p;
	s->n++;
	return p;
}

int liveset__add(struct liveset *s, uint64_t addr)
{
	uint64_t number = addr >> SHIFT, bit = (addr >> 4) % (WORDS * 64);
	struct piece *p = s->last < s->n ? s->pieces[s->last] : NULL;

	if (!p || p->number != number) {
		s->last = search(s, number);
		p = s->last < s->n ? s->pieces[s->last] : NULL;
		if (!p || p->number != number)
			p = insert(s, s->last, number);
		if (!p)
			return -ENOMEM;
	}
	p->bits[bit / 64] |= 1ull << bit % 64;
	return 0;
}

bool liveset__has(const struct liveset *s, uint64_t addr)
{
	uint64_t bit = (addr >> 4) % (WORDS * 64);
	size_t i = search(s, addr >> SHIFT);

	if (addr & 15 || i == s->n || s->pieces[i]->number != addr >> SHIFT)
		return false;
	return s->pieces[i]->bits[bit / 64] >> bit % 64 & 1;
}

size_t liveset__memory(const struct liveset *s)
{
	return sizeof(*s) + s->room * sizeof(*s->pieces) + s->n * sizeof(struct piece);
}
