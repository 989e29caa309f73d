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

#include <stdint.h>
#include <sys/types.h>

struct drain;
struct glimpsed_part;
struct glimpses;

/* 0 or -ENOMEM. */
int glimpses__new(struct drain *d, struct glimpses **out);
void glimpses__free(struct glimpses *g);

/* Now, of process tgid, or with 0 of all that a window is open in: what the drain
 * gives (drain__glimpse). */
void glimpses__take(struct glimpses *g, pid_t tgid);

/* What was taken of process `id` of the drain and this program of its, of blocks born until this
 * moment, and not asked for yet (no chunk's signature is valid), to *out: glimpsed_part_free. */
void glimpses__of(struct glimpses *g, uint32_t id, uint32_t execs, uint32_t moment,
		  struct glimpsed_part *out);

#endif
