// SPDX-License-Identifier: GPL-2.0
#include "app/watcher.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/export_options.h"
#include "app/session.h"
#include "base/clock.h"
#include "base/log.h"
#include "inspect/machine_sampler.h"
#include "model/allowance.h"
#include "model/machine.h"
#include "model/report.h"
#include "model/rules.h"
#include "probe/feature.h"

#define RINGS	       4
#define THREADS	       16384
#define RETRY_FIRST_NS 60000000000u /* after a failed attach, then twice as long each time */
#define RETRY_MOST_NS  3600000000000u

/* A process that a rule names. */
struct one {
	uint32_t pid;
	uint64_t start_time;
	char comm[64]; /* a program of another name is tried anew */
	enum { WAITING, WATCHED, FAILED, WITHDRAWN } state;
	uint64_t retry_ns, pause_ns; /* FAILED */
	struct allowance allowance;
	bool wanted, seen; /* in this round */
};

struct watcher {
	const struct export_options *options;
	struct sampler *sampler;
	struct session *session;
	enum user_kind kind;
	double hit_ns;
	struct one *all;
	size_t n, room, watched;
	uint64_t withdrawals;
	bool full; /* it was said that there is no room */
};

struct watcher *watcher__new(const struct export_options *o, struct sampler *sampler)
{
	struct watcher *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->options = o;
	w->sampler = sampler;
	return w;
}

void watcher__free(struct watcher *w)
{
	if (!w)
		return;
	session__free(w->session);
	free(w->all);
	free(w);
}

/* A hit: half of an entry and a return, since most calls have both. */
static double measure(enum user_kind kind)
{
	struct feature_costs costs = {0};
	int err = feature_costs(kind, &costs);

	if (!err && costs.entry_return > 0)
		return costs.entry_return / 2;
	log_warn("the cost of a probe could not be measured; 1 us is taken for it");
	return 1000;
}

int watcher__start(struct watcher *w)
{
	const struct export_options *o = w->options;
	struct session_config config = {.probes = {.kernel = o->kernel,
						   .ring_bytes = o->ring_bytes,
						   .rings = RINGS,
						   .threads = THREADS,
						   .processes = (unsigned int)o->max_watched + 16}};
	int err;

	if (w->session)
		return 0;
	w->kind = o->user == USER_AUTO ? feature_best_user(NULL) : o->user;
	config.probes.user = w->kind;
	err = session__new(&config, &w->session);
	if (!err)
		w->hit_ns = measure(w->kind);
	return err;
}

int watcher__fd(const struct watcher *w)
{
	return w->session ? session__fd(w->session) : -1;
}

int watcher__step(struct watcher *w)
{
	return w->session ? session__step(w->session) : 0;
}

static struct one *find(struct watcher *w, uint32_t pid, uint64_t start_time)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->all[i].pid == pid && w->all[i].start_time == start_time)
			return &w->all[i];
	return NULL;
}

static struct one *add(struct watcher *w, const struct machine_process *p)
{
	if (w->n == w->room) {
		size_t room = w->room ? 2 * w->room : 32;
		struct one *all = reallocarray(w->all, room, sizeof(*all));

		if (!all)
			return NULL;
		w->all = all;
		w->room = room;
	}
	w->all[w->n] = (struct one){.pid = p->pid, .start_time = p->start_time};
	return &w->all[w->n++];
}

static void detach(struct watcher *w, struct one *one)
{
	if (one->state != WATCHED)
		return;
	session__unwatch(w->session, (pid_t)one->pid);
	sampler__watch(w->sampler, one->pid, false);
	one->state = WAITING;
	w->watched--;
}

static void attach(struct watcher *w, struct one *one, uint64_t now_ns)
{
	if (one->state == WATCHED || (one->state == FAILED && now_ns < one->retry_ns) ||
	    (one->state == WITHDRAWN && !allowance_over(&one->allowance, now_ns)))
		return;
	if (w->watched == w->options->max_watched) {
		if (!w->full)
			log_warn("%zu processes are watched, as many as --max-watched permits; "
				 "others have to wait",
				 w->watched);
		w->full = true;
		return;
	}
	if (session__watch(w->session, (pid_t)one->pid)) {
		one->state = FAILED;
		one->pause_ns = one->pause_ns ? 2 * one->pause_ns : RETRY_FIRST_NS;
		if (one->pause_ns > RETRY_MOST_NS)
			one->pause_ns = RETRY_MOST_NS;
		one->retry_ns = now_ns + one->pause_ns;
		return;
	}
	one->state = WATCHED;
	w->watched++;
	allowance_begin(&one->allowance, now_ns);
	sampler__watch(w->sampler, one->pid, true);
}

