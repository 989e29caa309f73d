// SPDX-License-Identifier: GPL-2.0
#include "app/glimpse.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "app/drain.h"
#include "inspect/glimpsed.h"
#include "inspect/memory.h"
#include "inspect/signatures.h"
#include "model/blocks.h"

/* Of the processes of a tree that have a window open at a time. */
#define AT_ONCE 64u

struct glimpses {
	struct drain *drain;
	pthread_mutex_t lock;
	struct glimpsed *all;
};

int glimpses__new(struct drain *d, struct glimpses **out)
{
	struct glimpses *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->all = glimpsed__new();
	if (!g->all) {
		free(g);
		return -ENOMEM;
	}
	g->drain = d;
	pthread_mutex_init(&g->lock, NULL);
	*out = g;
	return 0;
}

void glimpses__free(struct glimpses *g)
{
	if (!g)
		return;
	glimpsed__free(g->all);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

/* Takes over the blocks. */
static void take(struct glimpses *g, const struct drain_glimpse *from)
{
	const struct memory mem = memory_of((pid_t)from->tgid);
	struct glimpsed_part x = {
	    .id = from->id, .execs = from->execs, .blocks = from->blocks, .n = from->n};

	x.chunks = calloc(x.n, sizeof(*x.chunks));
	for (size_t i = 0; x.chunks && i < x.n; i++)
		x.chunks[i].addr = x.blocks[i].addr;
	if (!x.chunks || signatures_read(&mem, NULL, 0, x.chunks, x.n)) {
		glimpsed_part_free(&x);
		return;
	}
	pthread_mutex_lock(&g->lock);
	glimpsed__put(g->all, &x);
	pthread_mutex_unlock(&g->lock);
}

void glimpses__take(struct glimpses *g, pid_t tgid)
{
	struct drain_glimpse some[AT_ONCE];
	size_t n = drain__glimpse(g->drain, tgid, some, AT_ONCE);

	for (size_t i = 0; i < n; i++)
		take(g, &some[i]);
}

void glimpses__of(struct glimpses *g, uint32_t id, uint32_t execs, uint32_t moment,
		  struct glimpsed_part *out)
{
	pthread_mutex_lock(&g->lock);
	glimpsed__take(g->all, id, execs, moment, out);
	pthread_mutex_unlock(&g->lock);
}
