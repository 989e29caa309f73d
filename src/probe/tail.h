/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tail.h: where a function that does nothing itself goes.  `operator delete` of jemalloc is one
 * jump to free: a probe on each would see one call twice.
 */
#ifndef PROBE_TAIL_H
#define PROBE_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tail {
	uint64_t vaddr;
	bool slot; /* the address is that of a word in memory that holds where it goes */
};

/*
 * code: the function's first bytes, of vaddr.  True where they run straight, the stack untouched,
 * into a jump out of it: then whatever calls the function calls what out->vaddr is.  x86-64 only.
 */
bool tail_find(const uint8_t *code, size_t len, uint64_t vaddr, struct tail *out);

#endif
