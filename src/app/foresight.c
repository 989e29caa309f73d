// SPDX-License-Identifier: GPL-2.0
#include "app/foresight.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/barren.h"
#include "app/libraries.h"
#include "app/needed.h"
#include "base/clock.h"
#include "base/log.h"
#include "inspect/procfs.h"
#include "model/modules.h"
#include "probe/target.h"
#include "unwind/rows.h"
#include "unwind/tables.h"

/* No more than this is made ahead: 128 MiB of rows. */
#define FORESEEN_ROWS (16u << 20)

struct foreseen {
	int fd;
	uint64_t dev, inode;
	struct rows rows;
	struct target *target; /* NULL: it could not be read */
};

struct foresight {
	char *program; /* may be NULL */
	pid_t *pids;
	size_t npids;
	pthread_t thread;
	bool threaded;
	struct foreseen file[NEEDED_MAX];
	size_t n, rows;
};

static bool is_known(const struct foresight *f, const struct stat *st)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->file[i].dev == st->st_dev && f->file[i].inode == st->st_ino)
			return true;
	return false;
}

/* Takes fd over, which may be none. */
static void look_at(struct foresight *f, int fd, const char *name)
{
	struct foreseen *to = &f->file[f->n];
	struct stat st;

	if (fd < 0)
		return;
	if (f->n == NEEDED_MAX || f->rows > FORESEEN_ROWS || fstat(fd, &st) ||
	    !S_ISREG(st.st_mode) || is_known(f, &st)) {
		close(fd);
		return;
	}
	*to = (struct foreseen){.fd = fd, .dev = st.st_dev, .inode = st.st_ino};
	if (rows_read(fd, &to->rows)) {
		rows_free(&to->rows);
		close(fd);
		return;
	}
	to->target = malloc(sizeof(*to->target));
	if (to->target && target_read(fd, name, to->target)) {
		free(to->target);
		to->target = NULL;
	}
	f->rows += to->rows.n;
	f->n++;
}

static void look_at_program(struct foresight *f)
{
	struct needed needed;

	needed_find(&needed, f->program);
	for (size_t i = 0; i < needed.n; i++)
		look_at(f, open(needed.path[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK), needed.path[i]);
	needed_free(&needed);
}

static void look_at_process(struct foresight *f, pid_t pid)
{
	struct modules *m = modules__new();

	if (!m)
		return;
	if (procfs_modules(pid, m) < 0) {
		modules__free(m);
		return;
	}
	for (size_t i = 0; i < modules__count(m); i++) {
		const struct module *one = modules__at(m, i);

		if (one->exec && one->inode)
			look_at(f, procfs_open_mapping(pid, one->start, one->end), one->path);
	}
	modules__free(m);
}

static void *look_ahead(void *arg)
{
	struct foresight *f = arg;
	uint64_t start = clock_now_ns();

	if (f->program)
		look_at_program(f);
	for (size_t i = 0; i < f->npids; i++)
		look_at_process(f, f->pids[i]);
	log_debug("tables of %zu files made ahead in %.1f ms", f->n,
		  (double)(clock_now_ns() - start) / 1e6);
	return NULL;
}

struct foresight *foresight__new(const char *command, const pid_t *pids, size_t npids)
{
	struct foresight *f = command || npids ? calloc(1, sizeof(*f)) : NULL;

	if (!f)
		return NULL;
	if (command)
		f->program = libraries_program(command);
	f->pids = calloc(npids + 1, sizeof(*f->pids));
	if (f->pids && npids) {
		memcpy(f->pids, pids, npids * sizeof(*pids));
		f->npids = npids;
	}
	f->threaded = (f->program || f->npids) && !pthread_create(&f->thread, NULL, look_ahead, f);
	if (!f->threaded) {
		foresight__free(f);
		return NULL;
	}
	return f;
}

static void wait_for(struct foresight *f)
{
	if (f->threaded)
		pthread_join(f->thread, NULL);
	f->threaded = false;
}

void foresight__give(struct foresight *f, struct tables *t, struct barren *b)
{
	if (!f)
		return;
	wait_for(f);
	for (size_t i = 0; i < f->n; i++) {
		tables__foresee(t, f->file[i].fd, &f->file[i].rows);
		if (f->file[i].target)
			barren__add(b, f->file[i].fd, f->file[i].target);
	}
}

void foresight__free(struct foresight *f)
{
	if (!f)
		return;
	wait_for(f);
	for (size_t i = 0; i < f->n; i++) {
		rows_free(&f->file[i].rows);
		free(f->file[i].target);
		close(f->file[i].fd);
	}
	free(f->program);
	free(f->pids);
	free(f);
}
