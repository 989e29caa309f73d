// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "app/marks.h"
#include "app/marks_name.h"
#include "base/log.h"

#define MAX_RECORDINGS 64

struct found {
	uint64_t dev, inode;
};

/* Sockets that are named as if they were a recording's: any user can make one. */
static size_t find_all(struct found *list)
{
	FILE *f = fopen("/proc/net/unix", "re");
	char line[512];
	size_t n = 0;

	while (f && n < MAX_RECORDINGS && fgets(line, sizeof(line), f)) {
		const char *name = strstr(line, " " MARKS_PREFIX);
		struct found x;

		if (!name ||
		    sscanf(name + 1, MARKS_PREFIX "%" SCNx64 ":%" SCNx64, &x.dev, &x.inode) != 2)
			continue;
		/* Each connection is a line too. */
		for (size_t i = 0; i < n; i++)
			if (list[i].dev == x.dev && list[i].inode == x.inode)
				name = NULL;
		if (name)
			list[n++] = x;
	}
	if (f)
		fclose(f);
	return n;
}

static int reach(const struct found *x)
{
	const struct timeval patience = {.tv_sec = 5};
	struct sockaddr_un addr;
	socklen_t len = marks_name(x->dev, x->inode, &addr);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!connect(fd, (struct sockaddr *)&addr, len))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* A recorder is root's, or ours. */
static bool genuine(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) &&
	       (!peer.uid || peer.uid == geteuid());
}

static int say(int fd, const char *text)
{
	char answer[128];
	size_t len = strlen(text);
	int tries = 0;
	ssize_t n;

	if (send(fd, text, len < MARKS_TEXT ? len : MARKS_TEXT - 1, MSG_NOSIGNAL) < 0 &&
	    errno != EPIPE) {
		log_error("the mark cannot be sent: %s", strerror(errno));
		return -EIO;
	}
	/* Who is refused unheard is told so first, and then what the answer is. */
	do
		n = recv(fd, answer, sizeof(answer) - 1, 0);
	while (n < 0 && errno == ECONNRESET && !tries++);
	if (n <= 0) {
		log_error("the recorder did not answer");
		return -ETIMEDOUT;
	}
	answer[n] = 0;
	if (!strcmp(answer, "ok"))
		return 0;
	log_error("the recorder did not take the mark: %s", answer);
	return -EPERM;
}

static int send_to(const struct found *x, const char *text)
{
	int fd = reach(x), err;

	if (fd < 0)
		return fd;
	err = genuine(fd) ? say(fd, text) : -ECONNREFUSED;
	close(fd);
	return err;
}

static int choose(const char *path, struct found *out)
{
	struct found list[MAX_RECORDINGS];
	size_t n = 0, all;
	struct stat st;

	if (path) {
		if (stat(path, &st)) {
			log_error("%s: %s", path, strerror(errno));
			return -errno;
		}
		*out = (struct found){(uint64_t)st.st_dev, st.st_ino};
		return 0;
	}
	all = find_all(list);
	for (size_t i = 0; i < all; i++) {
		int fd = reach(&list[i]);

		if (fd >= 0 && genuine(fd)) {
			*out = list[i];
			n++;
		}
		if (fd >= 0)
			close(fd);
	}
	if (n == 1)
		return 0;
	log_error(n ? "several recordings are running: which? heapwatch mark -o FILE TEXT"
		    : "no recording is running");
	return n ? -ENOTUNIQ : -ENOENT;
}

int marks_send(const char *path, const char *text)
{
	struct found x;
	int err = choose(path, &x);

	if (err)
		return err;
	err = send_to(&x, text);
	if (err == -ECONNREFUSED)
		log_error("%s is not being recorded", path ? path : "it");
	return err;
}
