// SPDX-License-Identifier: GPL-2.0
#include "base/identity.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static uint64_t ns(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec;
}

int identity_of(int fd, struct identity *out)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	*out = (struct identity){.dev = st.st_dev,
				 .inode = st.st_ino,
				 .size = (uint64_t)st.st_size,
				 .ctime_ns = ns(&st.st_ctim),
				 .mtime_ns = ns(&st.st_mtim)};
	return 0;
}

bool identity_equal(const struct identity *a, const struct identity *b)
{
	return !memcmp(a, b, sizeof(*a));
}
