// SPDX-License-Identifier: GPL-2.0
#include "probe/links.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/apart.h"

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

/* The descriptor whose closing detaches, or -1 where that is done.  The last reference of a link of
 * libbpf's is made ours: libbpf has a state that nobody else may touch. */
static int let_go(const struct entry *e)
{
	int fd = e->fd;

	if (e->link) {
		fd = fcntl(bpf_link__fd(e->link), F_DUPFD_CLOEXEC, 0);
		bpf_link__destroy(e->link);
	}
	return fd;
}

static void close_one(void *fd)
{
	syscall(SYS_close, *(int *)fd);
}

/* The probe itself is gone at once, but then the kernel waits 10 to 100 ms, each time: all of them
 * at the same time, so that the last one does not stay until the others are done. */
static void detach(const struct entry *entries, size_t n, bool wait)
{
	int *fds = calloc(n ? n : 1, sizeof(*fds));
	size_t open = 0;

	for (size_t i = 0; i < n; i++) {
		int fd = let_go(&entries[i]);

		if (fd < 0)
			continue;
		if (fds)
			fds[open++] = fd;
		else
			apart(close_one, &fd, sizeof(fd), 1);
	}
	if (wait)
		apart(close_one, fds, sizeof(*fds), open);
	else
		apart_close(fds, open);
	free(fds);
}

void links__free(struct links *l)
{
	if (!l)
		return;
	detach(l->entries, l->n, true);
	free(l->entries);
	free(l);
}

void links__leave(struct links *l)
{
	detach(l->entries, l->n, false);
	l->n = 0;
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
			detach(&l->entries[i], 1, true);
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
			detach(e, 1, true);
	}
	l->n = kept;
}
