/* SPDX-License-Identifier: GPL-2.0 */
/*
 * allowance.h: whether a process's probes may stay, by what they cost it.  Pure: no clock.  What is
 * over the limit loses its probes and gets them again after a while, twice as long each time that
 * this happens soon after; what is too small to be noticed on the machine is let be.
 */
#ifndef MODEL_ALLOWANCE_H
#define MODEL_ALLOWANCE_H

#include <stdbool.h>
#include <stdint.h>

#define ALLOWANCE_FIRST_NS   60000000000u /* the first time without probes */
#define ALLOWANCE_LONGEST_NS 3600000000000u
#define ALLOWANCE_CALM_NS    600000000000u /* within the limit for this long: all is forgiven */
#define ALLOWANCE_NOTICED    0.1	   /* of the limit, as a share of one processor */

struct allowance {
	bool withdrawn;
	uint64_t until_ns; /* when it is to get its probes again */
	uint64_t since_ns; /* when it got them */
	uint64_t pause_ns; /* of the next time */
	bool measured;	   /* what follows is of the last step with probes */
	uint64_t now_ns, run_ns, cost_ns;
	double share; /* the last measured: of the run time without probes */
	double load;  /* the same of one processor's time */
};

/* All grow only, since the probes came. */
struct allowance_input {
	uint64_t now_ns;
	uint64_t run_ns;  /* processor time of all its threads */
	uint64_t cost_ns; /* of this: in probes */
};

/* The probes are there, from now on. */
void allowance_begin(struct allowance *a, uint64_t now_ns);
/* limit: 0.01 is 1 %.  True: take the probes away now; allowance_over tells when they may return.
 */
bool allowance_step(struct allowance *a, double limit, const struct allowance_input *in);
/* Is the time without probes over? */
bool allowance_over(const struct allowance *a, uint64_t now_ns);

#endif
