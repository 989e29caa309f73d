/* SPDX-License-Identifier: GPL-2.0 */
/*
 * slots.h: a table by open addressing, at most half in use: slots that begin with their key, a
 * uint64_t, 0 where they are free.  Its owner makes it larger.  Pure.
 */
#ifndef MODEL_SLOTS_H
#define MODEL_SLOTS_H

#include <stddef.h>
#include <stdint.h>

/* Of `room` slots, a power of two, of `size` bytes each: that of this key, not 0, or the free one
 * where it is to be put. */
static inline void *slots_find(void *slots, size_t size, size_t room, uint64_t key)
{
	size_t i = (size_t)(key * 0x9e3779b97f4a7c15ull >> 32) & (room - 1);
	uint64_t *at;

	for (;; i = (i + 1) & (room - 1)) {
		at = (uint64_t *)((char *)slots + i * size);
		if (!*at || *at == key)
			return at;
	}
}

#endif
