/* SPDX-License-Identifier: GPL-2.0 */
/*
 * purse.h: what the beginnings of a process's children may take together.  Each process has a
 * budget of its own (budget.h), which it may be over for as long as it takes to notice that:
 * thousands of children, each over before that, would take half of all that they run.  Pure: no
 * I/O, no clock.
 */
#ifndef MODEL_PURSE_H
#define MODEL_PURSE_H

#include <stdbool.h>
#include <stdint.h>

/* A child is young for so long: it may still turn out to be a storm. */
#define PURSE_YOUNG_NS 1000000000ull

struct purse;

/* share: 0.01 for one percent, above 0.  NULL where memory is out. */
struct purse *purse__new(double share);
void purse__free(struct purse *p);

/* What all processes, also those that have ended, ran since they are watched, and what the probes
 * took of the children among them. */
void purse_record(struct purse *p, uint64_t now_ns, uint64_t run_ns, uint64_t cost_ns);
/*
 * May one more child be seen in whole from its beginning, beside young ones that are?  Over any ten
 * seconds their beginnings stay within the share of what all ran, or of one core where they ran
 * less: a child now and then is seen, however little the others do.
 */
bool purse_affords(const struct purse *p, unsigned int young);
/* Forks of processes that have probes pay for the breakpoints that they inherit, until these are
 * out; paid_ns: in all so far.  Is it within the share, by the same measure? */
void purse_record_forks(struct purse *p, uint64_t now_ns, uint64_t paid_ns);
bool purse_affords_forks(const struct purse *p);

#endif
