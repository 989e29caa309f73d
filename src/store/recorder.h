/* SPDX-License-Identifier: GPL-2.0 */
/*
 * recorder.h: writes a recording (schema.h), a tick at a time.  Each tick is one transaction with a
 * rollback journal that is gone before the call returns: when the writer dies, at most the last
 * tick is lost, and between ticks the file is one and whole.  (The journal covers the death of the
 * program and a full disk; after a power failure the file may be damaged, and says so.)
 * Its size grows with callsites and time, not with events.
 */
#ifndef STORE_RECORDER_H
#define STORE_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct recorder;
struct report;

/* Make the file, which must not be there; replace: then it is unlinked first.  0, or -errno: not
 * logged. */
int recorder__new(const char *path, bool replace, struct recorder **out);
/* Write what is pending and close; r is gone in any case.  0 or -errno. */
int recorder__close(struct recorder *r);

/* What is known of the recording as a whole: "command", "host"... */
int recorder__note(struct recorder *r, const char *key, const char *value);
/*
 * Add this instant.  Where a reader holds the file, the tick waits in memory for the next.  Returns
 * 0, or -errno: then nothing more can be added, and the file holds all ticks up to this one.
 */
int recorder__tick(struct recorder *r, const struct report *report);
/* Part of the next tick.  time_ns: CLOCK_REALTIME. */
int recorder__mark(struct recorder *r, uint64_t time_ns, const char *text);

/* Those that are in the file. */
uint64_t recorder__ticks(const struct recorder *r);
/* Heap memory, without SQLite's cache of at most 2 MiB. */
size_t recorder__memory(const struct recorder *r);
/* For tests: the file cannot grow beyond this many pages of 4096 bytes. */
int recorder__limit(struct recorder *r, unsigned int pages);

#endif
