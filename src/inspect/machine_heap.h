/* SPDX-License-Identifier: GPL-2.0 */
/* machine_heap.h: what is known of one process's malloc, kept from tick to tick.  Private to
 * machine_*.c. */
#ifndef INSPECT_MACHINE_HEAP_H
#define INSPECT_MACHINE_HEAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "inspect/allocator.h"
#include "inspect/glibc.h"
#include "model/machine.h"

struct glibc_cache;

enum machine_heap_state {
	HEAP_NEW,    /* not looked for yet */
	HEAP_FOUND,  /* glibc's */
	HEAP_OTHER,  /* not glibc's; name says what it is */
	HEAP_DENIED, /* may not be read */
};

struct machine_heap_reader {
	enum machine_heap_state state;
	char name[32];	   /* "glibc 2.36" */
	uint64_t retry_ns; /* HEAP_NEW, HEAP_OTHER, and glibc's unused: not before this */
	uint32_t tries;
	struct glibc glibc;
	bool polled;
	uint32_t torn; /* polls that failed since */
	uint64_t polled_ns;
	uint64_t system, top, mmapped; /* of the last poll */
	uint32_t arenas;

	/* HEAP_OTHER: what it says of itself, if told_ns is not 0: as of then. */
	struct allocator_place place;
	struct allocator_figures told;
	uint64_t told_ns;
	bool inside; /* it is in the program, not in a library of its name */

	/* The last walk. */
	bool walked, walk_paged; /* walk_paged: walk_resident is known */
	enum glibc_confidence confidence;
	uint64_t walked_ns, next_walk_ns;
	uint64_t walk_cost_ns; /* of the last try: the next will take about as long */
	uint64_t walk_system, walk_top, walk_mmapped, walk_in_use, walk_resident;
};

/* Forget everything: another program is there now. */
void machine_heap_reset(struct machine_heap_reader *h);

/* Find the allocator, if it is time to; size: of the address space, bytes. */
void machine_heap_locate(struct machine_heap_reader *h, pid_t pid, uint64_t size,
			 struct glibc_cache *cache, uint64_t now_ns);
/* The arenas' sizes, where it is HEAP_FOUND. */
void machine_heap_poll(struct machine_heap_reader *h, uint64_t now_ns);
/* Count the free chunks too: not longer than budget_ns. */
void machine_heap_walk(struct machine_heap_reader *h, uint64_t budget_ns, uint64_t now_ns);

/* Bytes from the kernel, as last known; 0 where that is nothing. */
uint64_t machine_heap_held(const struct machine_heap_reader *h);

/* As views see it. */
void machine_heap_tell(const struct machine_heap_reader *h, uint64_t now_ns,
		       struct machine_heap *out);

#endif
