/* SPDX-License-Identifier: GPL-2.0 */
/* export_profile.h: the watched processes of one tick, kept for who asks for a profile of them, now
 * or to compare with later.  Shared by reference; all of it may be called from any thread. */
#ifndef APP_EXPORT_PROFILE_H
#define APP_EXPORT_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

struct groups;
struct page;
struct profile;
struct report;

/* A copy of what is needed; one reference.  r NULL: nobody is watched.  NULL: no memory. */
struct profile *profile__new(const struct report *r, struct groups *g);
struct profile *profile__get(struct profile *p);
void profile__put(struct profile *p);

/* Whose: of one process, or of a group's processes. */
struct profile_target {
	uint32_t pid; /* 0: by group */
	char group[256];
	bool allocs; /* what is shown first: what was ever allocated, not what is held */
};

/* "/pid/N/debug/pprof/heap", "/group/NAME/debug/pprof/allocs"; NAME may have slashes. */
bool profile_target(const char *path, struct profile_target *out);
/* How many of the target's processes there are. */
unsigned int profile__count(const struct profile *p, const struct profile_target *target);
/* A pprof page; before: NULL, or what is to be taken off.  NULL: no memory. */
struct page *profile__page(const struct profile *p, const struct profile_target *target,
			   const struct profile *before);

#endif
