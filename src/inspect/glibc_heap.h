/* SPDX-License-Identifier: GPL-2.0 */
/* glibc_heap.h: one heap, chunk by chunk, while its process goes on.  Private to glibc_*.c. */
#ifndef INSPECT_GLIBC_HEAP_H
#define INSPECT_GLIBC_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#include "inspect/glibc_lists.h"

struct pagemap;
struct signature_range;

struct glibc_region {
	uint64_t start, end, first; /* first: the first chunk's header */
	/* Its pages' states, from that of `page` on, when they were last read. */
	uint64_t page, npages;
	uint8_t *states;
};

struct glibc_heap {
	const struct glibc *g;
	uint64_t top_addr;    /* of the arena */
	uint64_t deadline_ns; /* 0: none */
	/* Whose signatures are asked for (struct glibc_visitor). */
	const struct signature_range *files;
	size_t nfiles;

	const struct glibc_region *r; /* under way */
	/* The window: bytes that were read, and the chunks found in them, not yet believed. */
	unsigned char *buf;
	uint64_t at, len;
	uint64_t want; /* how much it pays to read at once */
	struct glibc_chunks found;
};

/* 0 or -ENOMEM; glibc_heap_free even then. */
int glibc_heap_init(struct glibc_heap *h, const struct glibc *g, uint64_t deadline_ns);
void glibc_heap_free(struct glibc_heap *h);

/* Learn which pages of r are there; r is under way from now on.  r->states is the caller's to free.
 */
int glibc_heap_enter(struct glibc_heap *h, struct pagemap *pages, struct glibc_region *r);
/*
 * Hand each chunk of the region under way to fn, in order, once a whole window of them fits
 * together.  A free chunk is GLIBC_BINNED, the last GLIBC_TOP, any other GLIBC_IN_USE, which may
 * have a signature.  0; -EAGAIN
 * (it tore), -ENODATA (a header is not resident), -ETIMEDOUT, or what fn returned.
 */
int glibc_heap_walk(struct glibc_heap *h, int (*fn)(void *arg, struct glibc_chunk *c), void *arg);

/* Of the region under way. */
uint64_t glibc_heap_resident(const struct glibc_heap *h, uint64_t from, uint64_t to);
/* Copy what is there, without making a page resident. */
bool glibc_heap_peek(const struct glibc_heap *h, uint64_t addr, void *buf, size_t len);

#endif
