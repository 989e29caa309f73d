/* SPDX-License-Identifier: GPL-2.0 */
/*
 * census.h: where a process's resident bytes are, by what its mappings are for.  From maps, pagemap
 * and a look at what mappings begin with; the process is not stopped.
 */
#ifndef INSPECT_CENSUS_H
#define INSPECT_CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct memory;
struct modules;
struct pagemap;

enum census_kind {
	CENSUS_HEAP,	     /* arenas of malloc: given by the caller */
	CENSUS_MMAPPED,	     /* malloc's blocks with a mapping each */
	CENSUS_OWN,	     /* of another allocator: given by the caller */
	CENSUS_PYTHON,	     /* pymalloc's arenas */
	CENSUS_JIT,	     /* anonymous and executable */
	CENSUS_STACK,	     /* of the first thread */
	CENSUS_THREAD_STACK, /* of others */
	CENSUS_DATA,	     /* written pages of program files: .data, .bss, relocated constants */
	CENSUS_ANON,	     /* any other anonymous memory */
	CENSUS_FILE,	     /* pages of files, and shared memory */
	CENSUS_KINDS,
};

struct census_sum {
	uint64_t mapped, resident, swapped; /* bytes */
};

struct census {
	struct census_sum kind[CENSUS_KINDS];
	uint64_t mmapped_blocks; /* found in CENSUS_MMAPPED */
	uint64_t mmapped_bytes;
};

/* A range that is known to be malloc's; sorted by address, not overlapping. */
struct census_heap {
	uint64_t start, end;
	bool walked; /* all its chunks were seen */
	bool own;    /* another allocator's than glibc's */
};

struct census_input {
	const struct memory *mem;
	struct pagemap *pages;
	const struct modules *modules; /* read just now */
	const struct census_heap *heaps;
	size_t nheaps;
	uint64_t mmapped_blocks, mmapped_bytes; /* as malloc counts them; 0: do not look for any */
	/* Called for each of malloc's blocks with a mapping of its own; may be NULL. */
	void (*mmapped)(void *arg, uint64_t chunk, uint64_t size, uint64_t resident);
	void *arg;
};

/* 0, -ESRCH, -EACCES, -ENOMEM. */
int census_take(const struct census_input *in, struct census *out);

/* "thread stacks", ... for people and for the waterfall's `what`. */
const char *census_name(enum census_kind kind);

#endif
