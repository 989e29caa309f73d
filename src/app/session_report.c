// SPDX-License-Identifier: GPL-2.0
/* session_report.c: following what watched processes do, and telling it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
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

/* A pidfd stays readable: it is taken out once that was seen. */
static void reap(struct session *s, struct watched *w)
{
	if (!w->exited || w->pidfd < 0)
		return;
	epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, w->pidfd, NULL);
	close(w->pidfd);
	w->pidfd = -1;
}

static const struct watched *of_id(const struct session *s, uint32_t id)
{
	for (size_t i = s->nwatched; i-- > 0;)
		if (s->watched[i]->id == id)
			return s->watched[i];
	return NULL;
}

/* Children get their numbers from the drain. */
static int adopt(struct session *s)
{
	uint32_t last = drain__last(s->drain);
	struct drain_state life;
	struct watched *w;
	int err = 0;

	for (; s->last_id < last && !err; s->last_id++) {
		uint32_t id = s->last_id + 1;

		if (of_id(s, id) || drain__state(s->drain, id, &life))
			continue;
		err = watched__child(id, &life, of_id(s, life.parent), &w);
		if (!err && w->pidfd >= 0) {
			err = session_poll(s, w->pidfd);
			governor__adopt(s->governor, w->pid);
		}
		if (!err)
			err = session_keep(s, w);
	}
	return err;
}

static bool holds_less(const struct watched *a, const struct watched *b)
{
	const struct report_process *x, *y;

	if (!a->built || !b->built)
		return !a->built && b->built;
	x = built__process(a->built);
	y = built__process(b->built);
	return x->outstanding_bytes != y->outstanding_bytes
		   ? x->outstanding_bytes < y->outstanding_bytes
		   : x->peak_rss_bytes < y->peak_rss_bytes;
}

/* A tree may have any number of processes in its time: of those that ended the ones that held least
 * become sums. */
static void forget_least(struct session *s)
{
	size_t max = s->config.ended ? s->config.ended : SESSION_ENDED;

	while (s->ended > max) {
		size_t least = s->nwatched;

		for (size_t i = 0; i < s->nwatched; i++) {
			const struct watched *w = s->watched[i];

			if (w->exited && !w->launched &&
			    (least == s->nwatched || holds_less(w, s->watched[least])))
				least = i;
		}
		if (least == s->nwatched)
			return;
		tree__forget(s->tree, s->watched[least]->built
					  ? built__process(s->watched[least]->built)
					  : NULL);
		session_remove(s, least);
	}
}

static int add_final(struct session *s, struct watched *w);

/* What was there before has to be told from what is not seen any more, so the first look is at
 * once; and samples are looked at soon after they were taken, before what is freed is used again.
 * Nothing tells of those that the heap grew for: they are looked for ten times a second. */
static void check_sampled(struct session *s, struct watched *w)
{
	struct governor_state g;

	if (governor__state(s->governor, w->pid, &g) || !g.changed)
		return;
	inspection_update(&w->inspection, s->drain, w->modules,
			  w->inspection.sampling.have_older ? s->nwatched - s->ended : 0);
}

/* Of a tree that has one there may be thousands. */
static void tell_32bit(struct session *s, const struct watched *w)
{
	if (!w->life.is_32bit || s->told_32bit)
		return;
	s->told_32bit = true;
	log_warn("process %d (%s) is a 32-bit program: nothing that it or another such one "
		 "allocates or maps is seen",
		 w->pid, w->stat.comm);
}

static int refresh(struct session *s)
{
	int err = adopt(s);

	for (size_t i = 0; i < s->nwatched && !err; i++) {
		struct watched *w = s->watched[i];

		if (w->exited)
			continue;
		watched__refresh(w, &s->tools);
		tell_32bit(s, w);
		if (modules__count(w->modules) != w->nseen)
			err = images__see(s->images, w->modules);
		w->nseen = modules__count(w->modules);
		reap(s, w);
		if (!w->exited) {
			check_sampled(s, w);
			continue;
		}
		s->ended++;
		err = add_final(s, w);
		governor__drop(s->governor, w->pid);
	}
	if (!err && s->ended > (s->config.ended ? s->config.ended : SESSION_ENDED)) {
		/* What they started is to find them. */
		err = adopt(s);
		build__free(s->build);
		s->build = NULL;
		forget_least(s);
	}
	return err;
}

int session__step(struct session *s)
{
	uint64_t times;
	int err;

	if (read(s->notify_fd, &times, sizeof(times)) < 0 && errno != EAGAIN)
		return -errno;
	session__sample(s);
	err = refresh(s);
	if (err)
		log_error("cannot follow what the processes do: %s", strerror(-err));
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
			check_sampled(s, s->watched[i]);
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
	if (!err && state.exited)
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

/* The last report of one that has ended: names are looked up once. */
static int add_final(struct session *s, struct watched *w)
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
		inspection_update(&w->inspection, s->drain, w->modules,
				  last && inspection_is_cheap(&w->inspection) ? 0 : 1);
		err = make_built(s, w, last, &built);
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
	err = refresh(s);
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
