/* SPDX-License-Identifier: GPL-2.0 */
/*
 * meter.h: what the probes take of a process: how often they were hit, times what a hit costs here,
 * which is measured on ourselves while the first processes are watched already, plus the time that
 * our programs ran.
 */
#ifndef APP_METER_H
#define APP_METER_H

#include <stdint.h>
#include <sys/types.h>

struct hw_proc;
struct meter;
struct probes;

int meter__new(struct probes *probes, struct meter **out);
/* Before the probes go. */
void meter__free(struct meter *m);

struct meter_reading {
	uint64_t now_ns;
	uint64_t run_ns;   /* CPU time of all threads of the process, since it began */
	uint64_t cost_ns;  /* of this, what the probes took */
	uint64_t large_ns; /* ... those behind the thread cache */
};
/* From any thread.  0; -ESRCH, -EINVAL where the process has ended; -ENOENT where it is not armed.
 */
int meter__read(struct meter *m, pid_t pid, struct meter_reading *out);
/* The same of all that are armed and have not ended, and of those that have: grows only, but for
 * who ends at this moment, who is in it the next time. */
int meter__read_all(struct meter *m, struct meter_reading *out);
/* What the probes took by these counters, ns. */
uint64_t meter__cost_ns(struct meter *m, const struct hw_proc *counters);

#endif
