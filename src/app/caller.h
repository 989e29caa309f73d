/* SPDX-License-Identifier: GPL-2.0 */
/* caller.h: the user who called sudo, to whom files belong that are made for him. */
#ifndef APP_CALLER_H
#define APP_CALLER_H

#include <stdbool.h>
#include <sys/types.h>

struct caller {
	bool known; /* false: nobody called sudo, and all that follows does nothing */
	uid_t uid;
	gid_t gid;
};

void caller_find(struct caller *c);
/* From here on this thread's files are opened and made as by him, no link of his leads elsewhere;
 * until caller_leave. */
void caller_enter(const struct caller *c);
void caller_leave(const struct caller *c);

#endif
