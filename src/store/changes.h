/* SPDX-License-Identifier: GPL-2.0 */
/*
 * changes.h: which callsites of a process changed since the tick before, and how.  As bytes
 * (words.h): for each of them, ascending: its number less that of the one before, which fields
 * changed (a bit each), and by how much.  A site that is no longer there has all fields 0.
 */
#ifndef STORE_CHANGES_H
#define STORE_CHANGES_H

#include <stddef.h>
#include <stdint.h>

struct bytes;

/* Of struct report_site: bytes, blocks, allocated_bytes, allocated_blocks, estimated; low and high
 * less bytes.  Its growth is left out: it changes when nothing does, and two instants tell it. */
#define CHANGES_FIELDS 7

struct changes_site {
	uint64_t number;
	uint64_t value[CHANGES_FIELDS];
};

/* Both by number, ascending; appended to out, nothing where they are equal. */
void changes_encode(const struct changes_site *before, size_t nbefore,
		    const struct changes_site *now, size_t nnow, struct bytes *out);

/* By how much; differences wrap.  Non-zero ends it, and is passed on. */
typedef int (*changes_fn)(void *arg, uint64_t number, const uint64_t change[CHANGES_FIELDS]);

/* 0, -EBADMSG, or what fn gave. */
int changes_decode(const void *data, size_t len, changes_fn fn, void *arg);

#endif
