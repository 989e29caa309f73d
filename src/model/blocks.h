/* SPDX-License-Identifier: GPL-2.0 */
/*
 * blocks.h: which blocks are live in one address space: address -> size, site, birth.
 * Extendible hashing over reference-counted segments: growth splits one segment at a time (no
 * pause for a rehash of everything), and a fork shares all segments until one is written to.
 * 16 bytes an entry, load kept so that a live block costs at most 32 bytes at any large count.
 * Pure: no I/O, no clock.  Not thread-safe; two tables that share segments belong to one thread.
 */
#ifndef MODEL_BLOCKS_H
#define MODEL_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK_SIZE_MAX ((1ull << 40) - 1) /* bytes; larger sizes are refused with -ERANGE */
#define BLOCK_SITE_MAX ((1u << 24) - 1)
#define BLOCK_BORN_MAX ((1u << 19) - 1) /* moments since the attach; later ones saturate */

struct block {
	uint64_t addr; /* below 2^48, a multiple of 8 */
	uint64_t size; /* bytes asked for; 0 is legal: malloc(0) returns a block */
	uint32_t site;
	uint32_t born; /* moment since the attach (seen.h): seconds, or later */
};

struct blocks;

struct blocks *blocks__new(void);
void blocks__free(struct blocks *b);
/* Shares every segment with b; O(number of segments).  NULL where memory is out. */
struct blocks *blocks__fork(const struct blocks *b);

/* Add a block.  If one is there already, it goes to *old (may be NULL) and is replaced.
 * Returns 1 if one was replaced, 0 if not, -ENOMEM, -ERANGE (addr, size or site out of bounds). */
int blocks__put(struct blocks *b, const struct block *blk, struct block *old);
/* Remove the block at addr into *out (may be NULL).  Returns 0, -ENOENT, -ENOMEM (shared segment
 * that could not be copied: nothing changed). */
int blocks__take(struct blocks *b, uint64_t addr, struct block *out);
bool blocks__find(const struct blocks *b, uint64_t addr, struct block *out);
/* addr is going to be looked for: fetch where it is from memory meanwhile. */
void blocks__prefetch(const struct blocks *b, uint64_t addr);

size_t blocks__count(const struct blocks *b);
/* Heap memory of the table; shared segments count once per table that holds them. */
size_t blocks__memory(const struct blocks *b);
/* Every block, in no order; fn returns non-zero to stop, which is passed on. */
int blocks__each(const struct blocks *b, int (*fn)(void *arg, const struct block *blk), void *arg);

#endif
