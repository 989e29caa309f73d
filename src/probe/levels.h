/* SPDX-License-Identifier: GPL-2.0 */
/*
 * levels.h: saying what is seen of malloc from now on, of a process or of everybody who is armed,
 * while they fork.
 */
#ifndef PROBE_LEVELS_H
#define PROBE_LEVELS_H

#include <sys/types.h>

struct probes;
struct probes_level;

/*
 * As probes__level; pid 0: of all that are armed.  level->turn must differ from the last call's:
 * a child that is forked meanwhile has its parent's turn, and is told until it has this one.
 * 0, or -errno of a process other than one that has just ended.
 */
int levels_set(struct probes *p, pid_t pid, const struct probes_level *level);

#endif
