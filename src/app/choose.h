/* SPDX-License-Identifier: GPL-2.0 */
/* choose.h: processes by name or control group, those that come later too. */
#ifndef APP_CHOOSE_H
#define APP_CHOOSE_H

#include <sys/types.h>

struct choose;
struct session;

/* Of either or both that are not NULL: a process has to be of both.  cgroup: below /sys/fs/cgroup,
 * or a whole path; its descendants' processes too.  0; -ENOENT, logged: there is no such group;
 * -ENOMEM. */
int choose__new(const char *comm, const char *cgroup, struct choose **out);
void choose__free(struct choose *c);

/* Watch those that are there and were not looked at before.  How many were found in this round that
 * are watched now; who cannot be watched is logged, once.  -errno where nothing could be looked at.
 */
int choose__watch(struct choose *c, struct session *s);

#endif
