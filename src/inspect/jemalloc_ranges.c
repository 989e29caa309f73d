// SPDX-License-Identifier: GPL-2.0
#include <errno.h>

#include "inspect/allocator_ranges.h"
#include "inspect/jemalloc.h"
#include "inspect/jemalloc_layout.h"

#define BLOCKS_MOST 4096 /* of a base: they double in size */

/* What it has for its own structures is in no extent. */
static int add_base(const struct jemalloc *j, uint64_t base, struct allocator_ranges *out)
{
	uint64_t head[2] = {0}; /* base_block_s: size, next */
	int err = memory_read_u64(&j->mem, base + JE_BASE_BLOCKS, &head[1]);

	for (int i = 0; !err && head[1] && i < BLOCKS_MOST; i++) {
		uint64_t at = head[1];

		err = memory_read(&j->mem, at, head, sizeof(head));
		if (!err && !(at % JE_PAGE) && !(head[0] % JE_PAGE) && !(head[0] >> 40))
			err = allocator_ranges_add(out, at, at + head[0]);
	}
	return err;
}

int jemalloc_ranges(const struct jemalloc *j, struct pagemap *pages, struct allocator_ranges *out)
{
	/* include/jemalloc/internal/rtree.h: each word of a leaf has an edata_t's address, aligned
	 * to 128, beside a size class and five bits; its e_addr and e_size_esn stand behind e_bits,
	 * the latter with a number in its low bits. */
	const struct allocator_table table = {.at = j->emap + JE_RTREE_ROOT,
					      .roots = 1u << 18,
					      .page_shift = 12,
					      .pointer = ((1ull << 48) - 1) & ~127ull,
					      .run = 8};
	int err = allocator_ranges_read(&j->mem, pages, &table, out);

	for (uint32_t i = 0; i < JE_ARENAS_MOST && !err; i++) {
		uint64_t arena, base;

		err = memory_read_u64(&j->mem, j->arenas + 8ull * i, &arena);
		if (err || !arena)
			continue;
		err = memory_read_u64(&j->mem, arena + JE_TAIL + offsetof(struct je_tail, base),
				      &base);
		if (!err)
			err = add_base(j, base, out);
	}
	/* Of a torn list the rest is missing: memory of nobody known. */
	return err == -EFAULT ? 0 : err;
}
