/* SPDX-License-Identifier: GPL-2.0 */
/*
 * source.h: a recording's file, opened to be read: it may be anybody's, and anything.  It is never
 * written to.  Where its writer died within a tick, the journal beside it is needed: then both are
 * copied to a private directory, and what the reader sees is the copy, as of the tick before.
 */
#ifndef STORE_SOURCE_H
#define STORE_SOURCE_H

struct sqlite3;

/* Within one read transaction, which lasts until sqlite3_close: a writer's next tick is not seen.
 * 0, or -errno once it is logged. */
int source_open(const char *path, struct sqlite3 **out);

#endif
