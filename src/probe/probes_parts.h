/* SPDX-License-Identifier: GPL-2.0 */
/* probes_parts.h: what struct probes is made of.  Private to probes*.c. */
#ifndef PROBE_PROBES_PARTS_H
#define PROBE_PROBES_PARTS_H

#include <pthread.h>
#include <stdbool.h>

#include "probe/kinds.h"

struct attach;
struct heapwatch_bpf;
struct links;
struct rings;
struct sweeper;
struct touches;

struct probes {
	struct heapwatch_bpf *skel;
	struct rings *rings;
	struct links *links; /* kernel-side */
	struct attach *attach;
	struct touches *touches; /* NULL: none are told of */
	struct sweeper *sweeper; /* NULL where links leave nothing in forks */
	struct links *trials;	 /* of finding out what works; closer detaches them */
	pthread_t closer;
	bool closing;
	int returns; /* of the trial of seccomp.h */
	enum user_kind user;
	enum kernel_kind kernel;
};

#endif
