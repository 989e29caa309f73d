// SPDX-License-Identifier: GPL-2.0
/* session_report.c: following what watched processes do, and telling it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/build.h"
#include "app/code.h"
#include "app/drain.h"
#include "app/governor.h"
#include "app/images.h"
#include "app/session_parts.h"
#include "app/tree.h"
#include "base/clock.h"
#include "base/log.h"
#include "model/codes.h"
#include "model/growth.h"
#include "model/growth_note.h"
#include "model/ledger.h"
#include "model/modules.h"
#include "model/processes.h"
#include "symbol/names.h"

/* Memory is read no more often than this: 20 us for each process. */
#define SAMPLE_NS      10000000ull
#define SAMPLE_EACH_NS 1000000ull

int session__step(struct session *s)
{
	uint64_t times;
	int err;

	if (read(s->notify_fd, &times, sizeof(times)) < 0 && errno != EAGAIN)
		return -errno;
	/* What was mapped first: until it is known, stacks end there. */
	err = session_refresh(s);
	if (err)
		log_error("cannot follow what the processes do: %s", strerror(-err));
	session__sample(s);
	return err;
}

void session__sample(struct session *s)
{
	uint64_t now = clock_now_ns();

	if (now < s->next_sample_ns)
		return;
	tree__sample(s->tree, s->watched, s->nwatched);
	for (size_t i = 0; i < s->nwatched; i++)
		if (!s->watched[i]->exited)
			session_check_sampled(s, s->watched[i]);
	s->next_sample_ns = now + SAMPLE_NS + s->nwatched * SAMPLE_EACH_NS;
}

static void log_counters(const struct watched *w, const struct drain_state *state,
			 const struct hw_proc *c)
{
	log_debug("%d: produced %llu, received %llu, lost %llu", w->pid,
		  (unsigned long long)c->produced, (unsigned long long)state->received,
		  (unsigned long long)c->lost);
	if (c->broken || c->nothread)
		log_debug("%d: %llu calls without their other half, %llu not followed (see "
			  "--max-threads)",
			  w->pid, (unsigned long long)c->broken, (unsigned long long)c->nothread);
}

static void learn_codes(struct session *s)
{
	struct codes *c = drain__codes(s->drain);

	for (size_t i = 0; c && i < codes__count(c); i++)
		if (names__learn(s->names, codes__at(c, i)))
			log_debug("a Python function more than names are kept of");
	codes__free(c);
}

/* Where not every call was seen, what was is not the truth, and not the order of the largest; and
 * which callsites grow is not told by those that hold most. */
static struct snapshot *take_snapshot(struct session *s, struct watched *w,
				      struct drain_state *state)
{
	const struct sampling *sampling = &w->inspection.sampling;
	const size_t top = s->config.top > GROWTH_SERIES ? s->config.top : GROWTH_SERIES;
	struct snapshot *snap = NULL;

	if (!sampling->told)
		snap = drain__snapshot(s->drain, w->id, s->config.top ? top : 0, 0, state);
	if (!sampling->told && (!snap || !snap->partly))
		return snap;
	snapshot__free(snap);
	snap = drain__snapshot(s->drain, w->id, 0, 0, state);
	if (!snap)
		return NULL;
	code_apply(w, snap);
	if (sampling->told)
		estimates_apply(&sampling->estimates, snap, 0, 0);
	else
		snapshot__leave_out_crossings(snap);
	return snap;
}

/* Estimates are of the last look at the heap. */
static void note_growth(struct watched *w, const struct snapshot *snap, uint32_t execs)
{
	const struct inspection *i = &w->inspection;
	struct growth_look look = {.time_ns =
				       i->sampling.told || i->cohort ? i->when_ns : clock_now_ns(),
				   .snapshot = snap,
				   .sampling = &i->sampling,
				   .cohort = i->cohort,
				   .program = execs};

	look.has_heap = inspection_heap(i, &look.heap_bytes);
	if (!w->growth)
		w->growth = growth__new();
	if (w->growth)
		growth__note(w->growth, &look);
}

