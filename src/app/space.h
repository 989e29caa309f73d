/* SPDX-License-Identifier: GPL-2.0 */
/* space.h: what code a process has where, as the unwinder is to know it. */
#ifndef APP_SPACE_H
#define APP_SPACE_H

#include <sys/types.h>

struct modules;
struct tables;

/* Tell it, by what is known of pid's mappings.  0 or -errno. */
int space_load(struct tables *t, pid_t pid, const struct modules *modules);

#endif