static void mark(struct watcher *w, const struct machine_process *p, const struct rules *rules)
{
	struct one *one = find(w, p->pid, p->start_time);
	bool wanted =
	    !(p->flags & (MACHINE_KERNEL_THREAD | MACHINE_ZOMBIE)) && rules__watch(rules, p);

	if (!one && wanted)
		one = add(w, p);
	if (!one)
		return;
	one->seen = true;
	one->wanted = wanted;
	if (one->state == FAILED && strcmp(one->comm, p->comm))
		one->state = WAITING;
	strncpy(one->comm, p->comm, sizeof(one->comm) - 1);
}

void watcher__follow(struct watcher *w, const struct machine *m, const struct rules *rules)
{
	uint64_t now_ns = clock_now_ns();

	if (!w->session)
		return;
	for (size_t i = 0; i < w->n; i++)
		w->all[i].seen = false;
	for (size_t i = 0; i < m->nprocesses; i++)
		mark(w, &m->processes[i], rules);
	for (size_t i = 0; i < w->n;) {
		/* One that has ended and is watched has its last report to come. */
		if (w->all[i].seen ? w->all[i].wanted : w->all[i].state == WATCHED) {
			i++;
			continue;
		}
		detach(w, &w->all[i]);
		w->all[i] = w->all[--w->n];
	}
	for (size_t i = 0; i < w->n; i++)
		if (w->all[i].seen)
			attach(w, &w->all[i], now_ns);
	w->full = w->full && w->watched == w->options->max_watched;
}

const struct report *watcher__report(struct watcher *w)
{
	return w->watched ? session__report(w->session, false) : NULL;
}

static uint64_t run_time(uint32_t pid)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid((pid_t)pid, &clock) || clock_gettime(clock, &t))
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void judge(struct watcher *w, struct one *one, uint64_t hits, uint64_t now_ns)
{
	struct allowance_input in = {.now_ns = now_ns,
				     .run_ns = run_time(one->pid),
				     .cost_ns = (uint64_t)((double)hits * w->hit_ns)};

	if (!allowance_step(&one->allowance, w->options->max_overhead, &in))
		return;
	detach(w, one);
	one->state = WITHDRAWN;
	w->withdrawals++;
	log_warn("probes withdrawn from %u (%s): they took %.1f %% of its run time, more than "
		 "--max-overhead %g%%; next try in %llu s",
		 one->pid, one->comm, one->allowance.share * 100, w->options->max_overhead * 100,
		 (unsigned long long)((one->allowance.until_ns - now_ns) / 1000000000u));
}

struct verdict {
	uint32_t pid;
	uint64_t start_time, hits;
	bool exited;
};

void watcher__settle(struct watcher *w, const struct report *r, uint64_t now_ns)
{
	struct verdict *all = calloc(r->nprocesses + 1, sizeof(*all));
	size_t n = all ? r->nprocesses : 0;

	/* The first detach takes the report away. */
	for (size_t i = 0; i < n; i++)
		all[i] = (struct verdict){.pid = r->processes[i].pid,
					  .start_time = r->processes[i].start_time,
					  .hits = r->processes[i].probe_hits,
					  .exited = r->processes[i].exited};
	for (size_t i = 0; i < n; i++) {
		struct one *one = find(w, all[i].pid, all[i].start_time);

		if (!one || one->state != WATCHED)
			continue;
		if (!all[i].exited) {
			judge(w, one, all[i].hits, now_ns);
			continue;
		}
		log_note("%u (%s) has ended", one->pid, one->comm);
		detach(w, one);
		*one = w->all[--w->n];
	}
	free(all);
}

void watcher__state(const struct watcher *w, struct watcher_state *out)
{
	*out = (struct watcher_state){.watched = w->watched,
				      .withdrawals = w->withdrawals,
				      .user_probes = w->session ? user_kind_name(w->kind) : "none"};
	for (size_t i = 0; i < w->n; i++) {
		const struct one *one = &w->all[i];

		out->failed += one->state == FAILED || one->state == WAITING;
		out->withdrawn += one->state == WITHDRAWN;
		if (one->state == WATCHED && one->allowance.load > out->worst)
			out->worst = one->allowance.load;
	}
}

double watcher__hit_ns(const struct watcher *w)
{
	return w->hit_ns;
}
