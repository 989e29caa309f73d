/* SPDX-License-Identifier: GPL-2.0 */
/*
 * foresight.h: what a command will map at its start, or running processes map, looked at by a
 * thread while the probes are loaded: the unwind tables, and which files have no allocator.  A
 * compiler's libraries take as long as it runs for a small file.
 */
#ifndef APP_FORESIGHT_H
#define APP_FORESIGHT_H

#include <stddef.h>
#include <sys/types.h>

struct barren;
struct foresight;
struct tables;

/* Begin.  command: as a shell is given it, or NULL; npids processes.  NULL where there is nothing
 * to look at or can be no thread, or memory is out: then the tables come once they are needed. */
struct foresight *foresight__new(const char *command, const pid_t *pids, size_t npids);
/* Wait for the thread, and tell what it has found.  f may be NULL. */
void foresight__give(struct foresight *f, struct tables *t, struct barren *b);
/* Waits for the thread too. */
void foresight__free(struct foresight *f);

#endif
