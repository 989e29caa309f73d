// SPDX-License-Identifier: GPL-2.0
#include "store/instant.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "model/report.h"
#include "store/changes.h"
#include "store/recording_parts.h"
#include "store/schema.h"
#include "store/state.h"

struct instant {
	struct recording *recording;
	uint64_t tick; /* up to which it is; 0: nothing */
	struct words state;
	struct words *processes;	    /* states, by number less 1 */
	uint64_t (*values)[CHANGES_FIELDS]; /* of sites, by number less 1 */
	uint64_t (*least)[2];		    /* bytes and blocks, of a window; or NULL */
	uint64_t process;		    /* whose changes are being applied */
	struct arena *arena;		    /* what the report refers to */
	struct report report;
};

struct instant *instant__new(struct recording *r)
{
	struct instant *i = calloc(1, sizeof(*i));

	if (!i)
		return NULL;
	i->recording = r;
	i->processes = calloc(r->nprocesses + 1, sizeof(*i->processes));
	i->values = calloc(r->nsites + 1, sizeof(*i->values));
	if (!i->processes || !i->values) {
		instant__free(i);
		return NULL;
	}
	return i;
}

void instant__free(struct instant *i)
{
	if (!i)
		return;
	for (size_t k = 0; i->processes && k < i->recording->nprocesses; k++)
		words__free(&i->processes[k]);
	words__free(&i->state);
	free(i->processes);
	free(i->values);
	arena__free(i->arena);
	free(i);
}

static void reset(struct instant *i)
{
	i->tick = 0;
	i->state.n = 0;
	for (size_t k = 0; k < i->recording->nprocesses; k++)
		i->processes[k].n = 0;
	memset(i->values, 0, i->recording->nsites * sizeof(*i->values));
}

static int apply_site(void *arg, uint64_t number, const uint64_t change[CHANGES_FIELDS])
{
	struct instant *i = arg;

	if (number > i->recording->nsites || i->recording->sites[number - 1].process != i->process)
		return -EBADMSG;
	for (unsigned int f = 0; f < CHANGES_FIELDS; f++)
		i->values[number - 1][f] += change[f];
	for (unsigned int f = 0; i->least && f < 2; f++)
		if (i->values[number - 1][f] < i->least[number - 1][f])
			i->least[number - 1][f] = i->values[number - 1][f];
	return 0;
}

static int apply_sample(void *arg, const struct schema_sample *s)
{
	struct instant *i = arg;
	int err;

	if (s->process > i->recording->nprocesses)
		return -EBADMSG;
	i->process = s->process;
	err = words__apply(&i->processes[s->process - 1], s->state, s->state_len);
	return err ? err : changes_decode(s->sites, s->sites_len, apply_site, i);
}

static int apply_tick(void *arg, const struct schema_tick *t)
{
	struct instant *i = arg;

	return words__apply(&i->state, t->state, t->state_len);
}

static int forward(struct instant *i, uint64_t tick)
{
	int err = recording__tick_states(i->recording, i->tick, tick, apply_tick, i);

	if (!err)
		err = recording__samples(i->recording, i->tick, tick, apply_sample, i);
	i->tick = tick;
	return err;
}

/* As a snapshot sorts them (ledger.h). */
static int by_bytes(const void *a, const void *b)
{
	const struct report_site *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (x->stack != y->stack)
		return x->stack > y->stack ? 1 : -1;
	return (x->kind > y->kind) - (x->kind < y->kind);
}

static bool is_there(const struct instant *i, size_t k)
{
	uint64_t any = 0;

	for (unsigned int f = 0; f < CHANGES_FIELDS; f++)
		any |= i->values[k][f];
	return any;
}

static int add_site(struct instant *i, size_t k, struct report_process *p)
{
	const struct recording_site *from = &i->recording->sites[k];
	struct report_site *s = (struct report_site *)&p->sites[p->nsites];
	struct state_stack stack;
	int err = recording__stack(i->recording, from->stack, &stack);

	if (err)
		return err;
	if (i->least) {
		p->hidden_bytes += i->values[k][0] - i->least[k][0];
		if (!i->least[k][0] && !i->least[k][1])
			return 0;
	}
	s->frames = stack.frames;
	s->nframes = stack.nframes;
	s->truncated = stack.truncated;
	s->reason = stack.reason;
	s->kind = from->kind;
	s->stack = from->key;
	s->bytes = i->least ? i->least[k][0] : i->values[k][0];
	s->blocks = i->least ? i->least[k][1] : i->values[k][1];
	s->allocated_bytes = i->values[k][2];
	s->allocated_blocks = i->values[k][3];
	s->estimated = i->values[k][4];
	s->low = s->bytes + i->values[k][5];
	s->high = s->bytes + i->values[k][6];
	p->nsites++;
	return 0;
}

