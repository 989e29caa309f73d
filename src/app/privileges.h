/* SPDX-License-Identifier: GPL-2.0 */
/* privileges.h: the capabilities that a daemon of ours keeps, and why. */
#ifndef APP_PRIVILEGES_H
#define APP_PRIVILEGES_H

#include <stdbool.h>

enum privileges {
	PRIVILEGES_LOOK,   /* at processes */
	PRIVILEGES_PROBES, /* and put probes into the kernel */
	PRIVILEGES_WATCH,  /* and on their allocators */
};

/*
 * Give up, for good, every capability but those that this takes, now and later; and the way to get
 * one by execve.  Threads that run already keep theirs: call it while there is one.  What was not
 * there before is not there after.  0 or -errno, logged.
 */
int privileges_drop(enum privileges kept);

#endif
