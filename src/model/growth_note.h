/* SPDX-License-Identifier: GPL-2.0 */
/*
 * growth_note.h: what a process holds now, into the growth of its callsites (growth.h), however it
 * is known.  Pure.
 */
#ifndef MODEL_GROWTH_NOTE_H
#define MODEL_GROWTH_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cohort;
struct growth;
struct sampling;
struct snapshot;

struct growth_look {
	uint64_t time_ns;
	const struct snapshot *snapshot; /* of all sites, sampled ones as they are estimated */
	const struct sampling *sampling; /* as of time_ns where it is told */
	const struct cohort *cohort;	 /* as of then, too; NULL: none */
	uint32_t program;		 /* another number: another program, nothing is left */
	bool has_heap;
	uint64_t heap_bytes; /* in malloc's blocks, as the allocator counts */
};

/* A point for all of them.  Where another way of knowing begins, growth begins anew.
 * 0 or -ENOMEM. */
int growth__note(struct growth *g, const struct growth_look *look);

/*
 * Leave out sites as snapshot__cut does, but keep those that grow: a few, after the others, which
 * they hold less than.
 */
void growth_cut(const struct growth *g, struct snapshot *s, size_t top, uint64_t min_bytes);

#endif
