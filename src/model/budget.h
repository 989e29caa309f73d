/* SPDX-License-Identifier: GPL-2.0 */
/*
 * budget.h: how much of a process's malloc may be seen at what cost: decides, several times a
 * second, which probes it has.  Pure: no I/O, no clock; one for each process.
 *
 * The overhead is what the probes took, as a share of the process's run time.  Over any
 * ten seconds it stays within the share that is allowed; only a storm that comes as a surprise may
 * be over it until the next steps have taken the probes away, and is paid for by seeing less
 * afterwards.  A command's first second is not the budget's: what is over after a few seconds has
 * most of what it keeps by then, and one call of a hundred says of whom (tests/bench/levels.py).
 */
#ifndef MODEL_BUDGET_H
#define MODEL_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* What a probe costs here, ns. */
struct budget_costs {
	double emulated; /* a trap at an instruction that the kernel emulates */
	double stepped;	 /* ... that it single-steps */
	double returned; /* a trap at a return */
};

struct hw_proc;
/* What the probes have taken of a process so far. */
uint64_t budget_cost_ns(const struct budget_costs *costs, const struct hw_proc *counters);

/* Of this, those behind the thread cache, which are there in and between windows; not realloc's and
 * its like, which are too. */
uint64_t budget_large_ns(const struct budget_costs *costs, const struct hw_proc *counters);

/* Of 2^20 ns of a thread's run time, how many may go into telling of page faults (bpf/touch.bpf.c):
 * 0 where there is no limit, for they tell nothing where every call is seen. */
unsigned int budget_touches(double share);

enum budget_level {
	BUDGET_EXACT,	/* every call is seen */
	BUDGET_LARGE,	/* every block over the thread cache's limit, and no other */
	BUDGET_SAMPLED, /* windows in which every call is seen; between them large ones, or none */
	BUDGET_PASSIVE, /* nothing */
};
/* "exact", "large", "sampled", "passive" */
const char *budget_level_name(enum budget_level level);
/* false: word is none of these. */
bool budget_level_parse(const char *word, enum budget_level *out);

struct budget;

struct budget_config {
	double share;	   /* 0.01 for one percent; 0: passive only; below 0: no limit */
	uint64_t grace_ns; /* well under a second: for so long it is all seen, whatever it takes,
			    * which is not paid back */
	enum budget_level most; /* no more is seen than at this level; exact where there is no
				 * limit */
	bool forgives;	   /* what it takes until its first probes are gone, within a second, is not
			    * paid back either: the first second is not the budget's */
	bool poor;	   /* it begins without probes on malloc: others have spent what it could */
	uint64_t every_ns; /* from one window to the next at least */
	uint64_t burst_ns; /* ... in the first second, which has as many, and twice that until ten
			    * seconds are over; 0: they have no more than later ones */
};
/* NULL where memory is out. */
struct budget *budget__new(const struct budget_config *config);
/* What it begins with: is every call seen? */
bool budget_begins_whole(const struct budget_config *config);
void budget__free(struct budget *b);

/* What is known of the process now; all grow only. */
struct budget_input {
	uint64_t now_ns;
	uint64_t run_ns;   /* CPU time of all its threads */
	uint64_t cost_ns;  /* of this, what the probes took */
	uint64_t large_ns; /* ... and of that, those behind the thread cache, requests too */
	bool has_large;	   /* there are places behind the thread cache */
	bool has_requests; /* ... and one that only requests for large chunks come by */
	bool forks_dear;   /* its forks pay too much for the probes that it has (purse.h) */
};

/* What is to be done. */
struct budget_order {
	bool all;	    /* every call is to be seen from now on */
	bool large;	    /* else: large blocks are to be */
	bool requests;	    /* else: requests for large chunks are to be told of */
	uint64_t window_ns; /* not 0: see every call for about this long, once */
	bool try_large;	    /* ... with the places behind the cache, to know what they would take */
	uint64_t again_ns;  /* when to ask again at the latest; 0: as seldom as one likes */
};
void budget__step(struct budget *b, const struct budget_input *in, struct budget_order *out);

/* A window that was ordered, */
struct budget_seen {
	uint64_t wall_ns;  /* while it was wholly open: how long that was, */
	uint64_t run_ns;   /* ... how much the process ran, */
	uint64_t cost_ns;  /* ... what the probes took of that, */
	uint64_t large_ns; /* ... and of this those behind the thread cache; */
	/* and what they took from before the first probe came to after the last one went, but for
	 * what those behind the thread cache took beside it, which they take without a window too.
	 */
	uint64_t all_cost_ns;
};
void budget__window(struct budget *b, const struct budget_seen *w);
/* How many calls one seen in that window stands for, in 256ths (struct hw_level). */
uint32_t budget__weight(const struct budget *b);

enum budget_level budget__level(const struct budget *b);
/* Percent over the last ten seconds, or since the first step where that is less. */
double budget__percent(const struct budget *b);
/* The largest that it was over any ten seconds since the second second. */
double budget__worst(const struct budget *b);

#endif
