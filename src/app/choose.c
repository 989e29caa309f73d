// SPDX-License-Identifier: GPL-2.0
#include "app/choose.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/session.h"
#include "base/log.h"
#include "inspect/procfs.h"

#define CGROUPS "/sys/fs/cgroup"

struct seen {
	pid_t pid;
	uint64_t start_time;
};

struct choose {
	const char *comm;
	char cgroup[PATH_MAX]; /* below CGROUPS, as /proc/PID/cgroup has it; "": any */
	struct seen *seen;     /* those of the last round: by pid, as /proc lists them */
	size_t nseen;
};

static int find_cgroup(struct choose *c, const char *path)
{
	size_t prefix = strlen(CGROUPS), len;
	char full[PATH_MAX + sizeof(CGROUPS)];

	if (!strncmp(path, CGROUPS "/", prefix + 1))
		path += prefix;
	while (*path == '/')
		path++;
	len = strlen(path);
	while (len && path[len - 1] == '/')
		len--;
	snprintf(full, sizeof(full), CGROUPS "/%.*s/cgroup.procs", (int)len, path);
	if (!len || access(full, R_OK)) {
		log_error("no control group '%s' (" CGROUPS "/%s); systemd-cgls lists them", path,
			  path);
		return -ENOENT;
	}
	snprintf(c->cgroup, sizeof(c->cgroup), "/%.*s", (int)len, path);
	return 0;
}

int choose__new(const char *comm, const char *cgroup, struct choose **out)
{
	struct choose *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->comm = comm;
	err = cgroup ? find_cgroup(c, cgroup) : 0;
	if (err)
		choose__free(c);
	else
		*out = c;
	return err;
}

void choose__free(struct choose *c)
{
	if (!c)
		return;
	free(c->seen);
	free(c);
}

/* The unified hierarchy's line of /proc/PID/cgroup: "0::/PATH". */
static bool in_group(const struct choose *c, pid_t pid)
{
	size_t want = strlen(c->cgroup);
	char path[64], line[PATH_MAX + 8];
	bool found = false;
	FILE *f;

	if (!want)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "0::", 3))
			found = !strncmp(line + 3, c->cgroup, want) &&
				(!line[3 + want] || line[3 + want] == '/');
	}
	if (f)
		fclose(f);
	return found;
}

static bool was_seen(const struct choose *c, pid_t pid, uint64_t start_time)
{
	for (size_t i = 0; i < c->nseen; i++)
		if (c->seen[i].pid == pid && c->seen[i].start_time == start_time)
			return true;
	return false;
}

static bool wanted(const struct choose *c, pid_t pid, struct procfs_stat *stat)
{
	return pid != getpid() && !procfs_stat(pid, stat) && !stat->kernel_thread &&
	       stat->state != 'Z' && (!c->comm || !strcmp(stat->comm, c->comm)) && in_group(c, pid);
}

static int remember(struct seen **list, size_t *n, size_t *room, const struct seen *one)
{
	if (*n == *room) {
		size_t more = *room ? 2 * *room : 64;
		struct seen *grown = reallocarray(*list, more, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		*list = grown;
		*room = more;
	}
	(*list)[(*n)++] = *one;
	return 0;
}

int choose__watch(struct choose *c, struct session *s)
{
	struct seen *now = NULL;
	size_t n = 0, room = 0;
	int found = 0, err = 0;
	struct dirent *d;
	DIR *proc = opendir("/proc");

	if (!proc)
		return -errno;
	while (!err && (d = readdir(proc))) {
		struct seen one = {.pid = (pid_t)strtol(d->d_name, NULL, 10)};
		struct procfs_stat stat;

		if (one.pid <= 0 || !wanted(c, one.pid, &stat))
			continue;
		one.start_time = stat.start_time;
		err = remember(&now, &n, &room, &one);
		if (!err && !was_seen(c, one.pid, one.start_time))
			found += !session__watch(s, one.pid);
	}
	closedir(proc);
	free(c->seen);
	c->seen = now;
	c->nseen = n;
	return err ? err : found;
}
