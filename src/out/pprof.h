/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pprof.h: a report as a profile of `go tool pprof`, Parca, Pyroscope and speedscope: a gzipped
 * protocol buffer (profile.proto).
 */
#ifndef OUT_PPROF_H
#define OUT_PPROF_H

#include <stdio.h>

struct report;

/* What a viewer shows first. */
enum pprof_first { PPROF_INUSE_SPACE, PPROF_ALLOC_SPACE };

/*
 * Write the processes of r as one profile; for one process make a report of that one.  Sample types
 * are alloc_objects, alloc_space (since the attach), inuse_objects, inuse_space (outstanding); each
 * sample has the labels process, pid and kind ("heap" or "map").
 * before: NULL, or an earlier report whose values are taken off (they may then be negative).
 * f: a file, or open_memstream().  It is flushed.  Returns 0, -EIO or -ENOMEM.
 */
int pprof_write(FILE *f, const struct report *r, const struct report *before,
		enum pprof_first first);

#endif
