/* SPDX-License-Identifier: GPL-2.0 */
/*
 * crossings.h: blocks that reached into memory that was not there yet.  When malloc cuts a chunk
 * off a glibc heap's end it writes the size of what is left behind it (malloc/malloc.c:
 * _int_malloc, use_top): where that is a page that nobody has touched, the kernel makes it then,
 * and who asked for the block is known from the page fault, without a probe on malloc.  A block as
 * large as one in a hundred of a page is the one that reaches into the next in one of a hundred
 * cases: so each that is still there stands for a page of its callsite's blocks, or for itself
 * where it is larger. Where not each such fault is told of it stands for more of them.
 *
 * Large blocks are mappings of their own (malloc/malloc.c: sysmalloc_mmap), each of which the
 * system call tells of: they stand for themselves.  Pure.
 */
#ifndef MODEL_CROSSINGS_H
#define MODEL_CROSSINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hw_heap_touch;

struct crossing {
	uint64_t start, end; /* of the block's chunk: none other has this end while it is there */
	uint32_t pages;	     /* one of so many was to be told of, or a larger one */
	uint32_t faults;     /* and of these one of so many */
	uint32_t serial;     /* another for each of one address space */
	uint32_t site;	     /* of the fault; once it is settled, of the block: 0 has none */
	bool settled;
	bool mapped; /* a mapping of its own: `end` is MAPPED_END before that */
};

/* So that the end is within what is lost with it. */
#define MAPPED_END 16u

/* Of more each second one is forgotten, and the others stand for twice as much. */
#define CROSSINGS_MAX (1u << 14)

struct crossings {
	struct crossings_region *regions; /* by address */
	size_t nregions, room;
	size_t n, nmapped; /* of these */
	uint32_t last;
	uint32_t changes; /* grows with each that comes or goes */
	uint32_t halved;  /* so many times there were too many */
};

/* Of one that is gone. */
typedef void (*crossings_gone_fn)(void *arg, const struct crossing *c);

void crossings_free(struct crossings *c);
/* c is empty.  0 or -ENOMEM. */
int crossings_copy(struct crossings *c, const struct crossings *from);
/* Nothing where one touched that page before and was not lost.  Those for which there is no room
 * any more are told to gone.  0 or -ENOMEM. */
int crossings_touch(struct crossings *c, const struct hw_heap_touch *e, uint32_t site,
		    crossings_gone_fn gone, void *arg);
/* A mapping that may be a block's.  0 or -ENOMEM. */
int crossings_map(struct crossings *c, uint64_t addr, uint64_t len, uint32_t site);
/* What was in that range is lost: unmapped, mapped over, or behind the break. */
void crossings_lose(struct crossings *c, uint64_t from, uint64_t to, crossings_gone_fn gone,
		    void *arg);
/* What was written there is: no more than that of mappings. */
void crossings_empty(struct crossings *c, uint64_t from, uint64_t to, crossings_gone_fn gone,
		     void *arg);
/* fn gets each, by its end; it may change site and settled. 0, or what fn returned. */
int crossings_each(struct crossings *c, int (*fn)(void *arg, struct crossing *c), void *arg);

/* Chunk bytes that it stands for; its own at least. */
uint64_t crossing_bytes(const struct crossing *c, uint64_t chunk);

/* The last byte before the page that it reached into: whoever has that is where it was.  Of a
 * mapping, its end. */
uint64_t crossing_place(const struct crossing *c);
/* The first of all, by their ends, whose place is not before addr; n: none is. */
size_t crossings_from(const struct crossing *all, size_t n, uint64_t addr);

/* May it be the block with a chunk of this size that begins where it did?  realloc may have cut off
 * what was behind its place. */
bool crossing_fits(const struct crossing *c, uint64_t chunk);
/* The crossing that has this chunk, or NULL; all: by their ends. */
const struct crossing *crossing_of(const struct crossing *all, size_t n, uint64_t start,
				   uint64_t end);

#endif