static int make_built(struct session *s, struct watched *w, bool last, struct built **out)
{
	struct governor_state governor = {0};
	struct hw_proc counters = {0};
	struct drain_state state;
	struct snapshot *snap;
	int err;

	/* Counters after the snapshot: a loss in between is told too early, never too late. */
	snap = take_snapshot(s, w, &state);
	if (!snap)
		return -ENOMEM;
	if (!state.exited)
		note_growth(w, snap, state.execs);
	if (w->growth)
		growth_cut(w->growth, snap, s->config.top, s->config.min_size);
	else
		snapshot__cut(snap, s->config.top, s->config.min_size);
	governor__state(s->governor, w->pid, &governor);
	learn_codes(s);
	if (state.exited)
		counters = state.counters;
	if (!counters.produced)
		probes__counters(s->probes, w->pid, &counters);
	if (last || state.exited)
		log_counters(w, &state, &counters);
	w->outstanding = snap->outstanding_bytes;
	err = built__new(
	    s->names,
	    &(struct build_input){.watched = w,
				  .snapshot = snap,
				  .state = &state,
				  .counters = &counters,
				  .governor = &governor,
				  .probe_ns = governor__cost_ns(s->governor, &counters),
				  .user_probes = session_user_probes(s),
				  .probed = s->config.share >= 0,
				  .kernel_probes = kernel_kind_name(probes__kernel(s->probes)),
				  .start_ns = s->start_ns,
				  .covered = w->launched || (s->covered.n && !w->attached_ns)},
	    out);
	snapshot__free(snap);
	/* Of one that has ended there is no other: it is kept. */
	if (!err && w->exited)
		w->built = *out;
	return err;
}

/* What it mapped shortly before its end, or all of it, may not have been read any more. */
static int imagine(struct session *s, struct watched *w)
{
	struct hw_module *maps = calloc(PROCESSES_MAPS, sizeof(*maps));
	size_t n;
	int err;

	if (!maps)
		return -ENOMEM;
	n = drain__modules(s->drain, w->id, maps, PROCESSES_MAPS);
	err = images__imagine(s->images, maps, n, w->exe, s->names, w->modules);
	for (size_t i = 0; i < n && !w->allocator[0]; i++) {
		const struct covered_file *f =
		    covered_find(&s->covered, (uint64_t)maps[i].dev_major << 32 | maps[i].dev_minor,
				 maps[i].inode);

		if (f)
			snprintf(w->allocator, sizeof(w->allocator), "%s", f->allocator);
	}
	free(maps);
	return err;
}

int session_add_final(struct session *s, struct watched *w)
{
	struct built *built;
	int err = w->built ? 0 : imagine(s, w);

	if (!err && !w->built)
		err = make_built(s, w, true, &built);

	inspection_free(&w->inspection);
	inspection_init(&w->inspection, w->pid, code_leave, w);
	return err;
}

static int add_process(struct session *s, struct build *b, struct watched *w, bool last)
{
	struct built *built = w->built;
	int err;

	if (!built) {
		session_inspect(s, w, last && inspection_is_cheap(&w->inspection) ? 0 : 1);
		err = make_built(s, w, last, &built);
		if (!err && built__process(built)->exited && !w->exited) {
			/* It ended since it was looked at: what is known of it is of before. */
			built__free(built);
			err = session_refresh_one(s, w);
			built = w->built;
		}
		if (err)
			return err;
	}
	build__add(b, built, !w->built);
	return 0;
}

static int make_report(struct session *s, bool last)
{
	int err;

	build__free(s->build);
	s->build = NULL;
	drain__sync(s->drain);
	err = session_refresh(s);
	if (err)
		return err;
	session__sample(s);
	s->build = build__new(s->nwatched);
	err = s->build ? 0 : -ENOMEM;
	for (size_t i = 0; i < s->nwatched && !err; i++)
		err = add_process(s, s->build, s->watched[i], last);
	return err;
}

const struct report *session__report(struct session *s, bool last)
{
	int err = make_report(s, last);
	uint64_t bad = drain__bad(s->drain);

	if (last && bad)
		log_warn("%llu malformed records were dropped; please report this",
			 (unsigned long long)bad);
	if (err) {
		log_error("cannot make a report: %s", strerror(-err));
		return NULL;
	}
	return build__finish(s->build, s->tree, clock_now_ns() - s->start_ns, last);
}
