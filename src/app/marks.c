// SPDX-License-Identifier: GPL-2.0
#include "app/marks.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "app/marks_name.h"
#include "base/log.h"

/* Marks that wait for a tick; who sends more has to wait too. */
#define WAITING 256

struct marks {
	int fd, stop_fd;
	uid_t uid, owner;
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;
	struct mark waiting[WAITING]; /* a ring */
	size_t first, n;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool put(struct marks *m, const char *text, size_t len)
{
	struct mark *to;
	bool room;

	pthread_mutex_lock(&m->lock);
	room = m->n < WAITING;
	if (room) {
		to = &m->waiting[(m->first + m->n++) % WAITING];
		to->time_ns = now_ns();
		memcpy(to->text, text, len);
		to->text[len] = 0;
	}
	pthread_mutex_unlock(&m->lock);
	return room;
}

static bool permitted(const struct marks *m, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) &&
	       (!peer.uid || peer.uid == m->uid || peer.uid == m->owner);
}

/* One message, one answer: "ok", or why not. */
static void serve(struct marks *m, int fd)
{
	const struct timeval patience = {.tv_sec = 1};
	const char *answer = "ok";
	char text[MARKS_TEXT];
	ssize_t len;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!permitted(m, fd)) {
		answer = "the recording is somebody else's";
	} else {
		len = recv(fd, text, sizeof(text) - 1, 0);
		if (len <= 0)
			return;
		if (memchr(text, 0, (size_t)len))
			answer = "that is no text";
		else if (!put(m, text, (size_t)len))
			answer = "too many marks in one tick";
	}
	if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
		log_debug("who sent a mark did not wait for the answer");
}

static void *listen_thread(void *arg)
{
	struct marks *m = arg;
	struct pollfd fds[2] = {{.fd = m->stop_fd, .events = POLLIN},
				{.fd = m->fd, .events = POLLIN}};

	while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
		int fd;

		if (fds[0].revents)
			break;
		if (!fds[1].revents)
			continue;
		fd = accept4(m->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		serve(m, fd);
		close(fd);
	}
	return NULL;
}

static int start(struct marks *m, const struct stat *st)
{
	struct sockaddr_un addr;
	socklen_t len = marks_name((uint64_t)st->st_dev, st->st_ino, &addr);
	sigset_t all, before;
	int err;

	m->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	m->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->fd < 0 || m->stop_fd < 0)
		return -errno;
	if (bind(m->fd, (struct sockaddr *)&addr, len) || listen(m->fd, 16))
		return -errno;
	/* Signals are for the thread that waits for them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = -pthread_create(&m->thread, NULL, listen_thread, m);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	m->running = !err;
	return err;
}

int marks__new(const char *path, uid_t uid, struct marks **out)
{
	struct marks *m = calloc(1, sizeof(*m));
	struct stat st;
	int err;

	if (!m)
		return -ENOMEM;
	m->fd = m->stop_fd = -1;
	m->uid = uid;
	pthread_mutex_init(&m->lock, NULL);
	err = stat(path, &st) ? -errno : 0;
	m->owner = err ? uid : st.st_uid;
	if (!err)
		err = start(m, &st);
	if (err) {
		log_error("cannot listen for marks: %s", strerror(-err));
		marks__free(m);
		return err;
	}
	*out = m;
	return 0;
}

void marks__free(struct marks *m)
{
	uint64_t one = 1;

	if (!m)
		return;
	if (m->running) {
		if (write(m->stop_fd, &one, sizeof(one)) < 0)
			log_debug("eventfd is full");
		pthread_join(m->thread, NULL);
	}
	if (m->fd >= 0)
		close(m->fd);
	if (m->stop_fd >= 0)
		close(m->stop_fd);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

bool marks__take(struct marks *m, struct mark *out)
{
	bool any;

	pthread_mutex_lock(&m->lock);
	any = m->n > 0;
	if (any) {
		*out = m->waiting[m->first];
		m->first = (m->first + 1) % WAITING;
		m->n--;
	}
	pthread_mutex_unlock(&m->lock);
	return any;
}
