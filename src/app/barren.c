// SPDX-License-Identifier: GPL-2.0
#include "app/barren.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/identity.h"
#include "probe/target.h"

/* More than a machine's programs map; others are looked through each time. */
#define FILES_MAX 8192

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

static const struct file *find(const struct barren *b, const struct identity *id)
{
	for (size_t i = b->n; i-- > 0;)
		if (identity_equal(&b->v[i].id, id))
			return &b->v[i];
	return NULL;
}

void barren__add(struct barren *b, int fd, const struct target *target)
{
	struct file f = {.nameless = target->nameless};

	if (target->has_malloc || target->is_32bit || target->is_go || b->n == FILES_MAX ||
	    identity_of(fd, &f.id) || find(b, &f.id))
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
	const struct file *f = b && !identity_of(fd, &id) ? find(b, &id) : NULL;

	if (f)
		*nameless = f->nameless;
	return f;
}
