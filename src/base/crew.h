/* SPDX-License-Identifier: GPL-2.0 */
/* crew.h: a few threads for work that takes the kernel long, so that who decides need not wait for
 * it.  They are urgent (base/urgent.h). */
#ifndef BASE_CREW_H
#define BASE_CREW_H

#include <stdbool.h>

struct crew;
typedef void (*crew_fn)(void *arg, void *job);

/* At most so many threads, 1 or more; the others than the first are started when they are needed.
 * They call fn with arg.  who: urgent()'s, of the caller.  0; -ENOMEM, -EAGAIN: none could be
 * started. */
int crew__new(unsigned int most, const char *who, crew_fn fn, void *arg, struct crew **out);
/* Waits for what was begun. */
void crew__free(struct crew *c);
/* Have one of them do job, now.  false: no more than spare of them are free, or could be. */
bool crew__hand(struct crew *c, void *job, unsigned int spare);

#endif
