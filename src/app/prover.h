/* SPDX-License-Identifier: GPL-2.0 */
/* prover.h: finds the places behind the C library's thread cache while others work already, and
 * tells the probes of them. */
#ifndef APP_PROVER_H
#define APP_PROVER_H

#include <stdbool.h>

#include "probe/behind.h"
#include "probe/kinds.h"

struct probes;
struct prover;

/* Remembered from an earlier run, or proven now and then remembered; *remembered says which.  The
 * C library that we run with is the one that is looked at.  0, or as trial_run(). */
int prover_find(enum user_kind kind, struct behind *out, bool *remembered);

/* Start a thread that does it and calls probes__prove.  0 or -errno, logged. */
int prover__new(struct probes *probes, struct prover **out);
/* Waits for it.  Before the probes go. */
void prover__free(struct prover *p);

#endif
