// SPDX-License-Identifier: GPL-2.0
#include "model/mappings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Mappings are whole pages.  Of 4 KiB here: the kernel rounds lengths up to its own page size, and
 * larger pages only make the sums of small mappings too small. */
#define PAGE 4096ull

struct mappings {
	struct mapping *extents; /* by address, not overlapping */
	size_t n, room;
	struct mapping_totals totals;
	uint64_t brk; /* 0: not known yet */
	mappings_site_fn changed;
	void *arg;
};

struct mappings *mappings__new(mappings_site_fn changed, void *arg)
{
	struct mappings *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->changed = changed;
	m->arg = arg;
	return m;
}

void mappings__free(struct mappings *m)
{
	if (!m)
		return;
	free(m->extents);
	free(m);
}

struct mappings *mappings__copy(const struct mappings *m, mappings_site_fn changed, void *arg)
{
	struct mappings *copy = malloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *m;
	copy->changed = changed;
	copy->arg = arg;
	copy->room = m->n;
	copy->extents = NULL;
	copy->totals.older_freed_bytes = 0;
	if (m->n) {
		copy->extents = malloc(m->n * sizeof(*copy->extents));
		if (!copy->extents) {
			free(copy);
			return NULL;
		}
		memcpy(copy->extents, m->extents, m->n * sizeof(*copy->extents));
	}
	return copy;
}

/* So that what follows cannot fail half-way. */
static int reserve(struct mappings *m, size_t more)
{
	size_t room = m->room + m->room / 2;
	struct mapping *extents;

	if (m->n + more <= m->room)
		return 0;
	if (room < m->n + more)
		room = m->n + more;
	extents = reallocarray(m->extents, room, sizeof(*extents));
	if (!extents)
		return -ENOMEM;
	m->extents = extents;
	m->room = room;
	return 0;
}

static void count(struct mappings *m, const struct mapping *e, int64_t bytes, int64_t extents)
{
	m->totals.bytes[e->owner] += (uint64_t)bytes;
	m->totals.extents[e->owner] += (uint64_t)extents;
	if (e->owner == MAPPING_PROGRAM && m->changed)
		m->changed(m->arg, e->site, bytes, extents);
}

/* The first extent that ends behind addr. */
static size_t first_behind(const struct mappings *m, uint64_t addr)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->extents[mid].addr + m->extents[mid].len <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void insert_at(struct mappings *m, size_t i, const struct mapping *e)
{
	memmove(&m->extents[i + 1], &m->extents[i], (m->n - i) * sizeof(*m->extents));
	m->extents[i] = *e;
	m->n++;
}

static void erase(struct mappings *m, size_t i, size_t n)
{
	memmove(&m->extents[i], &m->extents[i + n], (m->n - i - n) * sizeof(*m->extents));
	m->n -= n;
}

static void count_older(struct mappings *m, const struct mapping *e, uint64_t bytes)
{
	if (e->owner == MAPPING_OLDER)
		m->totals.older_freed_bytes += bytes;
}

/* Forget [addr, end); needs room for one extent more.  Does not count as freed what is older:
 * the caller knows whether it is. */
static void clear(struct mappings *m, uint64_t addr, uint64_t end, bool freed)
{
	size_t i = first_behind(m, addr), gone = 0;

	if (i < m->n && m->extents[i].addr < addr) {
		struct mapping *e = &m->extents[i], rest = *e;
		uint64_t e_end = e->addr + e->len, cut = (e_end < end ? e_end : end) - addr;

		e->len = addr - e->addr;
		count(m, &rest, -(int64_t)cut, 0);
		if (freed)
			count_older(m, &rest, cut);
		i++;
		if (e_end > end) {
			rest.addr = end;
			rest.len = e_end - end;
			insert_at(m, i, &rest);
			count(m, &rest, 0, 1);
			return;
		}
	}
	for (; i + gone < m->n && m->extents[i + gone].addr < end; gone++) {
		struct mapping *e = &m->extents[i + gone];
		uint64_t e_end = e->addr + e->len;

		if (e_end > end) {
			count(m, e, -(int64_t)(end - e->addr), 0);
			if (freed)
				count_older(m, e, end - e->addr);
			e->addr = end;
			e->len = e_end - end;
			break;
		}
		count(m, e, -(int64_t)e->len, -1);
		if (freed)
			count_older(m, e, e->len);
	}
	erase(m, i, gone);
}

static bool same(const struct mapping *a, const struct mapping *b)
{
	return a->owner == b->owner && (a->owner != MAPPING_PROGRAM || a->site == b->site);
}

