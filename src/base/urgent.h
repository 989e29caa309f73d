/* SPDX-License-Identifier: GPL-2.0 */
/* urgent.h: a thread that must not wait behind those that it watches. */
#ifndef BASE_URGENT_H
#define BASE_URGENT_H

/*
 * The calling thread runs before all that have no real-time priority, and so do threads and tasks
 * that it starts.  For threads that sleep nearly always: behind a storm's threads, probes that are
 * to be taken away would stay on for as long as these please.  who: for the log, where that is not
 * permitted.
 */
void urgent(const char *who);

#endif
