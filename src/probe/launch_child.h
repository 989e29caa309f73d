/* SPDX-License-Identifier: GPL-2.0 */
/* launch_child.h: what the forked process of launch.c does until its exec. */
#ifndef PROBE_LAUNCH_CHILD_H
#define PROBE_LAUNCH_CHILD_H

#include <stdint.h>

#include "probe/launch.h"

/* Sent once the namespace is as it will be. */
struct launch_answer {
	int refused;	 /* errno, or 0 */
	uint32_t copied; /* bit i: of config.files[i] */
};

/* Set the namespace up, send a struct launch_answer, wait for a byte, exec.  An errno, an int, is
 * sent where the exec fails. */
_Noreturn void launch_child(const struct launch_config *config, int socket);

#endif