/* The range is empty; needs room for one extent more. */
static void put(struct mappings *m, const struct mapping *e)
{
	size_t i = first_behind(m, e->addr);
	struct mapping *before = i ? &m->extents[i - 1] : NULL;
	struct mapping *after = i < m->n ? &m->extents[i] : NULL;
	bool joins_before = before && before->addr + before->len == e->addr && same(before, e);
	bool joins_after = after && e->addr + e->len == after->addr && same(after, e);

	count(m, e, (int64_t)e->len, 1 - (int64_t)joins_before - (int64_t)joins_after);
	if (joins_before) {
		before->len += e->len;
		if (joins_after) {
			before->len += after->len;
			erase(m, i, 1);
		}
	} else if (joins_after) {
		after->addr = e->addr;
		after->len += e->len;
	} else {
		insert_at(m, i, e);
	}
}

/* Whole pages; false where it is no range. */
static bool range(uint64_t addr, uint64_t len, uint64_t *end)
{
	if (addr % PAGE || !len || len > UINT64_MAX - (PAGE - 1))
		return false;
	len = (len + PAGE - 1) / PAGE * PAGE;
	*end = addr + len;
	return *end > addr;
}

int mappings__add(struct mappings *m, uint64_t addr, uint64_t len, enum mapping_owner owner,
		  uint32_t site)
{
	struct mapping e = {.addr = addr, .owner = owner};
	uint64_t end;

	if (!range(addr, len, &end))
		return -EINVAL;
	if (reserve(m, 2))
		return -ENOMEM;
	e.len = end - addr;
	e.site = owner == MAPPING_PROGRAM ? site : 0;
	clear(m, addr, end, true);
	put(m, &e);
	return 0;
}

int mappings__remove(struct mappings *m, uint64_t addr, uint64_t len)
{
	uint64_t end;

	if (!range(addr, len, &end))
		return -EINVAL;
	if (reserve(m, 1))
		return -ENOMEM;
	clear(m, addr, end, true);
	return 0;
}

/* What is known of [addr, end), cut to it, to *out, which is the caller's to free. */
static int pieces(const struct mappings *m, uint64_t addr, uint64_t end, struct mapping **out,
		  size_t *n)
{
	size_t first = first_behind(m, addr), last = first;

	while (last < m->n && m->extents[last].addr < end)
		last++;
	*n = last - first;
	*out = calloc(*n + 1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	for (size_t i = 0; i < *n; i++) {
		struct mapping e = m->extents[first + i];
		uint64_t e_end = e.addr + e.len < end ? e.addr + e.len : end;

		if (e.addr < addr)
			e.addr = addr;
		e.len = e_end - e.addr;
		(*out)[i] = e;
	}
	return 0;
}

int mappings__move(struct mappings *m, uint64_t old, uint64_t old_len, uint64_t addr, uint64_t len,
		   enum mapping_owner owner, uint32_t site)
{
	uint64_t old_end, end, moved;
	struct mapping *known;
	size_t n;

	if (!range(old, old_len, &old_end) || !range(addr, len, &end))
		return -EINVAL;
	/* Each piece may become one, each cut one more. */
	if (pieces(m, old, old_end, &known, &n))
		return -ENOMEM;
	if (reserve(m, n + 3)) {
		free(known);
		return -ENOMEM;
	}
	clear(m, old, old_end, false);
	clear(m, addr, end, true);
	moved = end - addr < old_end - old ? end - addr : old_end - old;
	for (size_t i = 0; i < n; i++) {
		struct mapping e = known[i];
		uint64_t at = e.addr - old, cut = at >= moved ? e.len : 0;

		if (!cut && at + e.len > moved)
			cut = at + e.len - moved;
		count_older(m, &e, cut);
		if (cut == e.len)
			continue;
		e.len -= cut;
		e.addr = addr + at;
		put(m, &e);
	}
	if (end - addr > moved) {
		struct mapping grown = {.owner = owner, .site = site};

		if (n)
			grown = known[n - 1];
		grown.addr = addr + moved;
		grown.len = end - addr - moved;
		if (grown.owner != MAPPING_PROGRAM)
			grown.site = 0;
		put(m, &grown);
	}
	free(known);
	return 0;
}

static uint64_t page_up(uint64_t addr)
{
	return (addr + PAGE - 1) / PAGE * PAGE;
}

int mappings__brk(struct mappings *m, uint64_t brk, enum mapping_owner owner, uint32_t site)
{
	uint64_t from = page_up(m->brk), to = page_up(brk);
	int err = 0;

	if (m->brk && to > from)
		err = mappings__add(m, from, to - from, owner, site);
	else if (m->brk && to < from)
		err = mappings__remove(m, to, from - to);
	if (!err)
		m->brk = brk;
	return err;
}

void mappings__set_brk(struct mappings *m, uint64_t brk)
{
	m->brk = brk;
}

void mappings__totals(const struct mappings *m, struct mapping_totals *out)
{
	*out = m->totals;
}

bool mappings__find(const struct mappings *m, uint64_t addr, struct mapping *out)
{
	size_t i = first_behind(m, addr);

	if (i == m->n || m->extents[i].addr > addr)
		return false;
	*out = m->extents[i];
	return true;
}
