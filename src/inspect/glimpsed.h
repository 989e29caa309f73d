/* SPDX-License-Identifier: GPL-2.0 */
/*
 * glimpsed.h: blocks that were looked at while the window was open in which they came, until who
 * reports of them asks: windows may follow each other faster than that.  Not thread-safe.
 */
#ifndef INSPECT_GLIMPSED_H
#define INSPECT_GLIMPSED_H

#include <stddef.h>
#include <stdint.h>

struct block;
struct glimpsed;
struct signatures_chunk;

/* Of one process and one program of its (execs: how many came before): n chunks and the blocks that
 * they are, by address. */
struct glimpsed_part {
	uint32_t id, execs;
	struct block *blocks;
	struct signatures_chunk *chunks;
	size_t n;
};
/* Frees both, and makes it empty. */
void glimpsed_part_free(struct glimpsed_part *part);

/* NULL where memory is out. */
struct glimpsed *glimpsed__new(void);
void glimpsed__free(struct glimpsed *g);
/* What a window gave: takes over what part has.  Where one address is in two, the later is kept. Of
 * processes that nobody asks for, those go that came first; of one, what comes when 16,384 blocks
 * wait. */
void glimpsed__put(struct glimpsed *g, struct glimpsed_part *part);
/* Those of this process and program that were born until this moment (model/seen.h), to *out, which
 * is empty where there are none or memory is out; later ones stay, another program's go. */
void glimpsed__take(struct glimpsed *g, uint32_t id, uint32_t execs, uint32_t moment,
		    struct glimpsed_part *out);

#endif
