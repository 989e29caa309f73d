// SPDX-License-Identifier: GPL-2.0
#include "app/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/covered.h"
#include "app/libraries.h"
#include "base/log.h"
#include "probe/launch.h"
#include "probe/probes.h"
#include "probe/target.h"

/* Those that define an allocator: the others are not worth a copy. */
static void keep_allocators(struct libraries *l, struct target *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		int fd = open(l->path[i], O_RDONLY | O_CLOEXEC);
		bool good = fd >= 0 && !target_read(fd, l->path[i], t) && t->has_malloc &&
			    !t->is_32bit && !t->is_go;

		if (fd >= 0)
			close(fd);
		if (good)
			l->path[kept++] = l->path[i];
		else
			free(l->path[i]);
	}
	l->n = kept;
}

static int attach(const struct launch_file *f, pid_t pid, struct probes *probes,
		  struct covered *covered, struct target *t)
{
	struct covered_file as = {.dev = f->dev, .inode = f->inode};
	int fd = open(f->open_path, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = target_read(fd, f->path, t);
	close(fd);
	if (err || !t->has_malloc || t->is_32bit || t->is_go)
		return 0;
	err = probes__attach(probes, f->copied ? 0 : pid, f->open_path, t);
	as.replaces = t->replaces;
	snprintf(as.path, sizeof(as.path), "%s", f->open_path);
	snprintf(as.allocator, sizeof(as.allocator), "%s", t->allocator);
	if (!err && f->copied) {
		as.code = code_of(t);
		err = covered_add(covered, &as);
	}
	log_debug("%s: %s%s", f->path, t->allocator, f->copied ? ", copied" : "");
	return err;
}

int start_command(char *const *argv, bool as_caller, struct probes *probes, struct covered *covered,
		  struct launch **out)
{
	struct launch_config config = {.argv = argv, .as_caller = as_caller};
	struct target *t = malloc(sizeof(*t));
	const struct launch_file *files;
	struct launch *l = NULL;
	struct libraries found;
	size_t n = 0;
	int err;

	if (!t)
		return -ENOMEM;
	libraries_find(&found, argv[0]);
	keep_allocators(&found, t);
	config.files = (const char *const *)found.path;
	config.nfiles = found.n;
	err = launch__new(&config, &l);
	if (!err && launch__refused(l))
		log_warn("no mount namespace can be had here (%s): what a child of the command "
			 "allocates before its own probes are in place is not seen",
			 strerror(launch__refused(l)));
	files = err ? NULL : launch__files(l, &n);
	for (size_t i = 0; i < n && !err; i++)
		err = attach(&files[i], launch__pid(l), probes, covered, t);
	free(t);
	libraries_free(&found);
	if (err)
		launch__free(l);
	else
		*out = l;
	return err;
}
