/* SPDX-License-Identifier: GPL-2.0 */
/* put.h: our programs, put on places of one file, by whatever kind of link the kernel has. */
#ifndef PROBE_PUT_H
#define PROBE_PUT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "probe/behind.h"
#include "probe/kinds.h"
#include "probe/target.h"

struct heapwatch_bpf;
struct links;

/* Places of one program, with their attach cookies (heapwatch/event.h). */
struct places {
	size_t n;
	uint64_t offset[TARGET_MAX_FNS + BEHIND_MAX], cookie[TARGET_MAX_FNS + BEHIND_MAX];
};

struct put_file {
	const struct heapwatch_bpf *skel; /* loaded, with the programs for this kind */
	enum user_kind kind;
	pid_t pid;	  /* 0: whoever maps it */
	const char *path; /* what the kernel opens */
};

/*
 * At entry and return of calls, at the entry of frees, and at places behind the thread cache.
 * links takes over what was attached, also where an error is returned.  0 or -errno.
 */
int put(const struct put_file *f, struct links *links, const struct places *calls,
	const struct places *frees, const struct places *behind);

#endif
