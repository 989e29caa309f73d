/* SPDX-License-Identifier: GPL-2.0 */
/* privileges.h: the capabilities that a daemon of ours keeps, and why. */
#ifndef APP_PRIVILEGES_H
#define APP_PRIVILEGES_H

#include <stdbool.h>

/*
 * Give up, for good, every capability but those that looking at processes and (where `probes`)
 * attaching to them later takes; and the way to get one by execve.  Threads that run already keep
 * theirs: call it while there is one.  What was not there before is not there after.  0 or -errno,
 * logged.
 */
int privileges_drop(bool probes);

#endif
