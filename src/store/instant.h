/* SPDX-License-Identifier: GPL-2.0 */
/*
 * instant.h: the report of any recorded tick, made again: equal to the one that was recorded
 * (but for the callsites' growth, which two instants tell), so that all that takes a report takes a
 * recording.  Going forward costs what changed in between;
 * going back starts from the first tick.
 */
#ifndef STORE_INSTANT_H
#define STORE_INSTANT_H

#include <stddef.h>

struct instant;
struct recording;
struct report;

/* r outlives it.  Several may be of one recording.  NULL: no memory. */
struct instant *instant__new(struct recording *r);
void instant__free(struct instant *i);

/*
 * To the tick of this number, from 0 (recording.h).  *out belongs to i, until the next call.
 * 0, -EBADMSG (the recording is damaged), -ENOMEM: logged.
 */
int instant__seek(struct instant *i, size_t tick, const struct report **out);

/*
 * As instant__seek, but each site has the least bytes and the fewest blocks that it had at any tick
 * from `from` to `tick`: what it held throughout; of its memory, no more than that can be older.
 * Sites that held nothing at one of them are left out.  What is taken off counts as hidden.
 */
int instant__held(struct instant *i, size_t from, size_t tick, const struct report **out);

#endif
