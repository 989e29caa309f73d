/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mappings.h: the anonymous memory of one address space, by who mapped it.  Pure: no I/O, no clock.
 * Extents do not overlap; adding one over others (MAP_FIXED) replaces what it covers.
 */
#ifndef MODEL_MAPPINGS_H
#define MODEL_MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mappings;

/* Who an extent belongs to; each has totals of its own. */
enum mapping_owner {
	MAPPING_PROGRAM,   /* the program mapped it: it has a site */
	MAPPING_ALLOCATOR, /* the allocator did, for itself */
	MAPPING_RESERVED,  /* PROT_NONE */
	MAPPING_OLDER,	   /* there before the attach */
	MAPPING_OWNERS,
};

struct mapping_totals {
	uint64_t bytes[MAPPING_OWNERS];
	uint64_t extents[MAPPING_OWNERS];
	uint64_t older_freed_bytes; /* of MAPPING_OLDER, unmapped or replaced since */
};

/* How a site's sum changed; called by every function that changes one.  Bytes and extents may be
 * negative.  Only for MAPPING_PROGRAM. */
typedef void (*mappings_site_fn)(void *arg, uint32_t site, int64_t bytes, int64_t extents);

/* NULL where memory is out. */
struct mappings *mappings__new(mappings_site_fn changed, void *arg);
void mappings__free(struct mappings *m);
/* A copy, for fork; its changes are reported to the given function, the copied state is not.  What
 * was freed before is the parent's alone. */
struct mappings *mappings__copy(const struct mappings *m, mappings_site_fn changed, void *arg);

/*
 * Add [addr, addr + len), len rounded up to pages, replacing what was there.  An extent that
 * continues one of the same owner and site is merged with it (and counts as one).
 * site is meaningful for MAPPING_PROGRAM only.  Returns 0, -EINVAL (unaligned addr, len 0 or one
 * that wraps), -ENOMEM (unchanged).
 */
int mappings__add(struct mappings *m, uint64_t addr, uint64_t len, enum mapping_owner owner,
		  uint32_t site);

/* Something that is not counted (a file) lies there now, or nothing: forget what is in the range.
 */
int mappings__remove(struct mappings *m, uint64_t addr, uint64_t len);

/*
 * mremap moved or resized [old, old + old_len) to [addr, addr + len): what was known of the old
 * range keeps owner and site at the new place, growth belongs to `owner`/`site` of the old
 * range's last extent, or to those given where nothing was known.
 */
int mappings__move(struct mappings *m, uint64_t old, uint64_t old_len, uint64_t addr, uint64_t len,
		   enum mapping_owner owner, uint32_t site);

/*
 * The program break is now at brk; growth over the last known break belongs to owner/site.
 * The first call after mappings__new or mappings__set_brk(…, 0) only learns where it is.
 */
int mappings__brk(struct mappings *m, uint64_t brk, enum mapping_owner owner, uint32_t site);
/* Where the break is at the attach (end of [heap]); its memory below is to be added by the caller.
 */
void mappings__set_brk(struct mappings *m, uint64_t brk);

void mappings__totals(const struct mappings *m, struct mapping_totals *out);

struct mapping {
	uint64_t addr, len;
	enum mapping_owner owner;
	uint32_t site;
};
/* The extent that holds addr: true and *out, or false. */
bool mappings__find(const struct mappings *m, uint64_t addr, struct mapping *out);

#endif
