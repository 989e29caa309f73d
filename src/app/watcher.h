/* SPDX-License-Identifier: GPL-2.0 */
/*
 * watcher.h: probes on the processes that rules name, as they come and go, within a limit of
 * processes and of cost.  The session is made when the first rule asks for it.  For one thread.
 */
#ifndef APP_WATCHER_H
#define APP_WATCHER_H

#include <stddef.h>
#include <stdint.h>

struct machine;
struct export_options;
struct report;
struct rules;
struct sampler;
struct watcher;

/* The options outlive it.  NULL: no memory. */
struct watcher *watcher__new(const struct export_options *o, struct sampler *sampler);
/* Detaches everything. */
void watcher__free(struct watcher *w);

/* Load the programs, unless that is done.  0 or -errno, logged. */
int watcher__start(struct watcher *w);

/* To be polled; -1: nothing to poll yet.  When it is readable: watcher__step. */
int watcher__fd(const struct watcher *w);
int watcher__step(struct watcher *w);

/* Attach to who is wanted now, detach from who is not any more. */
void watcher__follow(struct watcher *w, const struct machine *m, const struct rules *rules);

/* A report of those that are watched; NULL: there are none, or no memory (logged). */
const struct report *watcher__report(struct watcher *w);
/* Once that report was used, which is gone then: detach from who has ended; tell of whom the
 * session's governor (governor.h) does not let every call be seen any more, or does again. */
void watcher__settle(struct watcher *w, const struct report *r);

struct watcher_state {
	size_t watched, failed;
	size_t withdrawn;	 /* of those watched: not every call is seen, because of the cost */
	uint64_t withdrawals;	 /* so far */
	double worst;		 /* the largest share of its run time that a process is in probes */
	const char *user_probes; /* "session", ...; "none" without a session */
};
void watcher__state(const struct watcher *w, struct watcher_state *out);

#endif
