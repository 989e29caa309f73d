/* SPDX-License-Identifier: GPL-2.0 */
/* allocator.h: what allocators other than glibc's say of themselves, read from outside.  One table
 * has them all: adding one is adding a row. */
#ifndef INSPECT_ALLOCATOR_H
#define INSPECT_ALLOCATOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "inspect/allocator_file.h"

struct allocator_ranges;
struct modules;
struct pagemap;

struct allocator_figures {
	const char *name; /* of a row */
	uint64_t system;  /* bytes that it holds from the kernel and has not given back */
	uint64_t in_use;  /* of them: in blocks, as it rounds them up */
	bool steady;	  /* nothing moved while this was read: exact */
};

/*
 * Where a program's allocator is, or that it has none of these, kept from one look to the next:
 * symbol tables are large.  Zeroed: not looked for yet, or the process has called exec.
 */
struct allocator_place {
	bool looked;
	uint64_t files;	  /* what was mapped then: a library may have come since */
	unsigned int row; /* past the last: none */
	uint64_t at[ALLOCATOR_VARIABLES];
};

/*
 * Look at the process pid, whose mappings are m: the first row that is there.  0; -ENOENT (none of
 * them), -ENODATA (one whose layout is not known), -EAGAIN (it moved too fast), -EACCES, -EPERM,
 * -ESRCH, -ENOMEM.
 */
int allocator_look(pid_t pid, const struct modules *m, struct allocator_place *place,
		   struct allocator_figures *out);

/*
 * Add the memory of the allocator that was found in place.  0, -ENOENT (none was), -ENODATA, -E2BIG
 * (more than it is worth to follow), -ESRCH, -ENOMEM, ...
 */
int allocator_survey(pid_t pid, const struct modules *m, const struct allocator_place *place,
		     struct pagemap *pages, struct allocator_ranges *out);

#endif
