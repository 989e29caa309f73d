// SPDX-License-Identifier: GPL-2.0
#include "probe/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "probe/launch_child.h"

struct launch {
	pid_t pid;
	int socket; /* to the child: it closes its end by exec */
	bool gone;  /* let go, or dead and waited for */
	int status;
	int refused;
	struct launch_file files[LAUNCH_MAX_FILES];
	int fds[LAUNCH_MAX_FILES];
	size_t nfiles;
};

static int describe(struct launch *l, const struct launch_config *c, const struct launch_answer *a)
{
	l->refused = a->refused;
	for (size_t i = 0; i < c->nfiles && i < LAUNCH_MAX_FILES; i++) {
		struct launch_file *f = &l->files[l->nfiles];
		struct stat st;
		/* Through the child's root, which has the copies. */
		char path[64 + 4096];
		int fd;

		snprintf(path, sizeof(path), "/proc/%d/root%s", l->pid, c->files[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (fstat(fd, &st)) {
			close(fd);
			continue;
		}
		*f =
		    (struct launch_file){.path = c->files[i],
					 .dev = (uint64_t)major(st.st_dev) << 32 | minor(st.st_dev),
					 .inode = st.st_ino,
					 .copied = a->copied >> i & 1};
		snprintf(f->open_path, sizeof(f->open_path), "/proc/%d/fd/%d", getpid(), fd);
		l->fds[l->nfiles++] = fd;
	}
	return 0;
}

/* What the child says: a whole struct, or an error and its end. */
static int listen_to(struct launch *l, struct launch_answer *a)
{
	ssize_t n;

	do
		n = recv(l->socket, a, sizeof(*a), MSG_WAITALL);
	while (n < 0 && errno == EINTR);
	return n == sizeof(*a) ? 0 : n < 0 ? -errno : -EPIPE;
}

int launch__new(const struct launch_config *config, struct launch **out)
{
	struct launch *l = calloc(1, sizeof(*l));
	struct launch_answer a;
	int pair[2], err;

	if (!l)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		err = -errno;
		goto fail;
	}
	l->pid = fork();
	if (!l->pid) {
		close(pair[0]);
		launch_child(config, pair[1]);
	}
	close(pair[1]);
	l->socket = pair[0];
	if (l->pid < 0) {
		err = -errno;
		goto fail;
	}
	err = listen_to(l, &a);
	if (!err)
		err = describe(l, config, &a);
	if (err)
		goto fail;
	*out = l;
	return 0;
fail:
	log_error("cannot start %s: %s", config->argv[0], strerror(-err));
	launch__free(l);
	return err;
}

void launch__free(struct launch *l)
{
	if (!l)
		return;
	while (l->nfiles)
		close(l->fds[--l->nfiles]);
	if (l->pid > 0 && !l->gone) {
		kill(l->pid, SIGKILL);
		launch__wait(l);
	}
	if (l->socket > 0)
		close(l->socket);
	free(l);
}

pid_t launch__pid(const struct launch *l)
{
	return l->pid;
}

const struct launch_file *launch__files(const struct launch *l, size_t *n)
{
	*n = l->nfiles;
	return l->files;
}

int launch__refused(const struct launch *l)
{
	return l->refused;
}

int launch__go(struct launch *l)
{
	char go = 1;
	int err = 0;

	if (send(l->socket, &go, 1, MSG_NOSIGNAL) != 1)
		return -EPIPE;
	/* Nothing comes where the exec worked: it closes the other end. */
	if (recv(l->socket, &err, sizeof(err), MSG_WAITALL) == sizeof(err))
		return -err;
	l->gone = true;
	return 0;
}

int launch__wait(struct launch *l)
{
	if (l->pid > 0 && waitpid(l->pid, &l->status, 0) == l->pid)
		l->pid = 0;
	return l->status;
}
