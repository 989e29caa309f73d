// SPDX-License-Identifier: GPL-2.0
#include "store/recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/report.h"
#include "store/changes.h"
#include "store/dictionary.h"
#include "store/rows.h"
#include "store/schema.h"
#include "store/state.h"
#include "store/words.h"

/* How long the last commit waits for readers, ms. */
#define CLOSE_PATIENCE 10000

/* A process as it was in the last tick that had it. */
struct kept {
	struct words state;
	struct changes_site *sites; /* by number */
	size_t nsites;
	uint64_t exe;
	double age; /* of its inspection */
};

struct recorder {
	struct rows *rows;
	struct dictionary *dictionary;
	struct kept *kept; /* by process number - 1 */
	size_t nkept;
	struct words tick, last_tick, scratch;
	struct bytes bytes, sites;
	uint64_t ticks, samples; /* samples: of this tick */
	uint64_t safe;		 /* ticks that are in the file */
	int err;		 /* for good */
};

static void destroy(struct recorder *r)
{
	rows__free(r->rows);
	dictionary__free(r->dictionary);
	for (size_t i = 0; i < r->nkept; i++) {
		words__free(&r->kept[i].state);
		free(r->kept[i].sites);
	}
	free(r->kept);
	words__free(&r->tick);
	words__free(&r->last_tick);
	words__free(&r->scratch);
	bytes__free(&r->bytes);
	bytes__free(&r->sites);
	free(r);
}

int recorder__new(const char *path, bool replace, struct recorder **out)
{
	struct recorder *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->dictionary = dictionary__new();
	err = r->dictionary ? rows__new(path, replace, &r->rows) : -ENOMEM;
	if (err) {
		destroy(r);
		return err;
	}
	*out = r;
	return 0;
}

int recorder__close(struct recorder *r)
{
	int err;

	if (!r)
		return 0;
	rows__patience(r->rows, CLOSE_PATIENCE);
	err = rows__commit(r->rows);
	destroy(r);
	return err;
}

int recorder__note(struct recorder *r, const char *key, const char *value)
{
	return rows__note(r->rows, key, value);
}

int recorder__mark(struct recorder *r, uint64_t time_ns, const char *text)
{
	return rows__mark(r->rows, time_ns, 0, text);
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = ((const struct changes_site *)a)->number;
	uint64_t y = ((const struct changes_site *)b)->number;

	return x < y ? -1 : x > y;
}

/* What changed to r->sites; k takes the new ones. */
static int encode_sites(struct recorder *r, struct kept *k, uint64_t process,
			const struct report_process *p)
{
	struct changes_site *now = calloc(p->nsites + 1, sizeof(*now));
	bool sorted = true;

	if (!now)
		return -ENOMEM;
	for (size_t i = 0; i < p->nsites; i++) {
		const struct report_site *s = &p->sites[i];

		now[i] = (struct changes_site){dictionary__site(r->dictionary, process, k->exe, s),
					       {s->bytes, s->blocks, s->allocated_bytes,
						s->allocated_blocks, s->estimated,
						s->low - s->bytes, s->high - s->bytes}};
		sorted = sorted && (!i || now[i - 1].number < now[i].number);
	}
	if (!sorted)
		qsort(now, p->nsites, sizeof(*now), by_number);
	changes_encode(k->sites, k->nsites, now, p->nsites, &r->sites);
	free(k->sites);
	k->sites = now;
	k->nsites = p->nsites;
	return r->sites.failed ? -ENOMEM : 0;
}

static struct kept *kept_of(struct recorder *r, uint64_t process)
{
	if (process > r->nkept) {
		struct kept *grown = realloc(r->kept, process * sizeof(*grown));

		if (!grown)
			return NULL;
		memset(grown + r->nkept, 0, (process - r->nkept) * sizeof(*grown));
		r->kept = grown;
		r->nkept = process;
	}
	return &r->kept[process - 1];
}

static void fill_columns(const struct report_process *p, int64_t columns[SCHEMA_COLUMNS])
{
	const struct report_allocator *a = &p->allocator;

	columns[0] = (int64_t)p->rss_bytes;
	columns[1] = (int64_t)p->shared_bytes;
	columns[2] = report_heap_known(a) ? (int64_t)report_held(a) : -1;
	columns[3] = report_in_use_known(a) ? (int64_t)(report_in_use(a) - a->tcache_bytes) : -1;
	columns[4] = (int64_t)p->outstanding_bytes;
	columns[5] = (int64_t)p->mapped_bytes;
	columns[6] = (int64_t)p->events;
	columns[7] = (int64_t)p->lost_events;
	columns[8] = p->exited;
}

