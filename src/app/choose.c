// SPDX-License-Identifier: GPL-2.0
#include "app/choose.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <mntent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/session.h"
#include "base/log.h"
#include "inspect/procfs.h"

struct seen {
	pid_t pid;
	uint64_t start_time;
};

struct choose {
	const char *comm;
	char cgroup[PATH_MAX]; /* as /proc/PID/cgroup has it; "": any */
	struct seen *seen;     /* those of the last round: by pid, as /proc lists them */
	size_t nseen;
};

/* Below the root of any hierarchy: of one (cgroup2) or of several. */
static bool find_below(const char *root, const char *path, struct choose *c)
{
	char procs[2 * PATH_MAX];
	size_t len;

	if (!strncmp(path, root, strlen(root)) && path[strlen(root)] == '/')
		path += strlen(root);
	while (*path == '/')
		path++;
	len = strlen(path);
	while (len && path[len - 1] == '/')
		len--;
	snprintf(procs, sizeof(procs), "%s/%.*s/cgroup.procs", root, (int)len, path);
	if (!len || access(procs, R_OK))
		return false;
	snprintf(c->cgroup, sizeof(c->cgroup), "/%.*s", (int)len, path);
	return true;
}

static int find_cgroup(struct choose *c, const char *path)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	bool found = false;

	while (mounts && !found && (m = getmntent(mounts)))
		found = !strncmp(m->mnt_type, "cgroup", 6) && find_below(m->mnt_dir, path, c);
	if (mounts)
		endmntent(mounts);
	if (found)
		return 0;
	log_error("no control group '%s' below /sys/fs/cgroup; systemd-cgls lists them", path);
	return -ENOENT;
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

/* A line of /proc/PID/cgroup is "NUMBER:CONTROLLERS:/PATH", one for each hierarchy. */
static bool in_group(const struct choose *c, pid_t pid)
{
	size_t want = strlen(c->cgroup);
	char path[64], line[PATH_MAX + 256], *at;
	bool found = false;
	FILE *f;

	if (!want)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		at = strstr(line, ":/");
		found = at && !strncmp(at + 1, c->cgroup, want) &&
			(!at[1 + want] || at[1 + want] == '/');
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
