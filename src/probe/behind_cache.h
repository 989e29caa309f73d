/* SPDX-License-Identifier: GPL-2.0 */
/*
 * behind_cache.h: places that were proven once, remembered by build-id: the file places.BUILD-ID in
 * $CACHE_DIRECTORY (systemd.exec(5)), or else in /var/cache/heapwatch.
 */
#ifndef PROBE_BEHIND_CACHE_H
#define PROBE_BEHIND_CACHE_H

#include "probe/behind.h"
#include "probe/candidates.h"

/*
 * out->build_id says which; c: that file's candidates, which all places have to be among.
 * 0; -ENOENT: there are none; -EPERM: others than root and ourselves can write the file; -EBADMSG:
 * it says nothing that makes sense; -errno.
 */
int behind_load(const struct candidates *c, struct behind *out);
/* Makes the directory too.  0 or -errno. */
int behind_save(const struct behind *b);

#endif
