// SPDX-License-Identifier: GPL-2.0
#include "app/watched.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "app/drain.h"
#include "app/space.h"
#include "base/clock.h"
#include "base/log.h"
#include "model/ledger.h"
#include "probe/probes.h"
#include "model/growth.h"
#include "model/modules.h"
#include "symbol/names.h"
#include "unwind/tables.h"

int watched_refuse(pid_t pid, int err)
{
	switch (err) {
	case -ESRCH:
		log_error("no process %d", pid);
		break;
	case -EACCES:
	case -EPERM:
		log_error("process %d may not be looked at: %s", pid,
			  geteuid() ? "run as root (sudo heapwatch ...)"
				    : "not even by root, for it has privileges that we lack, or a "
				      "security module forbids it");
		break;
	default:
		log_error("process %d: %s", pid, strerror(-err));
	}
	return err;
}

static int identify(struct watched *w)
{
	int err = procfs_stat(w->pid, &w->stat);

	if (err)
		return watched_refuse(w->pid, err);
	if (w->stat.kernel_thread) {
		log_error("process %d (%s) is a kernel thread: it has no heap", w->pid,
			  w->stat.comm);
		return -EINVAL;
	}
	if (w->stat.state == 'Z' || w->stat.state == 'X') {
		log_error("process %d (%s) has ended already and waits for its parent", w->pid,
			  w->stat.comm);
		return -ESRCH;
	}
	err = procfs_exe(w->pid, w->exe, sizeof(w->exe));
	if (err)
		return watched_refuse(w->pid, err == -ENOENT ? -ESRCH : err);
	return 0;
}

int watched__new(pid_t pid, struct watched **out)
{
	struct watched *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->pid = pid;
	inspection_init(&w->inspection, pid, code_leave, w);
	w->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (w->pidfd < 0) {
		/* A thread that is not its process's leader: EINVAL, on newer kernels (6.18)
		 * ENOENT. */
		err = errno == EINVAL || errno == ENOENT ? -EINVAL : watched_refuse(pid, -errno);
		if (err == -EINVAL)
			log_error("%d is a thread, not a process: give the process's id", pid);
		goto fail;
	}
	err = identify(w);
	if (err)
		goto fail;
	w->modules = modules__new();
	if (!w->modules) {
		err = -ENOMEM;
		goto fail;
	}
	err = procfs_memory(pid, &w->memory);
	if (err) {
		watched_refuse(pid, err);
		goto fail;
	}
	*out = w;
	return 0;
fail:
	watched__free(w);
	return err;
}

void watched__free(struct watched *w)
{
	if (!w)
		return;
	if (w->pidfd >= 0)
		close(w->pidfd);
	inspection_free(&w->inspection);
	modules__free(w->modules);
	growth__free(w->growth);
	for (size_t i = 0; i < w->nfiles; i++)
		code_free(&w->files[i].code);
	free(w->files);
	free(w);
}

bool watched__ended(const struct watched *w)
{
	struct pollfd fd = {.fd = w->pidfd, .events = POLLIN};

	return w->pidfd < 0 || poll(&fd, 1, 0) > 0;
}

/* What is left to know of one that has ended is what the records said. */
static void from_records(struct watched *w)
{
	if (w->life.comm[0])
		snprintf(w->stat.comm, sizeof(w->stat.comm), "%s", w->life.comm);
	if (w->life.path[0])
		snprintf(w->exe, sizeof(w->exe), "%s", w->life.path);
}

