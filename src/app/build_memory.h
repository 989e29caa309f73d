/* SPDX-License-Identifier: GPL-2.0 */
/* build_memory.h: the parts of a process's report that an inspection gives.  For build.c. */
#ifndef APP_BUILD_MEMORY_H
#define APP_BUILD_MEMORY_H

#include "inspect/account.h"
#include "model/report.h"

struct inspection;
struct names;
struct modules;

/* What report_process refers to, and how its own; zeroed at first. */
struct build_memory {
	struct account account;
	struct report_arena *arenas;
	struct report_pinned pinned[16];
	char blocks[16][64];
	char name[256], version[16];
};

/* Fill p's allocator, waterfall, pinned and advice; allocator: as watched.h names it.  0, -ENOMEM.
 */
int build_memory_fill(struct build_memory *m, const struct inspection *i, const char *allocator,
		      const char *searched, struct names *names, const struct modules *modules,
		      struct report_process *p);
void build_memory_free(struct build_memory *m);

/* Frames with names, n of them, the caller's to free; leaf_is_call: pc[0] is a return address. */
struct report_frame *build_frames(struct names *names, const struct modules *modules,
				  const uint64_t *pc, size_t n, int leaf_is_call);

#endif
