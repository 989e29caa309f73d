/* SPDX-License-Identifier: GPL-2.0 */
/*
 * heap.h: which growths of glibc's heaps are told of.  The heaps of all arenas but the main one lie
 * at multiples of 64 MiB, and grow by mprotect, by as few pages as a block needs (malloc/arena.c:
 * grow_heap).  A stack walk for each would cost the program as much as the pages do.  So of each
 * cell of a heap one page is drawn, and a growth is told of where it takes a drawn page in: of
 * blocks of whatever size one for each cell, and each as often as it is large.  The kernel's side
 * draws; the daemon knows from the same what that stands for.
 */
#ifndef HEAPWATCH_HEAP_H
#define HEAPWATCH_HEAP_H

#include <linux/types.h>

#include "heapwatch/mix.h"

#define HW_HEAP_MAX  (64ull << 20)
#define HW_HEAP_PAGE 4096ull

/* Cells are smaller where a heap begins, for most never become large; a power of two. */
#define HW_HEAP_FEW	 (1ull << 20)
#define HW_HEAP_CELL_FEW (32ull << 10)
#define HW_HEAP_CELL	 (128ull << 10)

static inline __attribute__((always_inline)) __u64 hw_heap_of(__u64 addr)
{
	return addr & ~(HW_HEAP_MAX - 1);
}

/* Bytes of the cell at addr. */
static inline __attribute__((always_inline)) __u64 hw_heap_cell(__u64 addr)
{
	return (addr & (HW_HEAP_MAX - 1)) < HW_HEAP_FEW ? HW_HEAP_CELL_FEW : HW_HEAP_CELL;
}

/* The page that is drawn of the cell that begins there. */
static inline __attribute__((always_inline)) __u64 hw_heap_drawn(__u64 cell)
{
	__u64 pages = hw_heap_cell(cell) / HW_HEAP_PAGE;

	return cell + (hw_mix(0, cell) >> 40 & (pages - 1)) * HW_HEAP_PAGE;
}

/* A heap that ended at `from` ends at `to`: the bytes that the block in between stands for, or 0
 * where nothing is told of it. */
static inline __attribute__((always_inline)) __u64 hw_heap_grown(__u64 from, __u64 to)
{
	__u64 bytes = hw_heap_cell(from), cell = from & ~(bytes - 1), drawn = hw_heap_drawn(cell);

	if (drawn >= from && drawn < to)
		return bytes;
	cell += bytes;
	return hw_heap_drawn(cell) < to ? hw_heap_cell(cell) : 0;
}

#endif
