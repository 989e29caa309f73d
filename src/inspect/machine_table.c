// SPDX-License-Identifier: GPL-2.0
#include "inspect/machine_table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/utf8.h"

/* stat of those that are not on the screen is read every so many ticks, what hardly changes every
 * so many. */
#define STAT_EVERY 10
#define SLOW_EVERY 60

/* What the first tick left out is made up for within so many. */
#define LEFT_OUT 8

/* Descriptors that are left to others. */
#define SPARE_FDS 512

/* struct linux_dirent64 of getdents64(2). */
struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t len;
	uint8_t type;
	char name[];
};

int machine_table_init(struct machine_table *t, const char *proc)
{
	struct rlimit limit;

	*t = (struct machine_table){.proc_fd = open(proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	if (t->proc_fd < 0)
		return -errno;
	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur > 2 * SPARE_FDS)
		t->max_fds = limit.rlim_cur - SPARE_FDS;
	return 0;
}

static void set_string(char **to, const char *s)
{
	if (*to && !strcmp(*to, s))
		return;
	free(*to);
	*to = *s ? strdup(s) : NULL;
}

static void record_free(struct machine_table *t, struct machine_record *r)
{
	if (r->statm_fd >= 0) {
		close(r->statm_fd);
		t->nfds--;
	}
	free(r->cmdline);
	free(r->exe);
	free(r->cgroup);
	free(r->unit);
	free(r);
}

void machine_table_free(struct machine_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		record_free(t, t->records[i]);
	free(t->records);
	free(t->pids);
	if (t->proc_fd >= 0)
		close(t->proc_fd);
	t->proc_fd = -1;
}

struct machine_record *machine_table_find(const struct machine_table *t, uint32_t pid)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (t->records[mid]->pid < pid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < t->n && t->records[low]->pid == pid ? t->records[low] : NULL;
}

static long read_fd(int fd, char *buf, size_t len)
{
	ssize_t n = pread(fd, buf, len - 1, 0);

	if (n < 0)
		return -errno;
	buf[n] = 0;
	return n;
}

long machine_table_read(const struct machine_table *t, const char *path, char *buf, size_t len)
{
	int fd = openat(t->proc_fd, path, O_RDONLY | O_CLOEXEC);
	long n;

	if (fd < 0)
		return -errno;
	n = read_fd(fd, buf, len);
	close(fd);
	return n;
}

static long read_of(const struct machine_table *t, uint32_t pid, const char *name, char *buf,
		    size_t len)
{
	char path[64];

	snprintf(path, sizeof(path), "%u/%s", pid, name);
	return machine_table_read(t, path, buf, len);
}

static int add_pid(struct machine_table *t, uint32_t pid)
{
	if (t->npids == t->pids_room) {
		size_t room = t->pids_room ? 2 * t->pids_room : 1024;
		uint32_t *pids = reallocarray(t->pids, room, sizeof(*pids));

		if (!pids)
			return -ENOMEM;
		t->pids = pids;
		t->pids_room = room;
	}
	t->pids[t->npids++] = pid;
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The names that are numbers. */
static int list(struct machine_table *t)
{
	char buf[32768] __attribute__((aligned(8)));
	bool sorted = true;
	long n;

	t->npids = t->refused = 0;
	if (lseek(t->proc_fd, 0, SEEK_SET) < 0)
		return -errno;
	while ((n = syscall(SYS_getdents64, t->proc_fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n;) {
			const struct entry *e = (const void *)(buf + at);
			char *end;
			unsigned long pid = 0;

			at += e->len;
			if (e->name[0] >= '1' && e->name[0] <= '9')
				pid = strtoul(e->name, &end, 10);
			if (!pid || *end || pid > INT32_MAX)
				continue;
			sorted &= !t->npids || t->pids[t->npids - 1] < pid;
			if (add_pid(t, (uint32_t)pid))
				return -ENOMEM;
		}
	}
	/* procfs lists them by number; a test's directory does not. */
	if (!n && !sorted)
		qsort(t->pids, t->npids, sizeof(*t->pids), by_pid);
	return n < 0 ? -errno : 0;
}

/* What an exec may change. */
static void read_who(struct machine_table *t, struct machine_record *r)
{
	char raw[4096], text[4096];
	long n;

	if (read_of(t, r->pid, "status", raw, sizeof(raw)) > 0)
		machine_parse_status(raw, &r->status);
	n = r->stat.kernel_thread ? -1 : read_of(t, r->pid, "cmdline", raw, sizeof(raw));
	if (n >= 0)
		set_string(&r->cmdline, machine_join_args(text, sizeof(text), raw, (size_t)n));
}

/* And what hardly ever changes. */
static void read_where(struct machine_table *t, struct machine_record *r)
{
	char raw[4096], text[4096], path[64];
	bool container;
	ssize_t len;

	r->slow_tick = t->tick;
	if (read_of(t, r->pid, "cgroup", raw, sizeof(raw)) > 0) {
		machine_parse_cgroup(raw, text, sizeof(text));
		if (strcmp(text, r->cgroup ? r->cgroup : "")) {
			set_string(&r->cgroup, text);
			machine_cgroup_unit(text, raw, sizeof(raw), &container);
			set_string(&r->unit, raw);
			r->container = container;
		}
	}
	if (r->stat.kernel_thread)
		return;
	snprintf(path, sizeof(path), "%u/exe", r->pid);
	len = readlinkat(t->proc_fd, path, raw, sizeof(raw) - 1);
	r->denied = len < 0 && errno == EACCES;
	raw[len < 0 ? 0 : len] = 0;
	set_string(&r->exe, utf8_clean(text, sizeof(text), raw));
}

/* 0, or -errno where it is gone, or is another process by now. */
static int read_stat(struct machine_table *t, struct machine_record *r)
{
	struct machine_stat old = r->stat, now;
	char text[2048];
	long n = read_of(t, r->pid, "stat", text, sizeof(text));

	if (n < 0)
		return (int)n;
	if (machine_parse_stat(text, &now))
		return -EBADMSG;
	r->stat_tick = t->tick;
	if (old.start_time && old.start_time != now.start_time)
		return -ESRCH;
	r->stat = now;
	if (old.start_time && (strcmp(old.comm, now.comm) || old.start_code != now.start_code)) {
		/* exec: the heap that was there is gone. */
		machine_heap_reset(&r->heap);
		r->slow_tick = 0;
	}
	return 0;
}

static int read_statm(struct machine_table *t, struct machine_record *r)
{
	uint64_t code = r->statm.text;
	char text[256];
	long n = r->statm_fd >= 0 ? read_fd(r->statm_fd, text, sizeof(text))
				  : read_of(t, r->pid, "statm", text, sizeof(text));

	if (n < 0)
		return (int)n;
	if (machine_parse_statm(text, &r->statm))
		return -EBADMSG;
	/* Another program's code, or none any more: find out. */
	if (code && r->statm.text != code)
		r->stat_tick = 0;
	return 0;
}

static void keep_fd(struct machine_table *t, struct machine_record *r)
{
	char path[64];

	if (t->nfds >= t->max_fds)
		return;
	snprintf(path, sizeof(path), "%u/statm", r->pid);
	r->statm_fd = openat(t->proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (r->statm_fd >= 0)
		t->nfds++;
	else if (errno == EMFILE || errno == ENFILE)
		t->max_fds = t->nfds;
}

/* A descriptor that is kept tells that the process is the same; without one only stat does. */
static int refresh(struct machine_table *t, struct machine_record *r, size_t i)
{
	int err = read_statm(t, r);

	if (!err &&
	    (r->shown || r->statm_fd < 0 || !r->stat_tick || (t->tick + i) % STAT_EVERY == 0))
		err = read_stat(t, r);
	if (!err && (!r->slow_tick || (t->tick + i) % SLOW_EVERY == 0 ||
		     (r->slow_tick == 1 && (r->shown || (t->tick + i) % LEFT_OUT == 0)))) {
		read_who(t, r);
		read_where(t, r);
	}
	return err;
}

static int record_new(struct machine_table *t, uint32_t pid, struct machine_record **out)
{
	struct machine_record *r = calloc(1, sizeof(*r));
	int err;

	*out = NULL;
	if (!r)
		return -ENOMEM;
	r->pid = pid;
	r->statm_fd = -1;
	r->fresh = true;
	/* The descriptor first: what is read behind is then of the same process, or of none. */
	keep_fd(t, r);
	err = read_statm(t, r);
	if (!err)
		err = read_stat(t, r);
	if (err) {
		/* One that is gone already is not an error. */
		t->refused += err == -EPERM || err == -EACCES;
		record_free(t, r);
		return 0;
	}
	read_who(t, r);
	/* A first picture of a thousand processes must not wait for this of all of them. */
	if (t->tick > 1 || t->eager)
		read_where(t, r);
	else
		r->slow_tick = 1;
	*out = r;
	return 0;
}

int machine_table_tick(struct machine_table *t)
{
	struct machine_record **now;
	size_t old = 0, n = 0;
	int err;

	t->tick++;
	err = list(t);
	now = err ? NULL : calloc(t->npids + 1, sizeof(*now));
	if (!now)
		return err ? err : -ENOMEM;
	for (size_t i = 0; i < t->npids && !err; i++) {
		struct machine_record *r = NULL;

		while (old < t->n && t->records[old]->pid < t->pids[i])
			record_free(t, t->records[old++]);
		if (old < t->n && t->records[old]->pid == t->pids[i]) {
			r = t->records[old++];
			r->fresh = false;
			if (refresh(t, r, i)) {
				record_free(t, r);
				r = NULL;
			}
		}
		if (!r)
			err = record_new(t, t->pids[i], &r);
		if (r)
			now[n++] = r;
	}
	while (old < t->n)
		record_free(t, t->records[old++]);
	free(t->records);
	t->records = now;
	t->n = n;
	return err;
}
