/* SPDX-License-Identifier: GPL-2.0 */
/* glibc_locate.h: the glibc of a running process: which of its files it is, and where it keeps its
 * arenas. */
#ifndef INSPECT_GLIBC_LOCATE_H
#define INSPECT_GLIBC_LOCATE_H

#include <sys/types.h>

#include "inspect/glibc.h"

struct glibc_cache;
struct modules;

/*
 * Look through the files that pid has mapped executable: those named libc first, then the program
 * itself (it may be linked statically).  0: *g is filled, *minor is of version 2.minor.  -ENOENT:
 * no glibc; -ENOTSUP: one of a version whose layout is not known (*minor says which); -ENODATA: its
 * arenas were not found; -EACCES, -EPERM, -ESRCH.  Not logged.  cache: of files that were looked
 * into before, or NULL.
 */
int glibc_locate(pid_t pid, const struct modules *m, struct glibc_cache *cache, struct glibc *g,
		 unsigned int *minor);

#endif