int watched__child(uint32_t id, const struct drain_state *life, const struct watched *parent,
		   struct watched **out)
{
	struct watched *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->pid = (pid_t)life->tgid;
	w->id = id;
	w->parent = life->parent;
	w->ppid = parent ? parent->pid : 0;
	w->life = *life;
	w->modules = parent ? modules__copy(parent->modules) : modules__new();
	inspection_init(&w->inspection, w->pid, code_leave, w);
	w->inspection.id = id;
	w->pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
	if (!w->modules) {
		watched__free(w);
		return -ENOMEM;
	}
	if (parent) {
		w->stat = parent->stat;
		snprintf(w->exe, sizeof(w->exe), "%s", parent->exe);
		snprintf(w->allocator, sizeof(w->allocator), "%s", parent->allocator);
	}
	from_records(w);
	/* As field 22 of /proc/PID/stat is made: fs/proc/array.c, nsec_to_clock_t(). */
	w->stat.start_time = life->start_ns / (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
	if (!life->exited) {
		procfs_stat(w->pid, &w->stat);
		procfs_exe(w->pid, w->exe, sizeof(w->exe));
		watched__sample(w);
	}
	*out = w;
	return 0;
}

static bool counts_as_mapped(const struct module *m)
{
	return !m->inode && !m->shared && (m->read || m->write || m->exec) &&
	       (!m->path[0] || !strncmp(m->path, "[anon", 5));
}

/* Anonymous memory that is there now, and where the break is. */
static int seed(struct ledger *l, pid_t pid)
{
	struct modules *now = modules__new();
	int err = now ? procfs_modules(pid, now) : -ENOMEM;

	for (size_t i = 0; err >= 0 && i < modules__count(now); i++) {
		const struct module *m = modules__at(now, i);

		if (!strcmp(m->path, "[heap]"))
			ledger__seed_brk(l, m->end);
		else if (counts_as_mapped(m))
			err = ledger__seed_mapping(l, m->start, m->end - m->start);
	}
	modules__free(now);
	return err < 0 ? err : 0;
}

struct arming {
	struct watched *w;
	struct probes *probes;
	unsigned int ring;
	bool follow;
};

/* Armed before the maps are read: what is mapped in between is in both, and the record, which is
 * applied later, replaces the seed. */
static int arm(void *arg, struct ledger *l)
{
	const struct arming *a = arg;
	int err = probes__arm(a->probes, a->w->pid, a->ring, a->follow);

	return err ? err : seed(l, a->w->pid);
}

int watched__arm(struct watched *w, const struct watch_tools *tools, unsigned int ring, bool follow)
{
	struct arming arming = {.w = w, .probes = tools->probes, .ring = ring, .follow = follow};
	struct ledger *l = ledger__new(clock_now_ns());
	int err = l ? drain__add(tools->drain, w->pid, l, arm, &arming, &w->id) : -ENOMEM;

	if (err)
		ledger__free(l);
	w->inspection.id = w->id;
	return err;
}

/* The old program's modules name nothing any more. */
static void note_exec(struct watched *w)
{
	struct modules *fresh = modules__new();

	if (fresh) {
		modules__free(w->modules);
		w->modules = fresh;
	}
	from_records(w);
}

/* What was looked through is not what it had mapped at its end: of that nothing is known. */
static void check_looked(struct watched *w)
{
	if (w->life.execs == w->execs && w->life.code_maps == w->code_maps)
		return;
	if (w->life.execs != w->execs) {
		note_exec(w);
		w->allocator[0] = 0;
	}
	w->searched[0] = 0;
}

static void end(struct watched *w, const struct watch_tools *tools)
{
	w->exited = true;
	if (!w->life.exited) {
		/* Its last record is in the ring, or lost. */
		drain__sync(tools->drain);
		drain__state(tools->drain, w->id, &w->life);
	}
	if (!w->life.exited)
		drain__end(tools->drain, w->id);
	check_looked(w);
	probes__forget(tools->probes, w->pid);
	if (tools->tables)
		tables__drop(tools->tables, w->pid);
}

/* An exec that was not told, for its record was lost. */
static void check_execs(struct watched *w, const struct watch_tools *tools)
{
	struct hw_proc p;

	if (!probes__counters(tools->probes, w->pid, &p) && p.lost && p.execs > w->life.execs)
		drain__renew(tools->drain, w->id);
}

void watched__refresh(struct watched *w, const struct watch_tools *tools)
{
	if (w->exited || drain__state(tools->drain, w->id, &w->life))
		return;
	check_execs(w, tools);
	if (w->life.execs != w->execs) {
		note_exec(w);
		procfs_stat(w->pid, &w->stat);
		procfs_exe(w->pid, w->exe, sizeof(w->exe));
	}
	if (!w->looked || w->life.execs != w->execs || w->life.code_maps != w->code_maps) {
		w->looked = true;
		w->execs = w->life.execs;
		w->code_maps = w->life.code_maps;
		watched__attach(w, tools);
	}
	watched__sample(w);
	if (w->life.exited || watched__ended(w))
		end(w, tools);
}

void watched__sample(struct watched *w)
{
	struct procfs_memory memory;

	if (w->exited || procfs_memory(w->pid, &memory) || !memory.rss_bytes)
		return;
	w->memory = memory;
	if (memory.rss_bytes > w->peak_rss)
		w->peak_rss = memory.rss_bytes;
}
