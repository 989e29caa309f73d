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
#include "model/modules.h"
#include "symbol/names.h"

static int refuse(pid_t pid, int err)
{
	switch (err) {
	case -ESRCH:
		log_error("no process %d", pid);
		break;
	case -EACCES:
	case -EPERM:
		log_error("process %d may not be looked at: run as root (sudo heapwatch ...)", pid);
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
		return refuse(w->pid, err);
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
		return refuse(w->pid, err == -ENOENT ? -ESRCH : err);
	return 0;
}

int watched__new(pid_t pid, struct watched **out)
{
	struct watched *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->pid = pid;
	inspection_init(&w->inspection, pid);
	w->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (w->pidfd < 0) {
		/* A thread that is not its process's leader: EINVAL, on newer kernels (6.18)
		 * ENOENT. */
		err = errno == EINVAL || errno == ENOENT ? -EINVAL : refuse(pid, -errno);
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
		refuse(pid, err);
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
	free(w->files);
	free(w);
}

bool watched__ended(const struct watched *w)
{
	struct pollfd fd = {.fd = w->pidfd, .events = POLLIN};

	return w->pidfd < 0 || poll(&fd, 1, 0) > 0;
}

static uint64_t dev_of(const struct module *m)
{
	return (uint64_t)m->dev_major << 32 | m->dev_minor;
}

static struct watched_file *find_file(const struct watched *w, const struct module *m)
{
	for (size_t i = 0; i < w->nfiles; i++)
		if (w->files[i].dev == dev_of(m) && w->files[i].inode == m->inode)
			return &w->files[i];
	return NULL;
}

/* The entry of a file, made where there is none; *fresh says so.  NULL where memory is out. */
static struct watched_file *file_of(struct watched *w, const struct module *m, bool *fresh)
{
	struct watched_file *files = find_file(w, m);

	*fresh = !files;
	if (files)
		return files;
	files = reallocarray(w->files, w->nfiles + 1, sizeof(*files));
	if (!files)
		return NULL;
	w->files = files;
	files[w->nfiles] = (struct watched_file){.dev = dev_of(m), .inode = m->inode};
	return &files[w->nfiles++];
}

static void append(char *buf, size_t len, const char *separator, const char *word)
{
	size_t used = strlen(buf);

	if (used + 1 < len)
		snprintf(buf + used, len - used, "%s%s", used ? separator : "", word);
}

/* One that ends gives its memory back before it is a zombie. */
static bool has_ended(const struct watched *w)
{
	struct procfs_memory m;

	return procfs_memory(w->pid, &m) || !m.rss_bytes;
}

/* Put probes on an allocator, or say why this process takes none. */
static int attach_target(struct watched *w, const struct target *t, const char *path,
			 struct probes *probes, struct watched_file *file)
{
	int err;

	if (t->is_32bit) {
		log_error("process %d (%s) is a 32-bit program: only 64-bit ones can be watched",
			  w->pid, w->stat.comm);
		return -ENOTSUP;
	}
	/* Without probes there is nothing to crash. */
	if (t->is_go && !probes)
		return 0;
	if (t->is_go) {
		log_error(
		    "process %d (%s) is a Go program: no probe is put on it, for Go moves its "
		    "stacks and a return probe would crash it; use its own pprof",
		    w->pid, w->stat.comm);
		return -ENOTSUP;
	}
	if (!t->has_malloc)
		return 0;
	err = probes ? probes__attach(probes, w->pid, path, t) : 0;
	/* Unmapped meanwhile, perhaps with all the rest. */
	if (err == -ENOENT)
		return has_ended(w) ? -ESRCH : 0;
	if (err)
		return err;
	snprintf(file->allocator, sizeof(file->allocator), "%s", t->allocator);
	file->replaces = t->replaces;
	for (size_t i = 0; probes && i < t->nfns; i++)
		log_debug("%d: %s: %s%s at 0x%llx, %u bytes behind its entry, %s", w->pid,
			  t->allocator, t->fns[i].prefix, t->fns[i].name,
			  (unsigned long long)t->fns[i].place.offset, t->fns[i].place.moved,
			  t->fns[i].place.cost == PLACE_EMULATED ? "emulated" : "single-stepped");
	return 0;
}

/* The kernel is given the map_files link, which is the very inode that is mapped, in whatever mount
 * namespace, deleted or not. */
static int attach_file(struct watched *w, const struct module *m, struct probes *probes,
		       struct watched_file *file)
{
	struct target *t;
	char path[128];
	int fd, err;

	procfs_mapping_path(path, sizeof(path), w->pid, m->start, m->end);
	fd = procfs_open_mapping(w->pid, m->start, m->end);
	if (fd == -EPERM || fd == -EACCES)
		return refuse(w->pid, -EPERM);
	if (fd < 0) {
		log_debug("%s (%s): %s", path, m->path, strerror(-fd));
		return 0;
	}
	t = malloc(sizeof(*t));
	err = t ? target_read(fd, m->path, t) : -ENOMEM;
	close(fd);
	if (!err) {
		err = attach_target(w, t, path, probes, file);
	} else if (err != -ENOMEM) {
		log_warn("%s, mapped by process %d, is not looked at: %s", m->path, w->pid,
			 err == -ENOEXEC ? "not a readable ELF file" : strerror(-err));
		err = 0;
	}
	free(t);
	return err;
}

/* In the order in which a call of malloc finds them: a preloaded or linked library that replaces
 * the C library's, the program's own, the C library. */
static void name_allocators(struct watched *w)
{
	for (int rank = 0; rank < 3; rank++) {
		for (size_t i = 0; i < modules__count(w->modules); i++) {
			const struct module *m = modules__at(w->modules, i);
			const struct watched_file *f = find_file(w, m);
			bool own = !strcmp(m->path, w->exe);

			if (!m->exec || !f || !f->allocator[0] ||
			    rank != (!f->replaces ? 2
				     : own	  ? 1
						  : 0) ||
			    strstr(w->allocator, f->allocator))
				continue;
			append(w->allocator, sizeof(w->allocator), " + ", f->allocator);
		}
	}
}

int watched__attach(struct watched *w, struct probes *probes, struct tables *tables,
		    struct names *names)
{
	int err = procfs_modules(w->pid, w->modules);

	w->searched[0] = w->allocator[0] = 0;
	if (err < 0)
		return err;
	err = names ? names__prepare(names, w->pid, w->modules) : 0;
	if (!err && tables)
		err = space_load(tables, w->pid, w->modules);
	for (size_t i = 0; !err && i < modules__count(w->modules); i++) {
		const struct module *m = modules__at(w->modules, i);
		struct watched_file *file;
		bool fresh;

		if (!m->exec || !m->inode)
			continue;
		if (!strstr(w->searched, m->path))
			append(w->searched, sizeof(w->searched), ", ", m->path);
		file = file_of(w, m, &fresh);
		if (!file)
			return -ENOMEM;
		if (fresh)
			err = attach_file(w, m, probes, file);
	}
	if (err)
		return err;
	name_allocators(w);
	return w->allocator[0] ? 0 : has_ended(w) ? -ESRCH : -ENOENT;
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

int watched__arm(struct watched *w, struct probes *probes, struct drain *drain, unsigned int ring)
{
	struct ledger *l;
	int err;

	l = ledger__new(clock_now_ns());
	if (!l)
		return -ENOMEM;
	/* Armed before the maps are read: what is mapped in between is in both, and the record,
	 * which is applied later, replaces the seed. */
	err = probes__arm(probes, w->pid, ring);
	if (!err)
		err = seed(l, w->pid);
	if (!err)
		err = drain__add(drain, w->pid, l);
	if (err)
		ledger__free(l);
	return err;
}

void watched__refresh(struct watched *w, struct probes *probes, struct tables *tables,
		      struct names *names, struct drain *drain)
{
	struct procfs_memory memory;
	struct drain_state s;

	if (drain__state(drain, w->pid, &s))
		return;
	if (s.execs != w->execs) {
		/* The old program's modules name nothing any more. */
		struct modules *fresh = modules__new();

		if (fresh) {
			modules__free(w->modules);
			w->modules = fresh;
		}
		procfs_stat(w->pid, &w->stat);
		procfs_exe(w->pid, w->exe, sizeof(w->exe));
	}
	if (s.execs != w->execs || s.code_maps != w->code_maps) {
		w->execs = s.execs;
		w->code_maps = s.code_maps;
		watched__attach(w, probes, tables, names);
	}
	if (!procfs_memory(w->pid, &memory) && memory.rss_bytes)
		w->memory = memory;
}
