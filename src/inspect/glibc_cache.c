// SPDX-License-Identifier: GPL-2.0
#include "inspect/glibc_cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "inspect/glibc_find.h"

/* Files at most; then those looked at longest ago give way. */
#define FILES 512

struct entry {
	dev_t dev;
	ino_t inode;
	off_t size;
	struct timespec modified, changed;
	int err;
	struct glibc_file file;
};

struct glibc_cache {
	size_t n, next;
	struct entry *entries[FILES];
};

struct glibc_cache *glibc_cache__new(void)
{
	return calloc(1, sizeof(struct glibc_cache));
}

void glibc_cache__free(struct glibc_cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		free(c->entries[i]);
	free(c);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same(const struct entry *e, const struct stat *st)
{
	return e->inode == st->st_ino && e->dev == st->st_dev && e->size == st->st_size &&
	       same_time(&e->modified, &st->st_mtim) && same_time(&e->changed, &st->st_ctim);
}

static void keep(struct glibc_cache *c, struct entry *e)
{
	if (c->n < FILES) {
		c->entries[c->n++] = e;
		return;
	}
	free(c->entries[c->next]);
	c->entries[c->next] = e;
	c->next = (c->next + 1) % FILES;
}

int glibc_cache__find(struct glibc_cache *c, int fd, struct glibc_file *out)
{
	struct entry *e;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	for (size_t i = 0; i < c->n; i++)
		if (same(c->entries[i], &st)) {
			*out = c->entries[i]->file;
			return c->entries[i]->err;
		}
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	*e = (struct entry){.dev = st.st_dev,
			    .inode = st.st_ino,
			    .size = st.st_size,
			    .modified = st.st_mtim,
			    .changed = st.st_ctim};
	e->err = glibc_find(fd, &e->file);
	*out = e->file;
	keep(c, e);
	return e->err;
}
