/* SPDX-License-Identifier: GPL-2.0 */
/*
 * marks.h: marks on their way into a running recording.  The recorder listens on a socket in the
 * abstract namespace, named after the recording's file: nothing of it is left when the recorder
 * dies, however that is.  Only root, the recording's owner and who called sudo are listened to.
 */
#ifndef APP_MARKS_H
#define APP_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MARKS_TEXT 1024 /* bytes, the 0 included; longer ones are cut */

struct marks;

struct mark {
	uint64_t time_ns; /* CLOCK_REALTIME, of its arrival */
	char text[MARKS_TEXT];
};

/* Listen for marks of the recording in this file, from a thread of its own; also to user `uid`.
 * 0, or -errno, logged. */
int marks__new(const char *path, uid_t uid, struct marks **out);
void marks__free(struct marks *m);
/* The next that has arrived, or false. */
bool marks__take(struct marks *m, struct mark *out);

/*
 * Send one to the recording in this file (NULL: to the only one that runs).  It is in the recording
 * with its next tick.  0, or -errno, logged: -ENOENT, -EPERM, -ENOTUNIQ (which?) ...
 */
int marks_send(const char *path, const char *text);

#endif
