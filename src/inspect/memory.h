/* SPDX-License-Identifier: GPL-2.0 */
/*
 * memory.h: reading another process's memory, which goes on running.  What reads heaps takes one of
 * these, so that tests can hand it a heap of their own making.
 */
#ifndef INSPECT_MEMORY_H
#define INSPECT_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct memory {
	/* Copy [addr, addr + len) to buf: 0, or -EFAULT (not all of it is there), -ESRCH, -EPERM.
	 */
	int (*read)(const struct memory *m, uint64_t addr, void *buf, size_t len);
	pid_t pid;
	const void *arg; /* of a test's reader */
};

#define MEMORY_HEADS 512

/*
 * Copy len bytes, a multiple of 16, from each of n (up to MEMORY_HEADS) addresses to buf, one
 * behind the other.  What is not there reads as zeroes, by 16 bytes.  0, -ESRCH, -EPERM.
 */
int memory_pieces(const struct memory *m, const uint64_t *addrs, size_t n, size_t len, void *buf);
/* ... of 16 bytes each, to heads[i]. */
int memory_heads(const struct memory *m, const uint64_t *addrs, size_t n, uint64_t (*heads)[2]);

/* By process_vm_readv(2), which neither stops the process nor waits for its locks. */
struct memory memory_of(pid_t pid);

static inline int memory_read(const struct memory *m, uint64_t addr, void *buf, size_t len)
{
	return m->read(m, addr, buf, len);
}

static inline int memory_read_u64(const struct memory *m, uint64_t addr, uint64_t *out)
{
	return m->read(m, addr, out, sizeof(*out));
}

#endif
