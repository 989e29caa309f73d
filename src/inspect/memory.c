// SPDX-License-Identifier: GPL-2.0
#include "inspect/memory.h"

#include <errno.h>
#include <sys/uio.h>

static int read_process(const struct memory *m, uint64_t addr, void *buf, size_t len)
{
	struct iovec to = {buf, len}, from = {(void *)(uintptr_t)addr, len};
	ssize_t n = process_vm_readv(m->pid, &to, 1, &from, 1, 0);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EFAULT;
}

struct memory memory_of(pid_t pid)
{
	return (struct memory){.read = read_process, .pid = pid};
}
