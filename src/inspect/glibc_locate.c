// SPDX-License-Identifier: GPL-2.0
#include "inspect/glibc_locate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inspect/glibc_cache.h"
#include "inspect/glibc_find.h"
#include "inspect/procfs.h"
#include "model/modules.h"

/* Of a process of our own user's the very inode may not be had, but its name, if it still has it.
 */
static int open_by_name(pid_t pid, const struct module *m)
{
	char path[4096 + 32];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/root%s", pid, m->path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* The device is not compared: on an overlay maps and stat do not agree on it. */
	if (!fstat(fd, &st) && st.st_ino == m->inode)
		return fd;
	close(fd);
	return -ESTALE;
}

static int try_file(pid_t pid, const struct module *m, struct glibc_cache *cache, struct glibc *g,
		    unsigned int *minor)
{
	struct glibc_file f;
	uint64_t bias;
	int fd = procfs_open_mapping(pid, m->start, m->end), err;

	if ((fd == -EPERM || fd == -EACCES) && !m->deleted)
		fd = open_by_name(pid, m);
	if (fd < 0)
		return fd;
	err = cache ? glibc_cache__find(cache, fd, &f) : glibc_find(fd, &f);
	close(fd);
	if (!err || err == -ENOTSUP)
		*minor = f.minor;
	if (!err)
		err = segments_bias(&f.segments, m->start, m->offset, &bias);
	if (err)
		return err;
	*g = (struct glibc){.mem = memory_of(pid),
			    .layout = glibc_layout(f.minor),
			    .main_arena = f.main_arena + bias,
			    .par = f.par + bias};
	return 0;
}

static int is_libc(const struct module *m)
{
	const char *name = strrchr(m->path, '/');

	return name && (!strncmp(name, "/libc.so", 8) || !strncmp(name, "/libc-2.", 8));
}

int glibc_locate(pid_t pid, const struct modules *m, struct glibc_cache *cache, struct glibc *g,
		 unsigned int *minor)
{
	int found = -ENOENT;

	*minor = 0;
	for (int pass = 0; pass < 2; pass++) {
		uint64_t last = 0;

		for (size_t i = 0; i < modules__count(m); i++) {
			const struct module *x = modules__at(m, i);
			int err;

			if (!x->exec || !x->inode || is_libc(x) != !pass || x->inode == last)
				continue;
			last = x->inode;
			err = try_file(pid, x, cache, g, minor);
			if (!err)
				return 0;
			/* A reason is worth more than "no glibc". */
			if (err != -ENOENT && err != -ENOEXEC)
				found = err;
		}
		if (found != -ENOENT)
			return found;
	}
	return found;
}
