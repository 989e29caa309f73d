// SPDX-License-Identifier: GPL-2.0
#include "app/needed.h"

#include <fcntl.h>
#include <gelf.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How ldconfig calls libraries of this machine. */
#ifdef __aarch64__
#define FLAG "AArch64"
#else
#define FLAG "x86-64"
#endif

struct cached {
	char *name, *path;
};

/* The loader's cache. */
struct cache {
	struct cached *v;
	size_t n, room;
};

/* Takes line over. */
static void add_cached(struct cache *c, char *line)
{
	char *name = line + strspn(line, "\t "), *path = strstr(line, "=> "), *flags;

	flags = strchr(name, ' ');
	if (!path || !flags || !strstr(flags, FLAG) || strstr(flags, FLAG) > path) {
		free(line);
		return;
	}
	if (c->n == c->room) {
		size_t room = c->room ? 2 * c->room : 256;
		struct cached *v = reallocarray(c->v, room, sizeof(*v));

		if (!v) {
			free(line);
			return;
		}
		c->v = v;
		c->room = room;
	}
	*flags = 0;
	memmove(line, name, strlen(name) + 1);
	c->v[c->n++] = (struct cached){.name = line, .path = path + 3};
}

/* It has a format of its own; ldconfig reads it: "NAME (FLAGS) => PATH". */
static void read_cache(struct cache *c)
{
	FILE *f = popen("PATH=/sbin:/usr/sbin:$PATH ldconfig -p 2>/dev/null", "re");
	char *line = NULL;
	size_t len = 0;

	while (f && getline(&line, &len, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		add_cached(c, line);
		line = NULL;
	}
	free(line);
	if (f)
		pclose(f);
}

static void free_cache(struct cache *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->v[i].name);
	free(c->v);
}

static void add(struct needed *n, const char *path)
{
	char *real = n->n < NEEDED_MAX ? realpath(path, NULL) : NULL;

	for (size_t i = 0; real && i < n->n; i++)
		if (!strcmp(n->path[i], real)) {
			free(real);
			return;
		}
	if (real)
		n->path[n->n++] = real;
}

/* One directory of a run path: is the library there? */
static bool add_from(struct needed *n, const char *dir, const char *origin, const char *name)
{
	char path[2 * PATH_MAX];
	size_t skip = !strncmp(dir, "$ORIGIN", 7) ? 7 : !strncmp(dir, "${ORIGIN}", 9) ? 9 : 0;

	snprintf(path, sizeof(path), "%s%s/%s", skip ? origin : "", dir + skip, name);
	if (!*dir || access(path, R_OK))
		return false;
	add(n, path);
	return true;
}

static void add_library(struct needed *n, const struct cache *c, const char *run_path,
			const char *origin, const char *name)
{
	char *list = strdup(run_path), *rest = list, *dir;
	bool found = strchr(name, '/');

	if (found)
		add(n, name);
	while (!found && rest && (dir = strsep(&rest, ":")))
		found = add_from(n, dir, origin, name);
	free(list);
	for (size_t i = 0; !found && i < c->n; i++) {
		found = !strcmp(c->v[i].name, name);
		if (found)
			add(n, c->v[i].path);
	}
}

/* Its dynamic section, and the section of that one's strings. */
static Elf_Data *dynamic(Elf *elf, size_t *entries, size_t *strings)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;

	while ((scn = elf_nextscn(elf, scn)))
		if (gelf_getshdr(scn, &sh) && sh.sh_type == SHT_DYNAMIC && sh.sh_entsize) {
			*entries = sh.sh_size / sh.sh_entsize;
			*strings = sh.sh_link;
			return elf_getdata(scn, NULL);
		}
	return NULL;
}

static void add_libraries(struct needed *n, const struct cache *c, Elf *elf, const char *path)
{
	size_t entries = 0, strings = 0;
	Elf_Data *d = dynamic(elf, &entries, &strings);
	const char *run_path = "", *name;
	char *copy = strdup(path), *origin = copy ? dirname(copy) : NULL;
	GElf_Dyn dyn;

	for (int pass = 0; d && origin && pass < 2; pass++)
		for (size_t i = 0; i < entries && i < 4096; i++) {
			if (!gelf_getdyn(d, (int)i, &dyn) || dyn.d_tag == DT_NULL)
				break;
			name = dyn.d_tag == DT_NEEDED || dyn.d_tag == DT_RPATH ||
				       dyn.d_tag == DT_RUNPATH
				   ? elf_strptr(elf, strings, dyn.d_un.d_val)
				   : NULL;
			if (name && !pass && dyn.d_tag != DT_NEEDED)
				run_path = name;
			else if (name && pass && dyn.d_tag == DT_NEEDED)
				add_library(n, c, run_path, origin, name);
		}
	free(copy);
}

/* "#! /usr/bin/python3 -u" */
static void add_interpreter(struct needed *n, int fd)
{
	char line[PATH_MAX], *path;
	ssize_t len = pread(fd, line, sizeof(line) - 1, 0);

	if (len < 3 || line[0] != '#' || line[1] != '!')
		return;
	line[len] = 0;
	line[strcspn(line, "\n")] = 0;
	path = line + 2 + strspn(line + 2, " \t");
	path[strcspn(path, " \t")] = 0;
	add(n, path);
}

static void add_needs(struct needed *n, const struct cache *c, const char *path)
{
	/* Not a FIFO that nobody writes to. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	Elf *elf;

	if (fd < 0)
		return;
	elf = elf_version(EV_CURRENT) == EV_NONE ? NULL : elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF)
		add_libraries(n, c, elf, path);
	else
		add_interpreter(n, fd);
	elf_end(elf);
	close(fd);
}

void needed_find(struct needed *n, const char *program)
{
	struct cache c = {0};

	n->n = 0;
	add(n, program);
	if (!n->n)
		return;
	read_cache(&c);
	/* What these need comes behind them. */
	for (size_t i = 0; i < n->n; i++)
		add_needs(n, &c, n->path[i]);
	free_cache(&c);
}

void needed_free(struct needed *n)
{
	while (n->n)
		free(n->path[--n->n]);
}
