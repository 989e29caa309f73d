// SPDX-License-Identifier: GPL-2.0
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int read_all(int fd, size_t most, char *buf, size_t *len)
{
	*len = 0;
	for (;;) {
		ssize_t n = read(fd, buf + *len, most + 1 - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return 0;
		*len += (size_t)n;
		if (*len > most)
			return -EFBIG;
	}
}

int file_read(const char *path, size_t most, char **out, size_t *len)
{
	/* A FIFO must not make us wait. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *buf;
	int err;

	if (fd < 0)
		return -errno;
	buf = malloc(most + 2);
	err = buf ? read_all(fd, most, buf, len) : -ENOMEM;
	close(fd);
	if (err) {
		free(buf);
		return err;
	}
	buf[*len] = 0;
	*out = buf;
	return 0;
}
