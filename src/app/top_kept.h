/* SPDX-License-Identifier: GPL-2.0 */
/* top_kept.h: a process as it was seen last, kept when the machine goes on without it. */
#ifndef APP_TOP_KEPT_H
#define APP_TOP_KEPT_H

#include "model/machine.h"

struct top_kept {
	struct machine_process process; /* its strings are below */
	char user[33], comm[64], cmdline[512], exe[512], cgroup[256], unit[128], allocator[32],
	    callsite[96];
};

/* k must not move afterwards.  Long strings are cut. */
void top_kept_set(struct top_kept *k, const struct machine_process *p);

#endif
