/* SPDX-License-Identifier: GPL-2.0 */
/*
 * trial.h: prove the places behind the thread cache of the C library that we run with ourselves, on
 * a child that allocates and frees in all the ways there are: with one thread and with two, in the
 * main arena and in another, in mappings of their own, and where an arena has no memory left and
 * another one serves.
 */
#ifndef PROBE_TRIAL_H
#define PROBE_TRIAL_H

#include <stddef.h>

#include "probe/behind.h"
#include "probe/choice.h"
#include "probe/kinds.h"

/* The C library's file as we map it, and its build-id.  0; -ENOTSUP: there is none (a static
 * program), or it is not glibc for x86-64; -errno. */
int trial_libc(char *path, size_t len, char build_id[41]);

/*
 * Which of the candidates of that file to take: fills out but for its build_id.  Takes about half a
 * second; starts a child and waits for it.  0; -ENOENT: no place sees what it should;
 * -ENODATA: the child could not do all that it has to; -ENOTSUP, -errno.
 */
int trial_run(enum user_kind kind, const char *path, const struct candidates *c,
	      struct behind *out);

/* ---- the child's half ---- */

#define TRIAL_CALLS 2048

/* What it shares with us. */
struct trial_log {
	size_t n;
	bool done; /* all of it */
	struct choice_call calls[TRIAL_CALLS];
};

/* The descriptors that the child is started with: struct trial_log, and a socket on which it says a
 * byte when it is there and waits for one. */
#define TRIAL_LOG_FD  3
#define TRIAL_SELF_FD 4

/* The whole of the child's main(): gives its exit code. */
int trial_child(void);

#endif
