// SPDX-License-Identifier: GPL-2.0
#include "inspect/glimpsed.h"

#include <errno.h>
#include <stdlib.h>

#include "inspect/signatures.h"
#include "model/blocks.h"

/* Nobody asks for those of a process that has ended: of more, who came first goes. */
#define KEPT 256u

/* Of one process no more are taken while so many blocks wait to be asked for. */
#define WAITING_MAX 16384u

struct glimpsed {
	struct glimpsed_part all[KEPT];
	size_t n, next; /* next: to go */
};

struct glimpsed *glimpsed__new(void)
{
	return calloc(1, sizeof(struct glimpsed));
}

void glimpsed_part_free(struct glimpsed_part *part)
{
	free(part->blocks);
	free(part->chunks);
	*part = (struct glimpsed_part){0};
}

void glimpsed__free(struct glimpsed *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->n; i++)
		glimpsed_part_free(&g->all[i]);
	free(g);
}

static int make(struct glimpsed_part *part, const struct glimpsed_part *like, size_t room)
{
	*part = (struct glimpsed_part){.id = like->id, .execs = like->execs};
	part->blocks = calloc(room + 1, sizeof(*part->blocks));
	part->chunks = calloc(room + 1, sizeof(*part->chunks));
	if (part->blocks && part->chunks)
		return 0;
	glimpsed_part_free(part);
	return -ENOMEM;
}

static void append(struct glimpsed_part *to, const struct glimpsed_part *from, size_t i)
{
	to->blocks[to->n] = from->blocks[i];
	to->chunks[to->n++] = from->chunks[i];
}

/* n == part->n: none is left. */
static uint64_t addr_at(const struct glimpsed_part *part, size_t n)
{
	return n < part->n ? part->blocks[n].addr : UINT64_MAX;
}

/* Adds what `older` has beside it. */
static void merge(struct glimpsed_part *part, const struct glimpsed_part *older)
{
	struct glimpsed_part both;
	size_t i = 0, k = 0;

	if (make(&both, part, part->n + older->n))
		return;
	while (i < part->n || k < older->n) {
		if (addr_at(older, k) < addr_at(part, i)) {
			append(&both, older, k++);
			continue;
		}
		k += k < older->n && addr_at(older, k) == addr_at(part, i);
		append(&both, part, i++);
	}
	glimpsed_part_free(part);
	*part = both;
}

/* n where there is none. */
static size_t find(const struct glimpsed *g, uint32_t id)
{
	size_t i = 0;

	while (i < g->n && g->all[i].id != id)
		i++;
	return i;
}

void glimpsed__put(struct glimpsed *g, struct glimpsed_part *part)
{
	size_t i = find(g, part->id);
	struct glimpsed_part *to;

	if (i == KEPT)
		i = g->next++ % KEPT;
	else if (i == g->n)
		g->n++;
	to = &g->all[i];
	if (to->id == part->id && to->execs == part->execs && to->n >= WAITING_MAX) {
		glimpsed_part_free(part);
		return;
	}
	if (to->id == part->id && to->execs == part->execs)
		merge(part, to);
	glimpsed_part_free(to);
	*to = *part;
	*part = (struct glimpsed_part){0};
}

static void take_until(struct glimpsed_part *part, uint32_t moment, struct glimpsed_part *out)
{
	struct glimpsed_part later = *part;

	if (make(out, part, part->n))
		return;
	later.n = 0;
	for (size_t i = 0; i < part->n; i++)
		append(part->blocks[i].born > moment ? &later : out, part, i);
	part->n = later.n;
}

void glimpsed__take(struct glimpsed *g, uint32_t id, uint32_t execs, uint32_t moment,
		    struct glimpsed_part *out)
{
	size_t i = find(g, id);
	struct glimpsed_part *part = &g->all[i];

	*out = (struct glimpsed_part){0};
	if (i == g->n)
		return;
	if (part->execs == execs)
		take_until(part, moment, out);
	if (part->execs != execs || !part->n) {
		glimpsed_part_free(part);
		*part = g->all[--g->n];
		g->all[g->n] = (struct glimpsed_part){0};
	}
}