/* where: by number less 1, the report's process or NULL. */
static int add_sites(struct instant *i, struct report_process **where, size_t *count)
{
	int err = 0;

	for (size_t k = 0; k < i->recording->nsites; k++)
		count[i->recording->sites[k].process - 1] += is_there(i, k);
	for (size_t k = 0; k < i->recording->nprocesses && !err; k++) {
		if (!where[k])
			continue;
		where[k]->sites = arena__alloc(i->arena, count[k], sizeof(struct report_site));
		if (!where[k]->sites)
			err = -ENOMEM;
	}
	for (size_t k = 0; k < i->recording->nsites && !err; k++) {
		struct report_process *p = where[i->recording->sites[k].process - 1];

		if (p && is_there(i, k))
			err = add_site(i, k, p);
	}
	for (size_t k = 0; k < i->recording->nprocesses && !err; k++)
		if (where[k])
			qsort((void *)where[k]->sites, where[k]->nsites, sizeof(struct report_site),
			      by_bytes);
	return err;
}

static int build(struct instant *i)
{
	const struct state_library library = {recording__text, recording__stack, i->recording};
	struct recording *r = i->recording;
	struct report_process *processes, **where;
	struct recording_tally tally;
	int err = recording_tally_read(&i->state, &tally);
	size_t *count, used;

	arena__free(i->arena);
	i->arena = arena__new();
	i->report = (struct report){0};
	if (!err && tally.nprocesses > r->nprocesses)
		err = -EBADMSG;
	if (err || !i->arena)
		return err ? err : -ENOMEM;
	processes = arena__alloc(i->arena, tally.nprocesses, sizeof(*processes));
	where = arena__alloc(i->arena, r->nprocesses, sizeof(struct report_process *));
	count = arena__alloc(i->arena, r->nprocesses, sizeof(*count));
	if (!processes || !where || !count)
		return -ENOMEM;
	for (size_t k = 0; k < tally.nprocesses && !err; k++) {
		uint64_t number = tally.processes[k];

		if (!number || number > r->nprocesses || where[number - 1])
			return -EBADMSG;
		where[number - 1] = &processes[k];
		err = state_decode(&i->processes[number - 1], &library, i->arena, &processes[k]);
	}
	if (!err)
		err = add_sites(i, where, count);
	if (!err)
		err = state_decode_report(&i->state, &library, i->arena, &i->report, &used);
	i->report.nprocesses = tally.nprocesses;
	i->report.processes = processes;
	return err;
}

/* What is wrong is said here, once. */
static int finish(struct instant *i, int err, size_t tick, const struct report **out)
{
	if (!err)
		err = build(i);
	free(i->least);
	i->least = NULL;
	if (err) {
		reset(i);
		log_error("the recording cannot be read at tick %zu: %s", tick,
			  err == -EBADMSG ? "it is damaged" : strerror(-err));
		return err;
	}
	*out = &i->report;
	return 0;
}

int instant__seek(struct instant *i, size_t tick, const struct report **out)
{
	if (tick + 1 < i->tick)
		reset(i);
	return finish(i, forward(i, tick + 1), tick, out);
}

int instant__held(struct instant *i, size_t from, size_t tick, const struct report **out)
{
	size_t n = i->recording->nsites;
	int err;

	if (from + 1 < i->tick)
		reset(i);
	err = forward(i, from + 1);
	i->least = err ? NULL : calloc(n + 1, sizeof(*i->least));
	if (!err && !i->least)
		err = -ENOMEM;
	for (size_t k = 0; !err && k < n; k++)
		memcpy(i->least[k], i->values[k], sizeof(*i->least));
	return finish(i, err ? err : forward(i, tick + 1), tick, out);
}
