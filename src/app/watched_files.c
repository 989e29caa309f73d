// SPDX-License-Identifier: GPL-2.0
/* watched_files.c: the files that a watched process maps: allocators, unwind tables, names. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/barren.h"
#include "app/covered.h"
#include "app/space.h"
#include "app/watched.h"
#include "base/clock.h"
#include "base/log.h"
#include "model/modules.h"
#include "probe/probes.h"
#include "symbol/names.h"

static struct watched_file *find_file(const struct watched *w, const struct module *m)
{
	for (size_t i = 0; i < w->nfiles; i++)
		if (w->files[i].dev == modules_dev(m) && w->files[i].inode == m->inode)
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
	files[w->nfiles] = (struct watched_file){.dev = modules_dev(m), .inode = m->inode};
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

/* Put probes on an allocator, or say why this process takes none.  -ENOENT: unmapped meanwhile. */
static int attach_target(struct watched *w, const struct target *t, const char *path,
			 struct probes *probes, struct watched_file *file)
{
	int err;

	if (t->is_32bit) {
		/* Of a tree's there may be thousands: the record of its exec is on its way. */
		if (w->life.forked)
			return -ENOTSUP;
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
	/* Perhaps with all the rest. */
	if (err == -ENOENT && has_ended(w))
		return -ESRCH;
	if (err)
		return err;
	w->attached_ns = clock_now_ns();
	snprintf(file->allocator, sizeof(file->allocator), "%s", t->allocator);
	file->replaces = t->replaces;
	file->code = code_of(t);
	for (size_t i = 0; probes && i < t->nfns; i++)
		log_debug("%d: %s: %s%s at 0x%llx, %u bytes behind its entry, %s", w->pid,
			  t->allocator, t->fns[i].prefix, t->fns[i].name,
			  (unsigned long long)t->fns[i].place.offset, t->fns[i].place.moved,
			  t->fns[i].place.cost == PLACE_EMULATED ? "emulated" : "single-stepped");
	return 0;
}

/* The kernel is given the map_files link, which is the very inode that is mapped, in whatever mount
 * namespace, deleted or not.  -ENOENT as above. */
static int attach_file(struct watched *w, const struct module *m, const struct watch_tools *tools,
		       struct watched_file *file)
{
	struct target *t;
	char path[128];
	int fd, err;

	procfs_mapping_path(path, sizeof(path), w->pid, m->start, m->end);
	fd = procfs_open_mapping(w->pid, m->start, m->end);
	if (fd == -EPERM || fd == -EACCES)
		return watched_refuse(w->pid, -EPERM);
	if (fd < 0) {
		log_debug("%s (%s): %s", path, m->path, strerror(-fd));
		return fd == -ENOENT ? fd : 0;
	}
	if (barren__has(tools->barren, fd, &file->nameless)) {
		close(fd);
		return 0;
	}
	t = malloc(sizeof(*t));
	err = t ? target_read(fd, m->path, t) : -ENOMEM;
	if (!err && tools->barren)
		barren__add(tools->barren, fd, t);
	close(fd);
	if (!err) {
		file->nameless = t->nameless;
		err = attach_target(w, t, path, tools->probes, file);
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

/* A file that is seen for the first time. */
static int look_at(struct watched *w, const struct watch_tools *tools, const struct module *m,
		   struct watched_file *file)
{
	const struct covered_file *covered = covered_find(tools->covered, file->dev, file->inode);

	if (!covered)
		return attach_file(w, m, tools, file);
	if (tools->probes)
		probes__mapped(tools->probes, covered->path);
	snprintf(file->allocator, sizeof(file->allocator), "%s", covered->allocator);
	file->replaces = covered->replaces;
	file->code = code_copy(&covered->code);
	return 0;
}

/* Blocks over the usual limit that go through a thread's cache come by no place behind it. */
static void look_at_tunables(const struct watched *w, const struct watch_tools *tools)
{
	if (!tools->probes || procfs_tunes(w->pid, "glibc.malloc.tcache_max") != 1)
		return;
	probes__spoil(tools->probes, tools->covered && tools->covered->n ? 0 : w->pid);
	log_debug("%d: glibc.malloc.tcache_max is set: no level large", w->pid);
}

int watched__attach(struct watched *w, const struct watch_tools *tools)
{
	int err = procfs_modules(w->pid, w->modules);
	bool gone = false;

	look_at_tunables(w, tools);
	w->searched[0] = w->allocator[0] = 0;
	if (err < 0)
		return err;
	/* One that a watched process started: the session says so. */
	if (w->life.is_32bit)
		return -ENOENT;
	err = tools->names ? names__prepare(tools->names, w->pid, w->modules) : 0;
	if (!err && tools->tables)
		err = space_load(tools->tables, w->pid, w->modules);
	for (size_t i = 0; !err && i < modules__count(w->modules); i++) {
		const struct module *m = modules__at(w->modules, i);
		struct watched_file *file;
		bool fresh;

		if (!m->exec || !m->inode)
			continue;
		file = file_of(w, m, &fresh);
		if (!file)
			return -ENOMEM;
		if (fresh)
			err = look_at(w, tools, m, file);
		if (err == -ENOENT) {
			/* An exec came in between: where the next program has that file too, it is
			 * still to be looked at. */
			w->nfiles--;
			gone = true;
			err = 0;
			continue;
		}
		if (strstr(w->searched, m->path))
			continue;
		append(w->searched, sizeof(w->searched), ", ", m->path);
		if (file->nameless)
			append(w->searched, sizeof(w->searched), " ",
			       "(stripped: its functions have no names)");
	}
	if (!err)
		name_allocators(w);
	if (w->allocator[0])
		return 0;
	if (!err && has_ended(w))
		err = -ESRCH;
	/* All that is known then is that its maps were going. */
	if (err || gone)
		w->searched[0] = 0;
	return err ? err : -ENOENT;
}
