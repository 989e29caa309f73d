/* SPDX-License-Identifier: GPL-2.0 */
/*
 * machine_source.h: the kernel-side counters (probe/system.h) as the sampler takes them, callsites
 * with names.  May be used by more than one thread at once.
 */
#ifndef APP_MACHINE_SOURCE_H
#define APP_MACHINE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inspect/machine_sampler.h"
#include "probe/kinds.h"

struct arena;
struct machine_source;
struct page_mapping;

/* Nothing is attached yet: so that a first picture need not wait for the kernel's verifier.  NULL:
 * no memory. */
struct machine_source *machine_source__new(void);
/* Attach; KERNEL_NONE: do not.  What does not work is told by the source's `reason`. */
void machine_source__start(struct machine_source *s, enum kernel_kind kind);
/* Detaches. */
void machine_source__free(struct machine_source *s);

/* For sampler_options; its kind and reason change with machine_source__start, on whose thread the
 * sampler is to be used. */
const struct sampler_source *machine_source__sampler(const struct machine_source *s);

/* The callsites of one process, in the arena; *n is 0 where there are none.  false: not known. */
bool machine_source__mappings(struct machine_source *s, uint32_t pid, struct arena *arena,
			      const struct page_mapping **out, size_t *n);

#endif
