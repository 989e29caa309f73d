// SPDX-License-Identifier: GPL-2.0
#include "inspect/chunks.h"

#include <errno.h>
#include <stdlib.h>

#include "inspect/memory.h"

/* malloc/malloc.c: a chunk's size follows the last word of the one before it; its low bits are
 * flags, and it is a multiple of 16, of 32 at least. */
#define HEADER	16u
#define SIZE_AT 8u
#define FLAGS	7u
#define MINIMUM 32u

#define PIECE (256u << 10)

struct reader {
	const struct memory *mem;
	uint64_t *buf, from, len; /* bytes of them that were read */
};

/* Most of what comes next is in the same piece; its end may not be mapped. */
static int size_at(struct reader *r, uint64_t chunk, uint64_t *size)
{
	uint64_t at = chunk + SIZE_AT;
	int err = 0;

	if (at < r->from || at + 8 > r->from + r->len) {
		r->from = at;
		r->len = PIECE;
		while ((err = memory_read(r->mem, at, r->buf, r->len)) == -EFAULT && r->len > 8)
			r->len = r->len > 4096 ? (at + r->len - 1) / 4096 * 4096 - at : 8;
		if (err)
			r->len = 0;
	}
	if (!err)
		*size = r->buf[(at - r->from) / 8] & ~(uint64_t)FLAGS;
	return err;
}

int chunks_find(const struct memory *mem, uint64_t start, const uint64_t *points, size_t n,
		uint64_t *addr)
{
	struct reader r = {.mem = mem, .buf = malloc(PIECE)};
	uint64_t chunk = start, size = 0;
	int err = r.buf ? 0 : -ENOMEM;

	for (size_t i = 0; i < n; i++)
		addr[i] = 0;
	for (size_t i = 0; i < n && !err && points[i] - start < CHUNKS_FAR; i++) {
		while (!err && chunk + size <= points[i]) {
			chunk += size;
			err = size_at(&r, chunk, &size);
			if (!err && (size < MINIMUM || size % HEADER || size >= CHUNKS_FAR))
				err = -EFAULT;
		}
		if (!err)
			addr[i] = chunk + HEADER;
	}
	free(r.buf);
	return err == -EFAULT ? 0 : err;
}
