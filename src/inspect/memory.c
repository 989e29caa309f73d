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

/* As many as are there in a row: how many, or -errno. */
static ssize_t read_row(const struct memory *m, const uint64_t *addrs, size_t n,
			uint64_t (*heads)[2])
{
	struct iovec to = {heads, n * sizeof(*heads)}, from[MEMORY_HEADS];
	ssize_t got;

	if (m->read != read_process)
		return m->read(m, addrs[0], heads, sizeof(*heads)) ? 0 : 1;
	for (size_t i = 0; i < n; i++)
		from[i] = (struct iovec){(void *)(uintptr_t)addrs[i], sizeof(*heads)};
	got = process_vm_readv(m->pid, &to, 1, from, n, 0);
	if (got < 0)
		return errno == EFAULT ? 0 : -errno;
	return got / (ssize_t)sizeof(*heads);
}

int memory_heads(const struct memory *m, const uint64_t *addrs, size_t n, uint64_t (*heads)[2])
{
	for (size_t done = 0; done < n;) {
		ssize_t got = read_row(m, addrs + done, n - done, heads + done);

		if (got < 0)
			return (int)got;
		done += (size_t)got;
		if (!got) {
			/* This one is not there. */
			memset(heads[done], 0, sizeof(*heads));
			done++;
		}
	}
	return 0;
}

struct memory memory_of(pid_t pid)
{
	return (struct memory){.read = read_process, .pid = pid};
}
