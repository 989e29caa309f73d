/* SPDX-License-Identifier: GPL-2.0 */
/* http_deadline.h: since when each connection owes, or is owed, the end of an answer; those that
 * take too long are cut.  From any thread. */
#ifndef OUT_HTTP_DEADLINE_H
#define OUT_HTTP_DEADLINE_H

#include <stddef.h>
#include <stdint.h>

struct deadlines;
struct deadline;

/* For n connections at most.  NULL: no memory. */
struct deadlines *deadlines__new(size_t n);
void deadlines__free(struct deadlines *d);

/* A connection begins now; its socket stays the caller's, and open until deadlines__close.  NULL:
 * there are n already; that one has no deadline. */
struct deadline *deadlines__open(struct deadlines *d, int fd, uint64_t now_ns);
/* All that follow take NULL. */
void deadlines__close(struct deadlines *d, struct deadline *one);
/* An answer is sent, the next request may come. */
void deadlines__restart(struct deadlines *d, struct deadline *one, uint64_t now_ns);
/* The answer is ours to give: no deadline until the next restart. */
void deadlines__hold(struct deadlines *d, struct deadline *one);

/* Shut down the sockets of those that are at it for longer than limit_ns.  How many. */
size_t deadlines__cut(struct deadlines *d, uint64_t now_ns, uint64_t limit_ns);

#endif
