// SPDX-License-Identifier: GPL-2.0
#include "probe/links.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct entry {
	struct bpf_link *link; /* or fd */
	int fd;
	pid_t pid;
};

struct links {
	struct entry *entries;
	size_t n, room;
};

struct links *links__new(void)
{
	return calloc(1, sizeof(struct links));
}

static void detach(const struct entry *e)
{
	if (e->link)
		bpf_link__destroy(e->link);
	else
		close(e->fd);
}

void links__free(struct links *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		detach(&l->entries[i]);
	free(l->entries);
	free(l);
}

int links__add(struct links *l, pid_t pid, struct bpf_link *link, int fd)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 16;
		struct entry *e = reallocarray(l->entries, room, sizeof(*e));

		if (!e)
			return -ENOMEM;
		l->entries = e;
		l->room = room;
	}
	l->entries[l->n++] = (struct entry){.link = link, .fd = fd, .pid = pid};
	return 0;
}

void links__drop(struct links *l, pid_t pid)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->entries[i].pid == pid)
			detach(&l->entries[i]);
		else
			l->entries[kept++] = l->entries[i];
	l->n = kept;
}

void links__move(struct links *l, pid_t pid, struct links *to)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct entry *e = &l->entries[i];

		if (e->pid != pid)
			l->entries[kept++] = *e;
		else if (links__add(to, pid, e->link, e->fd))
			detach(e);
	}
	l->n = kept;
}
