/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mix.h: how a stack's key is made: its frames mixed, leaf first, into what its program image has
 * for a number, and their count.  The kernel's side makes it; the daemon makes that of the same
 * stack without its first frames.
 */
#ifndef HEAPWATCH_MIX_H
#define HEAPWATCH_MIX_H

#include <linux/types.h>

#define HW_MIX 0x9e3779b97f4a7c15ull

static inline __attribute__((always_inline)) __u64 hw_mix(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * HW_MIX;
	return hash ^ hash >> 29;
}

/* Never 0. */
static inline __attribute__((always_inline)) __u64 hw_mixed_key(__u64 hash, __u32 nframes)
{
	hash ^= nframes;
	return hash ? hash : 1;
}

#endif
