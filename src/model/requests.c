// SPDX-License-Identifier: GPL-2.0
#include "model/requests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The latest of those that were found; the rest of the room is for what is yet to be. */
#define HELD_MAX (REQUESTS_MAX / 2)

void requests_free(struct requests *r)
{
	free(r->all);
	*r = (struct requests){0};
}

int requests_copy(struct requests *to, const struct requests *from)
{
	to->last = from->last;
	to->gaps = from->gaps;
	if (!from->n)
		return 0;
	to->all = malloc(from->n * sizeof(*to->all));
	if (!to->all)
		return -ENOMEM;
	memcpy(to->all, from->all, from->n * sizeof(*to->all));
	/* Its looks find them anew. */
	for (size_t i = 0; i < from->n; i++)
		to->all[i].held = false;
	to->n = to->room = from->n;
	return 0;
}

/* The older half of those that are not held, or some of them. */
static void make_room(struct requests *r, requests_gone_fn gone, void *arg)
{
	size_t kept = 0, loose = 0, half;

	for (size_t i = 0; i < r->n; i++)
		loose += !r->all[i].held;
	half = (loose + 1) / 2;
	r->gaps++;
	for (size_t i = 0; i < r->n; i++)
		if (!r->all[i].held && half) {
			half--;
			gone(arg, &r->all[i]);
		} else {
			r->all[kept++] = r->all[i];
		}
	r->n = kept;
}

int requests_add(struct requests *r, uint64_t chunk, uint32_t site, requests_gone_fn gone,
		 void *arg)
{
	if (r->n == REQUESTS_MAX)
		make_room(r, gone, arg);
	if (r->n == r->room) {
		size_t room = r->room ? 2 * r->room : 64;
		struct request *all = reallocarray(r->all, room, sizeof(*all));

		if (!all)
			return -ENOMEM;
		r->all = all;
		r->room = room;
	}
	r->all[r->n++] =
	    (struct request){.chunk = chunk, .serial = ++r->last, .site = site, .gaps = r->gaps};
	return 0;
}

void requests_keep(struct requests *r, uint32_t until, const uint32_t *held, size_t n,
		   requests_gone_fn gone, void *arg)
{
	size_t kept = 0, k = n > HELD_MAX ? n - HELD_MAX : 0;

	for (size_t i = 0; i < r->n; i++) {
		struct request *one = &r->all[i];

		while (k < n && held[k] < one->serial)
			k++;
		one->held = k < n && held[k] == one->serial;
		one->found |= one->held;
		if (one->held || one->serial > until)
			r->all[kept++] = *one;
		else
			gone(arg, one);
	}
	r->n = kept;
}
