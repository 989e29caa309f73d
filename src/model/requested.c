// SPDX-License-Identifier: GPL-2.0
#include "model/requested.h"

#include <errno.h>
#include <stdlib.h>

/* What is left of a hole and too small for a chunk of its own goes with it (malloc/malloc.c:
 * MINSIZE is 32, and all are multiples of 16). */
#define REST 16u

void requested_free(struct requested *r)
{
	free(r->held);
	free(r->serials);
	*r = (struct requested){0};
}

static int by_size(const void *a, const void *b)
{
	const struct request *x = a, *y = b;

	if (x->chunk != y->chunk)
		return x->chunk < y->chunk ? -1 : 1;
	return (x->serial > y->serial) - (x->serial < y->serial);
}

int requested_begin(struct requested_look *l, struct requested *kept, struct request *all, size_t n)
{
	*l = (struct requested_look){.kept = kept, .all = all, .n = n};
	if (!n)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (!kept->least || all[i].chunk < kept->least)
			kept->least = all[i].chunk;
		if (all[i].serial > l->until)
			l->until = all[i].serial;
	}
	qsort(all, n, sizeof(*all), by_size);
	l->taken = calloc(n, sizeof(*l->taken));
	return l->taken ? 0 : -ENOMEM;
}

void requested_look_end(struct requested_look *l)
{
	free(l->all);
	free(l->taken);
	free(l->found);
	*l = (struct requested_look){0};
}

/* The first that is not before this one. */
static size_t from(const struct requested_look *l, uint64_t chunk, uint32_t serial)
{
	const struct request at = {.chunk = chunk, .serial = serial};
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (by_size(&l->all[mid], &at) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int by_addr(const void *a, const void *b)
{
	const struct requested_chunk *x = a, *y = b;

	return (x->addr > y->addr) - (x->addr < y->addr);
}

/* Who it was at the last look, if it was there: an index, or n. */
static size_t as_before(const struct requested_look *l, uint64_t addr, uint64_t chunk)
{
	const struct requested_chunk at = {.addr = addr}, *held;
	size_t i;

	held = l->kept->n ? bsearch(&at, l->kept->held, l->kept->n, sizeof(at), by_addr) : NULL;
	if (!held || chunk - held->chunk > REST)
		return l->n;
	i = from(l, held->chunk, held->serial);
	return i < l->n && l->all[i].serial == held->serial && !l->taken[i] ? i : l->n;
}

/* Of those of this size that have had no chunk yet: the latest, and whether others are another's.
 */
static void search(const struct requested_look *l, uint64_t chunk, size_t *latest, bool *sure)
{
	for (size_t i = from(l, chunk, 0); i < l->n && l->all[i].chunk == chunk; i++) {
		const struct request *r = &l->all[i];

		if (r->held || l->taken[i])
			continue;
		if (*latest < l->n && l->all[*latest].site != r->site)
			*sure = false;
		if (*latest == l->n || r->serial > l->all[*latest].serial)
			*latest = i;
	}
}

static bool keep(struct requested_look *l, uint64_t addr, size_t i)
{
	if (l->nfound == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct requested_chunk *found = reallocarray(l->found, room, sizeof(*found));

		if (!found)
			return false;
		l->found = found;
		l->room = room;
	}
	l->found[l->nfound++] = (struct requested_chunk){addr, l->all[i].chunk, l->all[i].serial};
	l->taken[i] = true;
	return true;
}

const struct request *requested_find(struct requested_look *l, uint64_t addr, uint64_t chunk,
				     bool *sure)
{
	size_t i = as_before(l, addr, chunk), later = l->n;

	*sure = true;
	if (i < l->n) {
		/* It may have gone, and have been given to who asked for as much since. */
		search(l, l->all[i].chunk, &later, sure);
		*sure = later == l->n || (*sure && l->all[later].site == l->all[i].site);
	} else {
		search(l, chunk, &i, sure);
		search(l, chunk - REST, &i, sure);
	}
	return i < l->n && keep(l, addr, i) ? &l->all[i] : NULL;
}

static int by_value(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void requested_conclude(struct requested_look *l, struct requested *kept)
{
	uint32_t *serials = calloc(l->nfound + 1, sizeof(*serials));

	if (!serials)
		return;
	for (size_t i = 0; i < l->nfound; i++)
		serials[i] = l->found[i].serial;
	if (l->nfound) {
		qsort(serials, l->nfound, sizeof(*serials), by_value);
		qsort(l->found, l->nfound, sizeof(*l->found), by_addr);
	}
	free(kept->serials);
	free(kept->held);
	kept->serials = serials;
	kept->held = l->found;
	kept->n = l->nfound;
	if (l->until > kept->until)
		kept->until = l->until;
	l->found = NULL;
	l->nfound = l->room = 0;
}
