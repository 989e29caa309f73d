// SPDX-License-Identifier: GPL-2.0
#include "symbol/codefile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "model/modules.h"

#define MAX_VDSO (1u << 20)

/* In two steps: to open a device or a pipe for reading can have effects, to look at it has none. */
static int open_regular(int root, const char *path, uint64_t resolve, uint64_t inode)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = resolve};
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how)), opened = -1;
	char self[64];
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && (!inode || st.st_ino == inode)) {
		snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
		opened = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	}
	close(fd);
	return opened < 0 ? -ENOENT : opened;
}

int codefile_open(pid_t pid, const struct module *m)
{
	char path[96];
	int root, fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)pid,
		 (unsigned long long)m->start, (unsigned long long)m->end);
	fd = open_regular(AT_FDCWD, path, 0, 0);
	if (fd >= 0 || m->path[0] != '/')
		return fd;
	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	/* Its links must not lead out of its root, and the path may be another file's by now. */
	fd = open_regular(root, m->path, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, m->inode);
	close(root);
	return fd;
}

static int read_memory(pid_t pid, uint64_t addr, void *buf, size_t size)
{
	struct iovec to = {.iov_base = buf, .iov_len = size};
	struct iovec from = {.iov_base = (void *)(uintptr_t)addr, .iov_len = size};
	char path[32];
	ssize_t got;
	int fd;

	if (process_vm_readv(pid, &to, 1, &from, 1, 0) == (ssize_t)size)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	got = pread(fd, buf, size, (off_t)addr);
	close(fd);
	return got == (ssize_t)size ? 0 : -EIO;
}

int codefile_vdso(pid_t pid, const struct module *m)
{
	size_t size = m->end - m->start;
	int fd = -1, err;
	void *image;

	if (size > MAX_VDSO)
		return -E2BIG;
	image = malloc(size);
	if (!image)
		return -ENOMEM;
	err = read_memory(pid, m->start, image, size);
	if (!err) {
		fd = memfd_create("heapwatch-vdso", MFD_CLOEXEC);
		err = fd < 0 ? -errno : 0;
	}
	if (!err && write(fd, image, size) != (ssize_t)size) {
		err = -EIO;
		close(fd);
	}
	free(image);
	return err ? err : fd;
}