static int write_sample(struct recorder *r, uint64_t process, const struct report_process *p)
{
	struct schema_sample s = {.tick = r->ticks + 1,
				  .process = process,
				  .state = r->bytes.data,
				  .sites = r->sites.data,
				  .state_len = r->bytes.len,
				  .sites_len = r->sites.len};

	fill_columns(p, s.columns);
	r->samples++;
	return rows__sample(r->rows, &s);
}

/* Of a program that its parent does not run: what was forked for it, and exec'd before the tick. */
static bool is_another_program(const struct report *report, const struct report_process *p)
{
	for (size_t i = 0; p->ppid && p->exe && i < report->nprocesses; i++) {
		const struct report_process *parent = &report->processes[i];

		if (parent->pid == p->ppid && parent->exe)
			return strcmp(parent->exe, p->exe) != 0;
	}
	return false;
}

static int write_process(struct recorder *r, uint64_t process, const struct report_process *p,
			 const struct report *report)
{
	uint64_t exe = dictionary__text(r->dictionary, p->exe ? p->exe : "");
	struct kept *k = kept_of(r, process);
	struct report_process state = *p;
	bool new = k && !k->state.n;
	int err = k ? 0 : -ENOMEM;

	if (err)
		return err;
	/* What an ended process was last seen as does not get older. */
	if (p->exited && !new)
		state.inspection_age = k->age;
	k->age = state.inspection_age;
	if (k->exe ? k->exe != exe : is_another_program(report, p))
		err = rows__mark(r->rows, report->time_ns, process, p->exe ? p->exe : "");
	k->exe = exe;
	r->bytes.len = r->sites.len = r->scratch.n = 0;
	state_encode(&state, r->dictionary, &r->scratch);
	words__changes(&k->state, &r->scratch, &r->bytes);
	if (!err && (r->scratch.failed || r->bytes.failed || words__copy(&k->state, &r->scratch)))
		err = -ENOMEM;
	if (!err)
		err = encode_sites(r, k, process, p);
	if (!err && (r->bytes.len || r->sites.len))
		err = write_sample(r, process, p);
	return err;
}

/* What the tick itself says, but for the totals. */
static void encode_tick(struct recorder *r, const struct report *report)
{
	r->tick.n = 0;
	state_encode_report(report, r->dictionary, &r->tick);
	words__add(&r->tick, report->nprocesses);
	for (size_t i = 0; i < report->nprocesses; i++)
		words__add(&r->tick, dictionary__process(r->dictionary, &report->processes[i]));
}

static int write_tick(struct recorder *r, const struct report *report)
{
	struct schema_tick t = {
	    .id = r->ticks + 1, .time_ns = report->time_ns, .elapsed_ns = report->elapsed_ns};
	int err;

	words__add(&r->tick, r->samples);
	rows__totals(r->rows, &r->tick);
	r->bytes.len = 0;
	words__changes(&r->last_tick, &r->tick, &r->bytes);
	if (r->tick.failed || r->bytes.failed || words__copy(&r->last_tick, &r->tick))
		return -ENOMEM;
	t.state = r->bytes.data;
	t.state_len = r->bytes.len;
	err = rows__tick(r->rows, &t);
	if (!err)
		r->ticks++;
	return err;
}

int recorder__tick(struct recorder *r, const struct report *report)
{
	int err = r->err;

	r->samples = 0;
	for (size_t i = 0; i < report->nprocesses && !err; i++) {
		const struct report_process *p = &report->processes[i];
		uint64_t process = dictionary__process(r->dictionary, p);

		err = dictionary__error(r->dictionary);
		if (!err)
			err = write_process(r, process, p, report);
	}
	if (!err) {
		encode_tick(r, report);
		err = rows__dictionary(r->rows, r->dictionary);
	}
	/* After all else, so that it says how much of it there is. */
	if (!err)
		err = write_tick(r, report);
	if (!err)
		err = rows__commit(r->rows);
	if (err == -EBUSY)
		return 0; /* a reader is in the way; this goes with the next */
	if (!err)
		r->safe = r->ticks;
	r->err = err;
	return err;
}

uint64_t recorder__ticks(const struct recorder *r)
{
	return r->safe;
}

size_t recorder__memory(const struct recorder *r)
{
	size_t n = sizeof(*r) + dictionary__memory(r->dictionary);

	for (size_t i = 0; i < r->nkept; i++)
		n += r->kept[i].state.room * sizeof(uint64_t) +
		     r->kept[i].nsites * sizeof(*r->kept[i].sites);
	return n;
}

int recorder__limit(struct recorder *r, unsigned int pages)
{
	return rows__limit(r->rows, pages);
}
