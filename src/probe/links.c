// SPDX-License-Identifier: GPL-2.0
#include "probe/links.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define TOGETHER 32

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

static void *detach_one(void *entry)
{
	detach(entry);
	return NULL;
}

/* The probe itself is gone at once, but then the kernel waits 10 to 100 ms, each time: all of them
 * at the same time, so that the last one does not stay until the others are done. */
void links__free(struct links *l)
{
	pthread_t threads[TOGETHER];
	size_t n = 0;

	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++) {
		bool last = i + 1 == l->n || n == TOGETHER;

		if (!last && !pthread_create(&threads[n], NULL, detach_one, &l->entries[i]))
			n++;
		else
			detach(&l->entries[i]);
	}
	while (n)
		pthread_join(threads[--n], NULL);
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

		if (pid && e->pid != pid)
			l->entries[kept++] = *e;
		else if (links__add(to, e->pid, e->link, e->fd))
			detach(e);
	}
	l->n = kept;
}
