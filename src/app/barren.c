// SPDX-License-Identifier: GPL-2.0
#include "app/barren.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "probe/target.h"

/* More than a machine's programs map; others are looked through each time. */
#define FILES_MAX 8192

/* A file that is written gets another ctime, an inode that is used again too. */
struct identity {
	uint64_t dev, inode, size, ctime_ns, mtime_ns;
};

struct file {
	struct identity id;
	bool nameless;
};

struct barren {
	struct file *v;
	size_t n, room;
};

struct barren *barren__new(void)
{
	return calloc(1, sizeof(struct barren));
}

void barren__free(struct barren *b)
{
	if (!b)
		return;
	free(b->v);
	free(b);
}

static uint64_t ns(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec;
}

static bool identify(int fd, struct identity *id)
{
	struct stat st;

	if (fstat(fd, &st))
		return false;
	*id = (struct identity){.dev = st.st_dev,
				.inode = st.st_ino,
				.size = (uint64_t)st.st_size,
				.ctime_ns = ns(&st.st_ctim),
				.mtime_ns = ns(&st.st_mtim)};
	return true;
}

static const struct file *find(const struct barren *b, const struct identity *id)
{
	for (size_t i = b->n; i-- > 0;)
		if (!memcmp(&b->v[i].id, id, sizeof(*id)))
			return &b->v[i];
	return NULL;
}

void barren__add(struct barren *b, int fd, const struct target *target)
{
	struct file f = {.nameless = target->nameless};

	if (target->has_malloc || target->is_32bit || target->is_go || b->n == FILES_MAX ||
	    !identify(fd, &f.id) || find(b, &f.id))
		return;
	if (b->n == b->room) {
		size_t room = b->room ? 2 * b->room : 64;
		struct file *v = reallocarray(b->v, room, sizeof(*v));

		if (!v)
			return;
		b->v = v;
		b->room = room;
	}
	b->v[b->n++] = f;
}

bool barren__has(const struct barren *b, int fd, bool *nameless)
{
	struct identity id;
	const struct file *f = b && identify(fd, &id) ? find(b, &id) : NULL;

	if (f)
		*nameless = f->nameless;
	return f;
}
