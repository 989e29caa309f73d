/* SPDX-License-Identifier: GPL-2.0 */
/*
 * governor.h: keeps each watched process within its budget (model/budget.h): a thread that reads
 * what the probes took, and puts them on and takes them away.
 */
#ifndef APP_GOVERNOR_H
#define APP_GOVERNOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/budget.h"

struct glimpses;
struct governor;
struct hw_proc;
struct probes;

struct governor_config {
	/* Of the process's run time that the probes may take, 0.01 for one percent; 0: none is put
	 * on malloc; below 0: no limit, it only measures. */
	double share;
	enum budget_level most; /* no more is seen than at this level */
	/* All that are armed have one budget, as a command's tree has, whose probes are on files
	 * that all of it maps: a level, a window, a share are the tree's. */
	bool together;
	int notify_fd; /* written to when what is seen of a process has changed, or a window was
			* open */
	struct glimpses *glimpses; /* what comes in windows is looked at with it */
};
int governor__new(struct probes *probes, const struct governor_config *config,
		  struct governor **out);
/* Stops the thread.  Before the probes and the drain go. */
void governor__free(struct governor *g);

/* To be called before a process gets its first probe, and once it is armed. */
int governor__prepare(struct governor *g, pid_t pid);
int governor__add(struct governor *g, pid_t pid);
/* Both, of a child that was armed at its fork: its beginning is seen in whole where all that are
 * watched leave room for it (model/purse.h). */
void governor__adopt(struct governor *g, pid_t pid);
/* Waits until nothing is done to it any more.  One that was not added is no error. */
void governor__drop(struct governor *g, pid_t pid);

struct governor_state {
	enum budget_level level;
	double percent;	  /* overhead, over the last ten seconds */
	double worst;	  /* the largest over any ten seconds */
	bool large;	  /* large blocks are seen, all of them */
	bool changed;	  /* not all was seen all the time */
	uint64_t windows; /* that were open so far */
};
/* -ENOENT where pid was not added. */
int governor__state(struct governor *g, pid_t pid, struct governor_state *out);
/* What the probes took of a process by these counters, ns. */
uint64_t governor__cost_ns(struct governor *g, const struct hw_proc *counters);

#endif
