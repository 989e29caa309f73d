/* SPDX-License-Identifier: GPL-2.0 */
/*
 * glimpse.h: what blocks begin with while the window in which they came is still open: then their
 * frees are seen, so that each is looked at while it is there.  A moment after the window most are
 * gone, and what begins there is another block.
 *
 * One thread takes, with the window; another one asks.
 */
#ifndef APP_GLIMPSE_H
#define APP_GLIMPSE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct block;
struct drain;
struct glimpses;
struct signatures_chunk;

/* 0 or -ENOMEM. */
int glimpses__new(struct drain *d, struct glimpses **out);
void glimpses__free(struct glimpses *g);

/* Now, of process tgid, or with 0 of all that a window is open in: what the drain
 * gives (drain__glimpse). */
void glimpses__take(struct glimpses *g, pid_t tgid);

/* What was taken last of process `id` of the drain and this program of its, and not asked for yet:
 * each chunk (its signature is not valid) with its block, by address.  How many; 0: nothing.
 * free(*blocks), free(*chunks). */
size_t glimpses__of(struct glimpses *g, uint32_t id, uint32_t execs, struct block **blocks,
		    struct signatures_chunk **chunks);

#endif
