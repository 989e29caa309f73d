/* SPDX-License-Identifier: GPL-2.0 */
/* identity.h: which file it is, and as it was written: for what is remembered of one. */
#ifndef BASE_IDENTITY_H
#define BASE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

/* As stat(2) says.  A file that is written gets another ctime, an inode that is used again too. */
struct identity {
	uint64_t dev, inode, size, ctime_ns, mtime_ns;
};

/* Of an open file.  0 or -errno. */
int identity_of(int fd, struct identity *out);
bool identity_equal(const struct identity *a, const struct identity *b);

#endif
