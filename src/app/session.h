/* SPDX-License-Identifier: GPL-2.0 */
/*
 * session.h: watching processes from attach to detach: probes, drain, names, reports.  Processes
 * come and go while it runs.  Everything here is for one thread; the session has a drain thread of
 * its own.  No loop: the caller polls session__fd and steps.
 */
#ifndef APP_SESSION_H
#define APP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/budget.h"
#include "probe/probes.h"

struct report;
struct session;

#define SESSION_ENDED 2000

struct session_config {
	struct probes_config probes;
	size_t top;	   /* callsites per process in a report; 0: all */
	uint64_t min_size; /* callsites with less are not in a report, bytes */
	/* Processes that ended and stay in the report, those that held most; of the others it has
	 * sums.  0: SESSION_ENDED. */
	size_t ended;
	/* Of a process's run time, the part that its probes may take: 0.01 for one percent; 0: no
	 * limit; below 0: no probe on malloc at all. */
	double share;
	enum budget_level most; /* no more is seen than at this level */
	bool together;		/* share is of all that are watched, for session__launch */
	bool follow;		/* children too */
	/* That session__launch or session__watch will be asked for first, or none. */
	const char *command;
	const pid_t *pids;
	size_t npids;
	bool quiet; /* no line on stderr for each process that is watched */
};

/* Check what the kernel permits, load the programs, start the drain; nobody is watched yet.
 * 0, or -errno once it is logged with the remedy. */
int session__new(const struct session_config *config, struct session **out);
/* Detaches everything. */
void session__free(struct session *s);
/* Before session__free where we are about to end: the probes of processes that have all ended go in
 * the background, for which nobody has to wait; of perf events each takes up to 0.1 s. */
void session__leave(struct session *s);

/*
 * Put probes on a running process and start to record.  0; -EEXIST where it is watched already
 * (not logged); else -errno, logged with the remedy, and nothing of it is left attached.
 */
int session__watch(struct session *s, pid_t pid);
/*
 * Start a command, argv up to a NULL, and watch its tree from the first instruction on (needs
 * `follow`); as_caller: as the user who called sudo.  Its process to *out: the caller waits for it
 * (launch__wait), and frees it after the session.  0, or -errno, logged.
 */
struct launch;
int session__launch(struct session *s, char *const *argv, bool as_caller, struct launch **out);
/* Take its probes away and forget it.  One that is not watched is no error. */
void session__unwatch(struct session *s, pid_t pid);

/* Readable when session__step has something to do; belongs to the session. */
int session__fd(const struct session *s);
/* Act on what processes did: fork, exec, dlopen, exit.  0 or -errno, logged. */
int session__step(struct session *s);
/* Watched processes that have not ended. */
size_t session__alive(const struct session *s);
bool session__alive_pid(const struct session *s, pid_t pid);

/* Read the memory of all, so that peaks are seen between reports; no more often than is cheap. */
void session__sample(struct session *s);
/* A report of now; last: no other follows.  Valid until the next call of any of these; NULL where
 * memory is out (logged). */
const struct report *session__report(struct session *s, bool last);

#endif
