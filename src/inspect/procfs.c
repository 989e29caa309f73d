// SPDX-License-Identifier: GPL-2.0
#include "inspect/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/modules.h"

/* A maps file is not longer than this: vm.max_map_count lines of a path each, with room. */
#define MAPS_MAX (256u << 20)

#define PF_KTHREAD 0x00200000u /* include/linux/sched.h */

static int read_file(pid_t pid, const char *name, char *buf, size_t len)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, buf, len - 1);
	if (n < 0)
		n = -errno;
	else
		buf[n] = 0;
	close(fd);
	return n < 0 ? (int)n : 0;
}

int procfs_stat(pid_t pid, struct procfs_stat *out)
{
	unsigned long long start;
	char buf[1024], *open_paren, *close_paren;
	unsigned int flags;
	size_t len;
	int err = read_file(pid, "stat", buf, sizeof(buf));

	if (err)
		return err;
	/* The name stands in parentheses and may hold some itself: the last one closes it. */
	open_paren = strchr(buf, '(');
	close_paren = strrchr(buf, ')');
	if (!open_paren || !close_paren || close_paren < open_paren)
		return -EBADMSG;
	if (sscanf(
		close_paren + 1,
		" %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		&out->state, &flags, &start) != 3)
		return -EBADMSG;
	len = (size_t)(close_paren - open_paren - 1);
	if (len >= sizeof(out->comm))
		len = sizeof(out->comm) - 1;
	memcpy(out->comm, open_paren + 1, len);
	out->comm[len] = 0;
	out->start_time = start;
	out->kernel_thread = flags & PF_KTHREAD;
	return 0;
}

int procfs_memory(pid_t pid, struct procfs_memory *out)
{
	unsigned long long resident, shared, page = (unsigned long long)sysconf(_SC_PAGESIZE);
	char buf[256];
	int err = read_file(pid, "statm", buf, sizeof(buf));

	if (err)
		return err;
	if (sscanf(buf, "%*u %llu %llu", &resident, &shared) != 2)
		return -EBADMSG;
	out->rss_bytes = resident * page;
	out->shared_bytes = shared * page;
	return 0;
}

int procfs_rollup(pid_t pid, struct procfs_rollup *out)
{
	unsigned long long rss, pss;
	char buf[4096], *line;
	int err = read_file(pid, "smaps_rollup", buf, sizeof(buf));

	if (err)
		return err;
	line = strstr(buf, "\nRss:");
	if (!line || sscanf(line, "\nRss: %llu kB Pss: %llu kB", &rss, &pss) != 2)
		return -EBADMSG;
	out->rss_bytes = rss * 1024;
	out->pss_bytes = pss * 1024;
	return 0;
}

int procfs_exe(pid_t pid, char *buf, size_t len)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, buf, len - 1);
	if (n < 0)
		return -errno;
	buf[n] = 0;
	return 0;
}

static int read_all(int fd, char **out, size_t *len)
{
	size_t room = 65536, n = 0;
	char *buf = malloc(room);

	while (buf) {
		ssize_t got = read(fd, buf + n, room - n);
		char *more;

		if (got < 0) {
			int err = -errno;

			free(buf);
			return err;
		}
		n += (size_t)got;
		if (!got || n >= MAPS_MAX) {
			*out = buf;
			*len = n;
			return 0;
		}
		if (n < room)
			continue;
		room *= 2;
		more = realloc(buf, room);
		if (!more)
			free(buf);
		buf = more;
	}
	return -ENOMEM;
}

/* All of /proc/PID/name, the caller's to free. */
static int read_proc(pid_t pid, const char *name, char **out, size_t *len)
{
	char path[64];
	int fd, err;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	err = read_all(fd, out, len);
	close(fd);
	return err;
}

int procfs_modules(pid_t pid, struct modules *m)
{
	size_t len = 0;
	char *text;
	int err = read_proc(pid, "maps", &text, &len);

	if (err)
		return err;
	/* One that is ending has no mappings any more. */
	err = len ? modules__parse(m, text, len) : -ESRCH;
	free(text);
	return err;
}

static bool names(const char *value, const char *tunable)
{
	const size_t len = strlen(tunable);

	for (const char *at = value; at; at = strchr(at, ':')) {
		at += *at == ':';
		if (!strncmp(at, tunable, len) && at[len] == '=')
			return true;
	}
	return false;
}

int procfs_tunes(pid_t pid, const char *tunable)
{
	static const char variable[] = "GLIBC_TUNABLES=";
	int found = 0, err;
	size_t len;
	char *text;

	err = read_proc(pid, "environ", &text, &len);
	if (err)
		return err;
	for (size_t at = 0; at < len && !found; at += strlen(text + at) + 1) {
		const char *value = text + at;

		/* The loader ends each tunable that it reads with a NUL: the next is then what a
		 * string begins with. */
		if (!strncmp(value, variable, sizeof(variable) - 1))
			value += sizeof(variable) - 1;
		found = names(value, tunable);
	}
	free(text);
	return found;
}

void procfs_mapping_path(char *buf, size_t len, pid_t pid, uint64_t start, uint64_t end)
{
	snprintf(buf, len, "/proc/%d/map_files/%llx-%llx", pid, (unsigned long long)start,
		 (unsigned long long)end);
}

int procfs_open_mapping(pid_t pid, uint64_t start, uint64_t end)
{
	char path[128];
	int fd;

	procfs_mapping_path(path, sizeof(path), pid, start, end);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
