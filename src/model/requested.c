// SPDX-License-Identifier: GPL-2.0
#include "model/requested.h"

#include <errno.h>
#include <stdlib.h>

/* What is left of a hole and too small for a chunk of its own goes with it (malloc/malloc.c:
 * MINSIZE is 32, and all are multiples of 16). */
#define REST 16u

/* So many requests of a size are looked at for others. */
#define FEW 64

void requested_free(struct requested *r)
{
	free(r->there);
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

int requested_begin(struct requested_look *l, const struct requested *kept, struct request *all,
		    size_t n, uint32_t gaps, bool whole)
{
	size_t first = 0;

	*l =
	    (struct requested_look){.kept = kept, .all = all, .n = n, .gaps = gaps, .whole = whole};
	if (!n)
		return 0;
	qsort(all, n, sizeof(*all), by_size);
	l->state = calloc(n, sizeof(*l->state));
	if (!l->state)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (all[i].serial > l->until)
			l->until = all[i].serial;
		if (all[i].chunk != all[first].chunk)
			first = i;
		l->state[first].next = i + 1;
		l->inherited |= all[i].found && !kept->until;
	}
	return 0;
}

void requested_look_end(struct requested_look *l)
{
	free(l->all);
	free(l->state);
	free(l->there);
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

/* The first for so many bytes, or n. */
static size_t first_of(const struct requested_look *l, uint64_t chunk)
{
	const size_t i = from(l, chunk, 0);

	return i < l->n && l->all[i].chunk == chunk ? i : l->n;
}

/* The latest of those from `first` on that have had no chunk yet, or n. */
static size_t latest(const struct requested_look *l, size_t first)
{
	if (first == l->n)
		return l->n;
	for (size_t *next = &l->state[first].next; *next > first; --*next)
		if (!l->all[*next - 1].held && !l->state[*next - 1].taken &&
		    (l->all[*next - 1].found || !l->inherited))
			return *next - 1;
	return l->n;
}

static int by_addr(const void *a, const void *b)
{
	const struct requested_chunk *x = a, *y = b;

	return (x->addr > y->addr) - (x->addr < y->addr);
}

static const struct requested_chunk *before(const struct requested_look *l, uint64_t addr)
{
	const struct requested_chunk at = {.addr = addr};

	return l->kept->n ? bsearch(&at, l->kept->there, l->kept->n, sizeof(at), by_addr) : NULL;
}

/* An index, or n: who had this chunk at the last look, though it may be of another size by now. */
static size_t as_before(const struct requested_look *l, const struct requested_chunk *was)
{
	size_t i = was && was->serial ? from(l, was->asked, was->serial) : l->n;

	return i < l->n && l->all[i].serial == was->serial && !l->state[i].taken ? i : l->n;
}

/* With what was too little for a chunk of its own, where none asked for just as much. */
static size_t search(const struct requested_look *l, uint64_t chunk)
{
	size_t i = latest(l, first_of(l, chunk));

	return i < l->n ? i : latest(l, first_of(l, chunk - REST));
}

static size_t find(const struct requested_look *l, const struct requested_chunk *was,
		   uint64_t chunk)
{
	size_t held = as_before(l, was), i;

	/* It is who it was; or nobody's, where that was forgotten. */
	if (was && was->chunk == chunk && (was->serial || was->old))
		return held;
	i = search(l, chunk);
	/* realloc, where it was: nobody asked for it then.  What is smaller now is another. */
	return i == l->n && held < l->n && chunk > was->chunk ? held : i;
}

static bool keep(struct requested_look *l, const struct requested_chunk *c)
{
	if (l->nthere == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct requested_chunk *there = reallocarray(l->there, room, sizeof(*there));

		if (!there)
			return false;
		l->there = there;
		l->room = room;
	}
	l->there[l->nthere++] = *c;
	return true;
}

bool requested_find(struct requested_look *l, uint64_t addr, uint64_t chunk, uint32_t stratum,
		    bool known)
{
	const struct requested_chunk *was = before(l, addr);
	size_t i = known || !l->n ? l->n : find(l, was, chunk);
	struct requested_chunk now = {.addr = addr, .chunk = chunk, .stratum = stratum};

	if (i < l->n) {
		now.asked = l->all[i].chunk;
		now.serial = l->all[i].serial;
		now.site = l->all[i].site;
		now.unsure = (was && was->serial == now.serial && was->unsure) ||
			     l->all[i].gaps != l->gaps || chunk - now.asked > REST;
	} else if (!known) {
		now.old = l->whole || (was && was->chunk == chunk && !was->serial);
	}
	if (!keep(l, &now) || i == l->n)
		return false;
	l->state[i].taken = true;
	return true;
}

void requested_settle(struct requested_look *l)
{
	for (size_t i = 0; i < l->nthere; i++) {
		struct requested_chunk *c = &l->there[i];

		if (c->serial)
			c->unsure |= requested_by_others(l, c->site, c->chunk) ||
				     requested_by_others(l, c->site, c->asked);
	}
}

bool requested_by(const struct requested_look *l, uint32_t site, uint64_t chunk)
{
	for (uint64_t rest = 0; rest <= REST; rest += REST)
		for (size_t i = first_of(l, chunk - rest);
		     i < l->n && l->all[i].chunk == chunk - rest; i++)
			if (l->all[i].site == site)
				return true;
	return false;
}

bool requested_by_others(const struct requested_look *l, uint32_t site, uint64_t chunk)
{
	for (uint64_t rest = 0; rest <= REST; rest += REST) {
		const size_t first = from(l, chunk - rest, 0);
		size_t i = from(l, chunk - rest + 1, 0), few = FEW;

		/* The latest say enough: no site asks for as much for ever. */
		for (; i-- > first && few; few--)
			if (l->all[i].site != site && !l->all[i].held && !l->state[i].taken)
				return true;
	}
	return false;
}

static int by_value(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void requested_conclude(struct requested_look *l, struct requested *kept)
{
	uint32_t *serials = calloc(l->nthere + 1, sizeof(*serials));
	size_t n = 0;

	if (!serials)
		return;
	for (size_t i = 0; i < l->nthere; i++)
		if (l->there[i].serial)
			serials[n++] = l->there[i].serial;
	qsort(serials, n, sizeof(*serials), by_value);
	if (l->nthere)
		qsort(l->there, l->nthere, sizeof(*l->there), by_addr);
	free(kept->serials);
	free(kept->there);
	kept->serials = serials;
	kept->nserials = n;
	kept->there = l->there;
	kept->n = l->nthere;
	if (l->until > kept->until)
		kept->until = l->until;
	l->there = NULL;
	l->nthere = l->room = 0;
}
