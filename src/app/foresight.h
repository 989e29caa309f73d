/* SPDX-License-Identifier: GPL-2.0 */
/*
 * foresight.h: the unwind tables of what a command will map at its start, made by a thread while
 * the probes are loaded, so that they are there before its first instruction: those of a compiler's
 * libraries take as long as it runs for a small file.
 */
#ifndef APP_FORESIGHT_H
#define APP_FORESIGHT_H

struct barren;
struct foresight;
struct tables;

/* Begin.  command: as a shell is given it.  NULL where there can be no thread, or memory is out:
 * then the tables come once the files are mapped. */
struct foresight *foresight__new(const char *command);
/* Wait for the thread, and tell what it has found.  f may be NULL. */
void foresight__give(struct foresight *f, struct tables *t, struct barren *b);
/* Waits for the thread too. */
void foresight__free(struct foresight *f);

#endif
