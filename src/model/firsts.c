// SPDX-License-Identifier: GPL-2.0
#include "model/firsts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/births.h"
#include "model/blocks.h"
#include "model/signature.h"
#include "model/slots.h"
#include "model/strata.h"

struct firsts {
	struct first {
		uint64_t key; /* address and whose block, 0: free */
		uint16_t stratum;
		bool changed : 1, told : 1;
		bool looked : 1; /* begins is valid */
		bool same : 1;	 /* so it was at the last look */
		bool rare : 1;	 /* few others begin with it */
		bool gone : 1;
		/* The same of each word: a bit for each. */
		uint8_t words_same, words_rare;
		uint32_t content;
		uint16_t marks[SIGNATURE_CONTENT];
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

/* NULL where memory is out, or there is no room for more.  fresh: it was not there. */
static struct first *find_or_add(struct firsts *f, const struct block *b, bool *fresh)
{
	struct first *s = find(f->slots, f->room, key_of(b));

	*fresh = !s->key;
	if (s->key) {
		s->told = true;
		return s;
	}
	if (f->n == FIRSTS_MAX)
		return NULL;
	if (2 * (f->n + 1) > f->room) {
		if (rebuild(f, 2 * f->room, false))
			return NULL;
		s = find(f->slots, f->room, key_of(b));
	}
	*s = (struct first){.key = key_of(b), .told = true};
	f->n++;
	return s;
}

static struct first *put(struct firsts *f, const struct block *b, uint32_t stratum, uint32_t weight)
{
	bool fresh;
	struct first *s = find_or_add(f, b, &fresh);

	if (!s)
		return NULL;
	if (!fresh) {
		s->changed |= s->stratum != stratum;
		return s;
	}
	s->stratum = (uint16_t)stratum;
	if (!births__add(f->births, b->site, stratum))
		births__weigh(f->births, weight, 1);
	return s;
}

bool firsts__changed(struct firsts *f, const struct block *b, uint32_t stratum, uint32_t weight)
{
	const struct first *s = put(f, b, stratum, weight);

	return s && s->changed;
}

bool firsts__begins(struct firsts *f, const struct block *b, uint32_t stratum,
		    const struct signature *begins, uint32_t weight)
{
	struct first *s = put(f, b, stratum, weight);

	if (!s)
		return false;
	if (!s->looked) {
		s->looked = true;
		s->content = begins->content;
		memcpy(s->marks, begins->marks, sizeof(s->marks));
	}
	s->same = s->content == begins->content;
	s->words_same = 0;
	for (unsigned int i = 0; i < SIGNATURE_CONTENT; i++)
		if (s->marks[i] && s->marks[i] == begins->marks[i])
			s->words_same |= (uint8_t)(1u << i);
	return s->changed;
}

void firsts__gone(struct firsts *f, const struct block *b)
{
	bool fresh;
	struct first *s = find_or_add(f, b, &fresh);

	if (s)
		s->gone = true;
}

bool firsts__is_gone(const struct firsts *f, const struct block *b)
{
	const struct first *s = find(f->slots, f->room, key_of(b));

	return s->key && s->gone;
}

bool firsts__same(const struct firsts *f, const struct block *b)
{
	const struct first *s = find(f->slots, f->room, key_of(b));

	return s->key && !s->changed && ((s->same && s->rare) || s->words_same & s->words_rare);
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

/* Of each word of each stratum, how many begin with it: two that share a place count as one, which
 * makes them less rare than they are. */
struct tally {
	uint16_t *counts;
	size_t room; /* a power of two */
};

static uint16_t *tally_of(const struct tally *t, const struct first *s, unsigned int i)
{
	uint64_t key = (uint64_t)s->stratum << 32 | i << 16 | s->marks[i];

	return &t->counts[(key * 0x9e3779b97f4a7c15ull >> 32) & (t->room - 1)];
}

/* Room for 16 of each block's words: one in two of them has a place of its own. */
static int tally_take(struct tally *t, struct first *const *all, size_t n)
{
	for (t->room = 64; t->room < 2 * SIGNATURE_CONTENT * n; t->room *= 2)
		;
	t->counts = calloc(t->room, sizeof(*t->counts));
	if (!t->counts)
		return -ENOMEM;
	for (size_t k = 0; k < n; k++)
		for (unsigned int i = 0; i < SIGNATURE_CONTENT; i++) {
			uint16_t *count = tally_of(t, all[k], i);

			if (all[k]->marks[i] && *count < UINT16_MAX)
				++*count;
		}
	return 0;
}

static bool is_rare(size_t of, size_t all)
{
	return of == 1 || of * RARE <= all;
}

static void compare_words(const struct tally *t, struct first *s, size_t of)
{
	for (unsigned int i = 0; i < SIGNATURE_CONTENT; i++)
		if (s->marks[i] && is_rare(*tally_of(t, s, i), of))
			s->words_rare |= (uint8_t)(1u << i);
}

void firsts__compare(struct firsts *f)
{
	struct first **all = malloc((f->n + 1) * sizeof(struct first *));
	struct tally words = {0};
	size_t n = 0;

	for (size_t i = 0; i < f->room; i++) {
		f->slots[i].rare = false;
		f->slots[i].words_rare = 0;
		if (all && f->slots[i].looked)
			all[n++] = &f->slots[i];
	}
	if (n)
		qsort(all, n, sizeof(struct first *), by_content);
	if (tally_take(&words, all, n))
		n = 0;
	for (size_t i = 0, of; i < n; i += of) {
		of = alike(all, n, i, false);
		for (size_t k = i, m; k < i + of; k += m) {
			m = alike(all, n, k, true);
			for (size_t j = k; j < k + m; j++) {
				all[j]->rare = is_rare(m, of);
				compare_words(&words, all[j], of);
			}
		}
	}
	free(words.counts);
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
