// SPDX-License-Identifier: GPL-2.0
#include "app/foresight.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/barren.h"
#include "app/libraries.h"
#include "app/needed.h"
#include "base/clock.h"
#include "base/log.h"
#include "probe/target.h"
#include "unwind/rows.h"
#include "unwind/tables.h"

/* No more than this is made ahead: 128 MiB of rows. */
#define FORESEEN_ROWS (16u << 20)

struct foreseen {
	int fd;
	struct rows rows;
	struct target *target; /* NULL: it could not be read */
};

struct foresight {
	char *program;
	pthread_t thread;
	bool threaded;
	struct foreseen file[NEEDED_MAX];
	size_t n;
};

/* False: it is no file with rows. */
static bool read_one(const char *path, struct foreseen *out)
{
	struct stat st;

	out->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (out->fd < 0)
		return false;
	if (fstat(out->fd, &st) || !S_ISREG(st.st_mode) || rows_read(out->fd, &out->rows)) {
		rows_free(&out->rows);
		close(out->fd);
		return false;
	}
	out->target = malloc(sizeof(*out->target));
	if (out->target && target_read(out->fd, path, out->target)) {
		free(out->target);
		out->target = NULL;
	}
	return true;
}

static void *look_ahead(void *arg)
{
	struct foresight *f = arg;
	uint64_t start = clock_now_ns();
	struct needed needed;
	size_t rows = 0;

	needed_find(&needed, f->program);
	for (size_t i = 0; i < needed.n && rows < FORESEEN_ROWS; i++)
		if (read_one(needed.path[i], &f->file[f->n]))
			rows += f->file[f->n++].rows.n;
	log_debug("%s: tables of %zu files made ahead in %.1f ms", f->program, f->n,
		  (double)(clock_now_ns() - start) / 1e6);
	needed_free(&needed);
	return NULL;
}

struct foresight *foresight__new(const char *command)
{
	struct foresight *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->program = libraries_program(command);
	f->threaded = f->program && !pthread_create(&f->thread, NULL, look_ahead, f);
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
	free(f);
}
