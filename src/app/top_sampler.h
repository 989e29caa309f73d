/* SPDX-License-Identifier: GPL-2.0 */
/*
 * top_sampler.h: the sampler on a thread of its own, so that no look at the machine, however long
 * it takes, keeps the screen waiting.  The screen asks for one look at a time.
 */
#ifndef APP_TOP_SAMPLER_H
#define APP_TOP_SAMPLER_H

#include "inspect/machine_sampler.h"
#include "probe/kinds.h"

struct machine_source;
struct top_sampler;

/* source: attached by the thread after its first look, with kernel_kind.  notify_fd: an eventfd
 * that tells of each finished look.  0 or -errno. */
int top_sampler__new(const struct sampler_options *options, struct machine_source *source,
		     enum kernel_kind kind, int notify_fd, struct top_sampler **out);
/* Waits for a look that is under way. */
void top_sampler__free(struct top_sampler *t);

/* Look now, with this on the screen.  held: what top_sampler__latest said last, which stays valid.
 * Nothing happens while a look is under way, nor where one has ended since: two are kept. */
void top_sampler__request(struct top_sampler *t, const struct machine *held,
			  const struct sampler_shown *shown);
/* What the last finished look saw; NULL before the first.  Valid until a request after the next
 * call of this. */
const struct machine *top_sampler__latest(struct top_sampler *t);
/* From the next look on this process is marked as watched, and no other; 0: none is. */
void top_sampler__watched(struct top_sampler *t, uint32_t pid);

#endif
