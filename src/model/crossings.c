// SPDX-License-Identifier: GPL-2.0
#include "model/crossings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The heap's last chunk, which is free, always keeps this (malloc/malloc.c: MINSIZE): so a block
 * that does not fit reaches past this much before its end, and may not reach the end itself. */
#define REST 32u

#define PAGE 4096u
/* With glibc.malloc.hugetlb it grows by these. */
#define HUGE_PAGE (2u << 20)

/* 128 GiB of heap. */
#define MOST (1u << 20)

void crossings_free(struct crossings *c)
{
	free(c->all);
	*c = (struct crossings){0};
}

int crossings_copy(struct crossings *c, const struct crossings *from)
{
	*c = (struct crossings){.n = from->n, .room = from->n, .last = from->last};
	if (!from->n)
		return 0;
	c->all = malloc(from->n * sizeof(*c->all));
	if (!c->all) {
		*c = (struct crossings){0};
		return -ENOMEM;
	}
	memcpy(c->all, from->all, from->n * sizeof(*c->all));
	return 0;
}

int crossings_grow(struct crossings *c, uint64_t from, uint64_t to, uint32_t site)
{
	if (c->n == MOST)
		return 0;
	if (c->n == c->room) {
		size_t room = c->room ? 2 * c->room : 64;
		struct crossing *all = reallocarray(c->all, room, sizeof(*all));

		if (!all)
			return -ENOMEM;
		c->all = all;
		c->room = room;
	}
	c->all[c->n++] = (struct crossing){
	    .point = from - REST, .bytes = to - from, .end = to, .serial = ++c->last, .site = site};
	return 0;
}

size_t crossings_shrink(struct crossings *c, uint64_t to)
{
	size_t had = c->n;

	while (c->n && c->all[c->n - 1].point >= to - REST)
		c->n--;
	return had - c->n;
}

const struct crossing *crossing_of(const struct crossing *all, size_t n, uint64_t start,
				   uint64_t end)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (all[mid].point < start)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && all[low].point < end ? &all[low] : NULL;
}

bool crossing_fits(const struct crossing *c, uint64_t end, uint64_t top_pad)
{
	uint64_t page = c->bytes % HUGE_PAGE ? PAGE : HUGE_PAGE, least = end + top_pad + REST;

	return least <= c->end && c->end < least + page;
}
