/* SPDX-License-Identifier: GPL-2.0 */
/* chunks.h: chunks of a glibc heap, found from one that is known, one after the other, without a
 * walk over all of it and without stopping its process. */
#ifndef INSPECT_CHUNKS_H
#define INSPECT_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

struct memory;

/* So far from the known one at most. */
#define CHUNKS_FAR (64u << 20)

/*
 * In which chunk is each of n points, which are in order and not before `start`, the header of one?
 * Its block's address to addr[i]: 0 behind where the headers make no sense, or what is too far.
 * 0, -ESRCH, -EPERM, -ENOMEM.
 */
int chunks_find(const struct memory *mem, uint64_t start, const uint64_t *points, size_t n,
		uint64_t *addr);

#endif
