/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pins.h: whose live blocks keep mostly free pages resident, and what the live blocks are: seen by
 * the probes, or older.  Fed with a heap's chunks in the order of their addresses (struct
 * glibc_visitor's two functions).  Pure.
 *
 * A page is sparse when it is resident and at least half of it is free memory.  What is free there
 * is charged to the live blocks on it, by their bytes on that page: were they gone, it could go.
 */
#ifndef INSPECT_PINS_H
#define INSPECT_PINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct glibc_chunk;
struct signature_range;

/* What the caller knows of the block in an in-use chunk. */
struct pins_block {
	bool seen;	    /* its malloc was seen */
	uint32_t key;	    /* its callsite; with seen = false: not used */
	uint64_t requested; /* bytes asked for */
};

/* Who knows of blocks. */
struct pins_ledger {
	struct pins_block (*find)(void *arg, uint64_t block_addr, const struct glibc_chunk *chunk);
	/* This one is going to be looked for; may be NULL. */
	void (*soon)(void *arg, uint64_t block_addr);
	void *arg;
	/* Chunks are to have signatures (struct glibc_visitor); NULL: not. */
	const struct signature_range *files;
	size_t nfiles;
};

/* Pinned memory of blocks that were not seen is kept by size: this many classes. */
#define PINS_SIZES 48
/* The largest chunk of a class, bytes. */
uint64_t pins_size_limit(unsigned int class);

struct pins_site {
	bool by_size;
	uint32_t key;	/* callsite, or size class */
	uint64_t bytes; /* free bytes that its blocks keep resident */
	uint64_t pages; /* sparse pages that it has a block on */
};

struct pins_totals {
	uint64_t chunks;
	/* Resident bytes of in-use chunks. */
	uint64_t seen;			    /* what was asked for */
	uint64_t overhead;		    /* of seen blocks: headers and rounding */
	uint64_t older;			    /* whole chunks of blocks that were not seen */
	uint64_t free;			    /* resident bytes of free chunks */
	uint64_t sparse_pages, sparse_free; /* free bytes on sparse pages */
	uint64_t large_free; /* resident bytes of free chunks of 128 KiB and more, top apart */
};

struct pins;

/* ledger may be NULL: then nothing is seen. */
struct pins *pins__new(const struct pins_ledger *ledger);
void pins__free(struct pins *p);

void pins__region(void *p, uint64_t start, uint64_t npages, const uint8_t *states);
void pins__chunk(void *p, const struct glibc_chunk *c);
/* A block with a mapping of its own, of which so much is resident. */
void pins__mmapped(void *p, uint64_t chunk, uint64_t size, uint64_t resident);

/* After the last chunk.  Sites by bytes, largest first; they belong to p.  -ENOMEM where memory ran
 * out on the way: the totals are of what was seen until then. */
int pins__finish(struct pins *p, struct pins_totals *totals, const struct pins_site **sites,
		 size_t *nsites);

#endif
