// SPDX-License-Identifier: GPL-2.0
#include "inspect/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

static int read_process(const struct memory *m, uint64_t addr, void *buf, size_t len)
{
	struct iovec to = {buf, len}, from = {(void *)(uintptr_t)addr, len};
	ssize_t n = process_vm_readv(m->pid, &to, 1, &from, 1, 0);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EFAULT;
}

#define HEAD 16u

/* As many as are there in a row: how many, or -errno. */
static ssize_t read_row(const struct memory *m, const uint64_t *addrs, size_t n, size_t len,
			char *buf)
{
	struct iovec to = {buf, n * len}, from[MEMORY_HEADS];
	ssize_t got;

	if (m->read != read_process)
		return m->read(m, addrs[0], buf, len) ? 0 : 1;
	for (size_t i = 0; i < n; i++)
		from[i] = (struct iovec){(void *)(uintptr_t)addrs[i], len};
	got = process_vm_readv(m->pid, &to, 1, from, n, 0);
	if (got < 0)
		return errno == EFAULT ? 0 : -errno;
	return got / (ssize_t)len;
}

/* Of one that is not there in whole. */
static int read_parts(const struct memory *m, uint64_t addr, size_t len, char *buf)
{
	for (size_t at = 0; at < len; at += HEAD) {
		int err = m->read(m, addr + at, buf + at, HEAD);

		if (err && err != -EFAULT)
			return err;
		if (err)
			memset(buf + at, 0, HEAD);
	}
	return 0;
}

int memory_pieces(const struct memory *m, const uint64_t *addrs, size_t n, size_t len, void *buf)
{
	char *to = buf;

	for (size_t done = 0; done < n;) {
		ssize_t got = read_row(m, addrs + done, n - done, len, to + done * len);
		int err = 0;

		if (got < 0)
			return (int)got;
		done += (size_t)got;
		if (!got) {
			err = read_parts(m, addrs[done], len, to + done * len);
			done++;
		}
		if (err)
			return err;
	}
	return 0;
}

int memory_heads(const struct memory *m, const uint64_t *addrs, size_t n, uint64_t (*heads)[2])
{
	return memory_pieces(m, addrs, n, HEAD, heads);
}

struct memory memory_of(pid_t pid)
{
	return (struct memory){.read = read_process, .pid = pid};
}
