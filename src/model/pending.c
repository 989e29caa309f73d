// SPDX-License-Identifier: GPL-2.0
#include "model/pending.h"

#include <errno.h>
#include <stdlib.h>

/* Open addressing, at most half in use.  A lost END leaves its call here until the thread's next
 * one, so a list would grow with the threads of a process that loses many. */
struct pending {
	struct pending_call *slots;
	size_t n, room; /* room is a power of two */
};

struct pending *pending__new(void)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->room = 8;
	p->slots = calloc(p->room, sizeof(*p->slots));
	if (!p->slots) {
		free(p);
		return NULL;
	}
	return p;
}

void pending__free(struct pending *p)
{
	if (!p)
		return;
	free(p->slots);
	free(p);
}

static size_t home_of(const struct pending *p, uint32_t tid, enum pending_kind kind)
{
	uint64_t key = (uint64_t)tid << 2 | kind;

	return (key * 0x9e3779b97f4a7c15ull >> 32) & (p->room - 1);
}

static size_t slot_of(const struct pending *p, uint32_t tid, enum pending_kind kind)
{
	size_t i = home_of(p, tid, kind);

	while (p->slots[i].kind && (p->slots[i].tid != tid || p->slots[i].kind != kind))
		i = (i + 1) & (p->room - 1);
	return i;
}

int pending__reserve(struct pending *p)
{
	struct pending grown = {.n = p->n, .room = 2 * p->room};

	if (2 * (p->n + 1) <= p->room)
		return 0;
	grown.slots = calloc(grown.room, sizeof(*grown.slots));
	if (!grown.slots)
		return -ENOMEM;
	for (size_t i = 0; i < p->room; i++) {
		const struct pending_call *c = &p->slots[i];

		if (c->kind)
			grown.slots[slot_of(&grown, c->tid, c->kind)] = *c;
	}
	free(p->slots);
	*p = grown;
	return 0;
}

void pending__put(struct pending *p, const struct pending_call *call)
{
	p->slots[slot_of(p, call->tid, call->kind)] = *call;
	p->n++;
}

bool pending__take(struct pending *p, uint32_t tid, enum pending_kind kind,
		   struct pending_call *out)
{
	size_t mask = p->room - 1, gap = slot_of(p, tid, kind), i = gap;

	if (!p->slots[gap].kind)
		return false;
	*out = p->slots[gap];
	/* What follows moves up, unless its home is behind the gap. */
	for (i = (i + 1) & mask; p->slots[i].kind; i = (i + 1) & mask) {
		size_t home = home_of(p, p->slots[i].tid, p->slots[i].kind);

		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		p->slots[gap] = p->slots[i];
		gap = i;
	}
	p->slots[gap] = (struct pending_call){0};
	p->n--;
	return true;
}

void pending__each(const struct pending *p, void (*fn)(void *arg, const struct pending_call *call),
		   void *arg)
{
	for (size_t i = 0; i < p->room; i++)
		if (p->slots[i].kind)
			fn(arg, &p->slots[i]);
}

size_t pending__memory(const struct pending *p)
{
	return sizeof(*p) + p->room * sizeof(*p->slots);
}
