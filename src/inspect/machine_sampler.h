/* SPDX-License-Identifier: GPL-2.0 */
/*
 * machine_sampler.h: struct machine, again and again, from /proc and from the allocators' memory.
 * No probe, nothing that stops or slows a process: what is cheap is read of everybody at each tick,
 * what is not is spread over the ticks within a budget, those on the screen first.
 *
 * At each tick: /proc's list, statm of each process (descriptors are kept where the limit of open
 * files permits; a kept one also tells that the process is still the same).  By turns: stat,
 * status, cgroup, cmdline, exe.  Within a budget of time: malloc's arenas (glibc.h's cheap form),
 * and of processes on the screen a walk over the heap now and then, and smaps_rollup on demand.
 */
#ifndef INSPECT_MACHINE_SAMPLER_H
#define INSPECT_MACHINE_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/machine.h"

struct sampler;

/* What the kernel-side probes know of one process; totals since they were attached. */
struct sampler_events {
	uint32_t pid;
	uint64_t start_ns; /* its start_boottime, or 0: not known */
	uint64_t brks, mmaps, munmaps, mapped_bytes, unmapped_bytes;
	uint64_t site, site_bytes; /* the largest growing callsite, for name(); 0: none */
};

/* Where the figures of the kernel side come from; the sampler knows no BPF.  Called within
 * sampler__tick. */
struct sampler_source {
	const char *kind;   /* "fentry", ..., "" */
	const char *reason; /* why there is none */
	/* All processes' figures, by pid; *out belongs to the source until the next call.  0 or
	 * -errno.  NULL: there is no source. */
	int (*read)(void *arg, const struct sampler_events **out, size_t *n);
	/* A callsite's name, to buf; false: not known (yet).  Asked only of those on the screen.
	 * May be NULL. */
	bool (*name)(void *arg, uint32_t pid, uint64_t site, char *buf, size_t len);
	void *arg;
};

struct sampler_options {
	const char *proc;	 /* NULL: "/proc"; a test's own tree: no heap is read then */
	uint64_t heap_budget_ns; /* per second, for locating and polling arenas; 0: 2 ms */
	uint64_t walk_budget_ns; /* per second, for walking heaps; 0: 2 ms; UINT64_MAX: no walks */
	bool eager;		 /* spend more at first: nobody waits for a screen */
	const struct sampler_source *source; /* NULL: none; must outlive the sampler */
};

/* 0, or -errno where /proc cannot be opened; not logged.  options may be NULL. */
int sampler__new(const struct sampler_options *options, struct sampler **out);
void sampler__free(struct sampler *s);

/*
 * Look at the machine.  now_ns: CLOCK_MONOTONIC.  What is returned is not changed any more and
 * stays valid until the next tick but one (so that one thread can show it while another makes the
 * next), or sampler__free.  NULL: memory is out; the next tick may work.
 */
const struct machine *sampler__tick(struct sampler *s, uint64_t now_ns);

/* What is on the screen, from the next tick on: looked at first and more closely. */
struct sampler_shown {
	const uint32_t *pids;
	size_t n;
	bool pss;	/* read smaps_rollup of them, by turns */
	bool names;	/* name their callsites */
	uint32_t focus; /* its history is wanted; 0: none */
};
int sampler__show(struct sampler *s, const struct sampler_shown *shown);

/* This process has probes in its allocator now, or no longer.  0 or -ESRCH. */
int sampler__watch(struct sampler *s, uint32_t pid, bool watched);

#endif
