// SPDX-License-Identifier: GPL-2.0
#include "app/watcher.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "app/export_options.h"
#include "app/session.h"
#include "base/clock.h"
#include "base/log.h"
#include "inspect/machine_sampler.h"
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
	enum { WAITING, WATCHED, FAILED } state;
	uint64_t retry_ns, pause_ns; /* FAILED */
	bool reduced;	   /* its probes see less than every call, because of their cost */
	double overhead;   /* share of its run time */
	bool wanted, seen; /* in this round */
};

struct watcher {
	const struct export_options *options;
	struct sampler *sampler;
	struct session *session;
	enum user_kind kind;
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

int watcher__start(struct watcher *w)
{
	const struct export_options *o = w->options;
	struct session_config config = {.probes = {.kernel = o->kernel,
						   .ring_bytes = o->ring_bytes,
						   .rings = RINGS,
						   .threads = THREADS,
						   .processes = (unsigned int)o->max_watched + 16},
					.share = o->max_overhead};

	if (w->session)
		return 0;
	w->kind = o->user == USER_AUTO ? feature_best_user(NULL) : o->user;
	config.probes.user = w->kind;
	return session__new(&config, &w->session);
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
	if (one->state == WATCHED || (one->state == FAILED && now_ns < one->retry_ns))
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
	one->reduced = false;
	one->overhead = 0;
	sampler__watch(w->sampler, one->pid, true);
}

static void mark(struct watcher *w, const struct machine_process *p, const struct rules *rules)
{
	struct one *one = find(w, p->pid, p->start_time);
	bool wanted = !(p->flags & MACHINE_KERNEL_THREAD) && rules__watch(rules, p);

	if (p->flags & MACHINE_ZOMBIE)
		return; /* it has ended, whether its parent knows or not */
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

/* The session's governor has decided already; it is for us to tell. */
static void note_mode(struct watcher *w, struct one *one, const struct report_process *p)
{
	bool reduced = strcmp(p->mode, "exact") != 0 && strcmp(p->mode, "degraded") != 0;

	one->overhead = p->overhead_percent / 100;
	if (reduced == one->reduced)
		return;
	one->reduced = reduced;
	if (!reduced) {
		log_note("%u (%s) has all its probes again", one->pid, one->comm);
		return;
	}
	w->withdrawals++;
	log_warn("probes withdrawn from %u (%s), for all of them take more than --max-overhead "
		 "%g%% of its run time: %s; it is tried again from time to time",
		 one->pid, one->comm, w->options->max_overhead * 100, p->mode);
}

void watcher__settle(struct watcher *w, const struct report *r)
{
	size_t n = 0;
	struct one **ended = calloc(r->nprocesses + 1, sizeof(struct one *));

	for (size_t i = 0; ended && i < r->nprocesses; i++) {
		const struct report_process *p = &r->processes[i];
		struct one *one = find(w, p->pid, p->start_time);

		if (!one || one->state != WATCHED)
			continue;
		if (p->exited)
			ended[n++] = one;
		else
			note_mode(w, one, p);
	}
	/* The first detach takes the report away. */
	for (size_t i = 0; i < n; i++) {
		log_note("%u (%s) has ended", ended[i]->pid, ended[i]->comm);
		detach(w, ended[i]);
	}
	free(ended);
}

void watcher__state(const struct watcher *w, struct watcher_state *out)
{
	*out = (struct watcher_state){.watched = w->watched,
				      .withdrawals = w->withdrawals,
				      .user_probes = w->session ? user_kind_name(w->kind) : "none"};
	for (size_t i = 0; i < w->n; i++) {
		const struct one *one = &w->all[i];

		out->failed += one->state == FAILED || one->state == WAITING;
		if (one->state != WATCHED)
			continue;
		out->withdrawn += one->reduced;
		if (one->overhead > out->worst)
			out->worst = one->overhead;
	}
}
