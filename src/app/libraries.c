// SPDX-License-Identifier: GPL-2.0
#include "app/libraries.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Prefixes of file names, up to the version. */
static const char *const allocators[] = {"libc.so.",	"libc.musl-",  "ld-musl-",
					 "libjemalloc", "libtcmalloc", "libmimalloc"};

static bool starts(const char *path, const char *prefix)
{
	const char *name = strrchr(path, '/');

	return !strncmp(name ? name + 1 : path, prefix, strlen(prefix));
}

static bool is_allocator(const char *path)
{
	for (size_t i = 0; i < sizeof(allocators) / sizeof(*allocators); i++)
		if (starts(path, allocators[i]))
			return true;
	return false;
}

static void add(struct libraries *l, const char *path)
{
	char *real = l->n < LAUNCH_MAX_FILES ? realpath(path, NULL) : NULL;

	if (!real)
		return;
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->path[i], real)) {
			free(real);
			return;
		}
	l->path[l->n++] = real;
}

/* The loader's cache has a format of its own; ldconfig reads it: "NAME (FLAGS) => PATH". */
static void add_cached(struct libraries *l)
{
	FILE *f = popen("PATH=/sbin:/usr/sbin:$PATH ldconfig -p 2>/dev/null", "re");
	char line[PATH_MAX + 256], *path;

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		path = strstr(line, "=> ");
		line[strcspn(line, "\n")] = 0;
		if (path && is_allocator(path + 3))
			add(l, path + 3);
	}
	pclose(f);
}

static void add_preloaded(struct libraries *l)
{
	const char *preload = getenv("LD_PRELOAD");
	char *list = preload ? strdup(preload) : NULL, *rest = list, *path;

	while (rest && (path = strsep(&rest, " :")))
		if (strchr(path, '/'))
			add(l, path);
	free(list);
}

char *libraries_program(const char *command)
{
	const char *path = getenv("PATH");
	char *list, *rest, *dir, *found = NULL;

	if (strchr(command, '/'))
		return realpath(command, NULL);
	rest = list = strdup(path ? path : "/bin:/usr/bin");
	while (rest && !found && (dir = strsep(&rest, ":"))) {
		char file[PATH_MAX];

		snprintf(file, sizeof(file), "%s/%s", *dir ? dir : ".", command);
		if (!access(file, X_OK))
			found = realpath(file, NULL);
	}
	free(list);
	return found;
}

/* That which most programs map comes first: in this order probes go, and perf events take the
 * kernel 0.1 s each. */
static void order(struct libraries *l, size_t first)
{
	for (size_t i = first; i < l->n; i++)
		if (starts(l->path[i], allocators[0])) {
			char *path = l->path[i];

			memmove(&l->path[first + 1], &l->path[first],
				(i - first) * sizeof(l->path[0]));
			l->path[first++] = path;
		}
}

void libraries_find(struct libraries *l, const char *command)
{
	char *program = libraries_program(command);
	size_t first;

	l->n = 0;
	if (program)
		add(l, program);
	free(program);
	add_preloaded(l);
	first = l->n;
	add_cached(l);
	order(l, first);
	add(l, "/lib/ld-musl-x86_64.so.1");
}

void libraries_free(struct libraries *l)
{
	while (l->n)
		free(l->path[--l->n]);
}
