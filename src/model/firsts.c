// SPDX-License-Identifier: GPL-2.0
#include "model/firsts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/births.h"
#include "model/blocks.h"
#include "model/slots.h"
#include "model/strata.h"

struct firsts {
	struct first {
		uint64_t key; /* address and whose block, 0: free */
		uint16_t stratum;
		bool changed : 1, told : 1;
		bool looked : 1; /* content is valid */
		bool same : 1;	 /* so it was at the last look */
		bool rare : 1;	 /* few others begin with it */
		uint32_t content;
	} * slots;
	size_t n, room;
	struct births *births; /* by stratum in place of class */
};

#define ROOM_MIN 1024u

/* What one in so many of a stratum begins with, or fewer, tells one of them from another. */
#define RARE 20

struct firsts *firsts__new(void)
{
	struct firsts *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->room = ROOM_MIN;
	f->slots = calloc(f->room, sizeof(*f->slots));
	f->births = births__new();
	if (!f->slots || !f->births) {
		firsts__free(f);
		return NULL;
	}
	return f;
}

void firsts__free(struct firsts *f)
{
	if (!f)
		return;
	free(f->slots);
	births__free(f->births);
	free(f);
}

/* Another block at the same address is another one but for one in 65536. */
static uint64_t key_of(const struct block *b)
{
	uint32_t who = (b->site * 0x9e3779b1u ^ b->born) * 0x85ebca6bu >> 16;

	return b->addr << 16 | who | 1;
}

static struct first *find(struct first *slots, size_t room, uint64_t key)
{
	return slots_find(slots, sizeof(*slots), room, key);
}

/* Those that were told, or all, to a table of this room. */
static int rebuild(struct firsts *f, size_t room, bool told)
{
	struct first *slots = calloc(room, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	f->n = 0;
	for (size_t i = 0; i < f->room; i++) {
		struct first *s = &f->slots[i], *to;

		if (!s->key || (told && !s->told))
			continue;
		to = find(slots, room, s->key);
		*to = *s;
		to->told = s->told && !told;
		f->n++;
	}
	free(f->slots);
	f->slots = slots;
	f->room = room;
	return 0;
}

bool firsts__changed(struct firsts *f, const struct block *b, uint32_t stratum, uint32_t weight)
{
	struct first *s = find(f->slots, f->room, key_of(b));

	if (s->key) {
		s->told = true;
		s->changed |= s->stratum != stratum;
		return s->changed;
	}
	if (f->n == FIRSTS_MAX)
		return false;
	if (2 * (f->n + 1) > f->room) {
		if (rebuild(f, 2 * f->room, false))
			return false;
		s = find(f->slots, f->room, key_of(b));
	}
	*s = (struct first){.key = key_of(b), .stratum = (uint16_t)stratum, .told = true};
	f->n++;
	if (!births__add(f->births, b->site, stratum))
		births__weigh(f->births, weight, 1);
	return false;
}

bool firsts__content(struct firsts *f, const struct block *b, uint32_t stratum, uint32_t content,
		     uint32_t weight)
{
	bool changed = firsts__changed(f, b, stratum, weight);
	struct first *s = find(f->slots, f->room, key_of(b));

	if (!s->key)
		return changed;
	if (!s->looked) {
		s->looked = true;
		s->content = content;
	}
	s->same = s->content == content;
	return changed;
}

bool firsts__same(const struct firsts *f, const struct block *b)
{
	const struct first *s = find(f->slots, f->room, key_of(b));

	return s->key && s->same && s->rare && !s->changed;
}

static int by_content(const void *a, const void *b)
{
	const struct first *x = *(struct first *const *)a, *y = *(struct first *const *)b;

	if (x->stratum != y->stratum)
		return x->stratum < y->stratum ? -1 : 1;
	return (x->content > y->content) - (x->content < y->content);
}

static size_t alike(struct first *const *all, size_t n, size_t i, bool content)
{
	size_t k = i;

	while (k < n && all[k]->stratum == all[i]->stratum &&
	       (!content || all[k]->content == all[i]->content))
		k++;
	return k - i;
}

void firsts__compare(struct firsts *f)
{
	struct first **all = malloc((f->n + 1) * sizeof(struct first *));
	size_t n = 0;

	for (size_t i = 0; i < f->room; i++) {
		f->slots[i].rare = false;
		if (all && f->slots[i].looked)
			all[n++] = &f->slots[i];
	}
	if (n)
		qsort(all, n, sizeof(struct first *), by_content);
	for (size_t i = 0, of; i < n; i += of) {
		of = alike(all, n, i, false);
		for (size_t k = i, m; k < i + of; k += m) {
			m = alike(all, n, k, true);
			for (size_t j = k; j < k + m; j++)
				all[j]->rare = m == 1 || m * RARE <= of;
		}
	}
	free(all);
}

void firsts__turn(struct firsts *f)
{
	size_t told = 0, room = ROOM_MIN;

	for (size_t i = 0; i < f->room; i++)
		told += f->slots[i].key && f->slots[i].told;
	while (room < 4 * told)
		room *= 2;
	/* Without memory those that are gone stay until the next time. */
	rebuild(f, room, true);
}

int firsts__births(const struct firsts *f, const struct strata *strata, struct birth *births,
		   size_t n, struct birth **out, size_t *nout)
{
	double *looked = calloc(n + 1, sizeof(*looked));
	struct birth *all;

	*nout = births__count(f->births);
	all = malloc((*nout + 1) * sizeof(*all));
	if (!looked || !all) {
		free(looked);
		free(all);
		return -ENOMEM;
	}
	births__list(f->births, all);
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < *nout; i++) {
			const struct birth *of = births_find(births, n, all[i].site,
							     strata__class(strata, all[i].class));

			if (!pass && of)
				looked[of - births] += all[i].blocks;
			/* Some of them were seen to go. */
			else if (pass && of && looked[of - births] > of->blocks) {
				all[i].blocks *= of->blocks / looked[of - births];
				all[i].whole *= of->blocks / looked[of - births];
			}
		}
	free(looked);
	*out = all;
	return 0;
}
