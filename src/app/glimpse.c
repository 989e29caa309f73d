// SPDX-License-Identifier: GPL-2.0
#include "app/glimpse.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "app/drain.h"
#include "inspect/memory.h"
#include "inspect/signatures.h"
#include "model/blocks.h"

/* Of the processes of a tree that have a window open at a time. */
#define AT_ONCE 64u

/* Nobody asks for those of a process that has ended: of more, who came first goes. */
#define KEPT 256u

struct glimpses {
	struct drain *drain;
	pthread_mutex_t lock;
	struct glimpse {
		uint32_t id, execs;
		struct block *blocks;
		struct signatures_chunk *chunks;
		size_t n;
	} all[KEPT];
	size_t n, next; /* next: to go */
};

int glimpses__new(struct drain *d, struct glimpses **out)
{
	struct glimpses *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->drain = d;
	pthread_mutex_init(&g->lock, NULL);
	*out = g;
	return 0;
}

static void drop(struct glimpse *x)
{
	free(x->blocks);
	free(x->chunks);
	*x = (struct glimpse){0};
}

void glimpses__free(struct glimpses *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->n; i++)
		drop(&g->all[i]);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

/* With the lock held; n where there is none. */
static size_t find(const struct glimpses *g, uint32_t id)
{
	size_t i = 0;

	while (i < g->n && g->all[i].id != id)
		i++;
	return i;
}

/* With the lock held: its place, or one for it. */
static struct glimpse *place(struct glimpses *g, uint32_t id)
{
	size_t i = find(g, id);

	if (i == KEPT)
		i = g->next++ % KEPT;
	else if (i == g->n)
		g->n++;
	return &g->all[i];
}

/* Takes over the blocks. */
static void take(struct glimpses *g, const struct drain_glimpse *from)
{
	const struct memory mem = memory_of((pid_t)from->tgid);
	struct glimpse x = {.id = from->id,
			    .execs = from->execs,
			    .blocks = from->blocks,
			    .n = from->n},
		       *to;

	x.chunks = calloc(x.n, sizeof(*x.chunks));
	for (size_t i = 0; x.chunks && i < x.n; i++)
		x.chunks[i].addr = x.blocks[i].addr;
	if (!x.chunks || signatures_read(&mem, NULL, 0, x.chunks, x.n)) {
		drop(&x);
		return;
	}
	pthread_mutex_lock(&g->lock);
	to = place(g, x.id);
	drop(to);
	*to = x;
	pthread_mutex_unlock(&g->lock);
}

void glimpses__take(struct glimpses *g, pid_t tgid)
{
	struct drain_glimpse some[AT_ONCE];
	size_t n = drain__glimpse(g->drain, tgid, some, AT_ONCE);

	for (size_t i = 0; i < n; i++)
		take(g, &some[i]);
}

size_t glimpses__of(struct glimpses *g, uint32_t id, uint32_t execs, struct block **blocks,
		    struct signatures_chunk **chunks)
{
	size_t i, n = 0;

	pthread_mutex_lock(&g->lock);
	i = find(g, id);
	if (i < g->n) {
		if (g->all[i].execs == execs) {
			n = g->all[i].n;
			*blocks = g->all[i].blocks;
			*chunks = g->all[i].chunks;
		} else {
			drop(&g->all[i]);
		}
		g->all[i] = g->all[--g->n];
		g->all[g->n] = (struct glimpse){0};
	}
	pthread_mutex_unlock(&g->lock);
	return n;
}
