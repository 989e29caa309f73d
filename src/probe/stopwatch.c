// SPDX-License-Identifier: GPL-2.0
#include "probe/stopwatch.h"

#include <dirent.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct stopwatch {
	unsigned int n;
	int fd[STOPWATCH_THREADS];
};

static int open_clock(pid_t tid, bool inherit, bool with_forks)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_SW_TASK_CLOCK,
				       .inherit = inherit,
				       .inherit_thread = inherit && !with_forks};
	long fd = syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

/* How many threads there are in tids, which has room for `room`, or -E2BIG. */
static int list(DIR *tasks, pid_t *tids, unsigned int room)
{
	const struct dirent *d;
	unsigned int n = 0;

	while ((d = readdir(tasks))) {
		pid_t tid = (pid_t)strtol(d->d_name, NULL, 10);

		if (tid <= 0)
			continue;
		if (n == room)
			return -E2BIG;
		tids[n++] = tid;
	}
	return (int)n;
}

static int add_all(struct stopwatch *w, DIR *tasks, bool with_forks)
{
	pid_t tids[STOPWATCH_THREADS];
	int n = list(tasks, tids, STOPWATCH_THREADS - w->n);

	for (int i = 0; i < n; i++) {
		int fd = open_clock(tids[i], true, with_forks);

		if (fd == -EINVAL)
			fd = open_clock(tids[i], false, false);
		if (fd == -ESRCH)
			continue; /* it has ended */
		if (fd < 0)
			return fd;
		w->fd[w->n++] = fd;
	}
	return n < 0 ? n : 0;
}

int stopwatch__add(struct stopwatch **w, pid_t pid, bool with_forks)
{
	char path[32];
	DIR *tasks;
	int err;

	if (!*w)
		*w = calloc(1, sizeof(**w));
	if (!*w)
		return -ENOMEM;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return errno == ENOENT ? -ESRCH : -errno;
	err = add_all(*w, tasks, with_forks);
	closedir(tasks);
	return err;
}

uint64_t stopwatch__ns(const struct stopwatch *w)
{
	uint64_t sum = 0, ns;

	for (unsigned int i = 0; i < w->n; i++)
		if (read(w->fd[i], &ns, sizeof(ns)) == sizeof(ns))
			sum += ns;
	return sum;
}

void stopwatch__free(struct stopwatch *w)
{
	for (unsigned int i = 0; w && i < w->n; i++)
		close(w->fd[i]);
	free(w);
}
