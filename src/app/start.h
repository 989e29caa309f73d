/* SPDX-License-Identifier: GPL-2.0 */
/* start.h: a command's process, forked and set up with probes in place, before its exec. */
#ifndef APP_START_H
#define APP_START_H

#include <stdbool.h>

struct covered;
struct launch;
struct probes;

/*
 * argv up to a NULL; as_caller: as the user who called sudo.  Files that got probes for the whole
 * tree are added to `covered`.  Without a mount namespace the probes are for the first process
 * alone; said so on stderr.  0, or -errno, logged.
 */
int start_command(char *const *argv, bool as_caller, struct probes *probes, struct covered *covered,
		  struct launch **out);

#endif
