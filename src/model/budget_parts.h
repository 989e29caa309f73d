/* SPDX-License-Identifier: GPL-2.0 */
/* budget_parts.h: what budget*.c share. */
#ifndef MODEL_BUDGET_PARTS_H
#define MODEL_BUDGET_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "model/budget.h"
#include "model/spending.h"

/* Until the probes are gone that saw it all: a window that comes while they go takes what they do,
 * and they go later. */
#define BUDGET_AFTER_NS 100000000ull

/* Of what varies from window to window: what to plan with, and what it may be. */
struct moving {
	double mean, high;
};

struct budget_requests {
	bool on;
	uint64_t since_ns;
	uint64_t large_ns, run_ns;  /* at the last step */
	double spent_ns;	    /* of the burst */
	uint64_t after_ns, wait_ns; /* they were too dear: not before this; for so long */
};

struct budget {
	double share;
	enum budget_level most;
	bool poor;
	struct spending spent;

	enum budget_level level;
	bool all, large;
	bool saving;		 /* for another trial of large */
	uint64_t since_ns;	 /* the set of probes that is on now */
	bool switched;		 /* ... since the last step */
	struct spending_slot on; /* when they were on: at the first step after that */
	uint64_t quiet_ns;	 /* how long it has to be affordable */
	uint64_t affordable_ns;	 /* since when it was; 0: it is not */
	uint64_t large_after_ns; /* not before this */
	uint64_t large_wait_ns;
	uint64_t saving_ns; /* since when it saves */
	uint64_t judge_ns;  /* large blocks are not judged before; 0: they are */
	bool trying;	    /* the last window was one of these: */
	unsigned int tries; /* windows that were to tell whether they are, before any trial */
	double tried_large, tried_own; /* what they took in these, and what the program did */
	double trial_ns; /* that the last trial of large took a core; 0: there was none */
	uint64_t next_window_ns, last_window_ns;
	uint64_t every_ns, burst_ns; /* from one to the next */

	double intensity;    /* of a window: what the probes take of the run time, moving average */
	struct moving taken; /* by the probes in an ns of a window, on all cores */
	struct moving edge;  /* what it takes beside that, ns; below 0: not known */
	uint64_t hold_ns;    /* of the last window */
	uint64_t windows_ns; /* what all have taken */
	uint64_t unseen_ns;  /* when the last window ended, or when the probes were gone that saw it
			      * all */
	uint64_t unseen_bare_ns; /* its own run time then */
	uint32_t weight;
	double worst;
	struct budget_requests requests;
	bool began, grace_over;
	uint64_t grace_ns, grace_cost_ns;
	uint64_t began_ns;
};

/* What may be spent now, ns; below 0: too much was. */
double budget_allowance(const struct budget *b);
/* Once a step: is this more than ever before? */
void budget_judge(struct budget *b);
/* Cores that it keeps busy, over the last ten seconds. */
double budget_load(const struct budget *b);
/* Is it a command's first second, of which more may be seen? */
bool budget_may_burst(const struct budget *b);
/* Is it a command's first second, in which not all is seen? */
bool budget_bursts(const struct budget *b);
/* Are requests for large chunks to be told of from now on?  Once a step. */
bool budget_requests(struct budget *b, const struct budget_input *in);
/* How long a window may be that is opened now, ns; 0: there is to be none.  Says when the next one
 * may be. */
uint64_t budget_window(struct budget *b);

#endif
