/* SPDX-License-Identifier: GPL-2.0 */
/* inspection_peek.h: looking at single blocks that are samples, between looks at the whole heap.
 * Private to inspection.c. */
#ifndef APP_INSPECTION_PEEK_H
#define APP_INSPECTION_PEEK_H

#include <stddef.h>

struct blocks;
struct drain;
struct drain_seen;
struct inspection;
struct modules;
struct signature_range;

/* At those that came since the last time. */
void inspection_peek(struct inspection *i, struct drain *d, const struct modules *modules);
/* Before a look: at all of them.  files: signatures_files's. */
void inspection_peek_again(struct inspection *i, const struct blocks *blocks,
			   const struct signature_range *files, size_t nfiles,
			   const struct drain_seen *seen);

#endif
