// SPDX-License-Identifier: GPL-2.0
#include "inspect/signatures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/memory.h"
#include "model/modules.h"
#include "model/signature.h"

#define SIZE_BITS 7ull

/* Of a chunk are read: its header, and what the block begins with. */
#define PIECES	5u
#define AT_ONCE (MEMORY_HEADS / PIECES)

_Static_assert((PIECES - 1) * 2 == SIGNATURE_CONTENT && SIGNATURE_CONTENT >= SIGNATURE_WORDS,
	       "all words that count are read");

int signatures_files(const struct modules *m, struct signature_range **files, size_t *n)
{
	*n = 0;
	*files = malloc((modules__count(m) + 1) * sizeof(**files));
	if (!*files)
		return -ENOMEM;
	for (size_t i = 0; i < modules__count(m); i++) {
		const struct module *x = modules__at(m, i);

		if (x->inode)
			(*files)[(*n)++] = (struct signature_range){x->start, x->end};
	}
	return 0;
}

static int read_some(const struct memory *mem, const struct signature_range *files, size_t nfiles,
		     struct signatures_chunk *c, size_t n)
{
	uint64_t addrs[MEMORY_HEADS] = {0}, heads[MEMORY_HEADS][2];
	int err;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < PIECES; k++)
			addrs[i * PIECES + k] = c[i].addr - 16 + k * 16;
	err = memory_heads(mem, addrs, n * PIECES, heads);
	for (size_t i = 0; !err && i < n; i++) {
		c[i].size = heads[i * PIECES][1] & ~SIZE_BITS;
		memcpy(c[i].words, heads[i * PIECES + 1], sizeof(c[i].words));
		c[i].signature =
		    signature_of(files, nfiles, heads[i * PIECES + 1], signature_words(c[i].size));
		c[i].content =
		    signature_content(heads[i * PIECES + 1], signature_content_words(c[i].size));
	}
	return err;
}

int signatures_read(const struct memory *mem, const struct signature_range *files, size_t nfiles,
		    struct signatures_chunk *chunks, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i += AT_ONCE)
		err = read_some(mem, files, nfiles, chunks + i, n - i < AT_ONCE ? n - i : AT_ONCE);
	return err;
}
