// SPDX-License-Identifier: GPL-2.0
#include "app/top_events.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

#define SECOND 1000000000ull

/* The second look comes sooner: then there are rates, and what the first had no time for. */
#define SECOND_LOOK (300000000ull)

/* So long a message is shown. */
#define MESSAGE_FOR (6 * SECOND)

enum { FD_KEYS, FD_SIGNAL, FD_TICK, FD_NEWS, FD_STDERR, FDS };

struct top_events {
	struct pollfd fds[FDS];
	int stderr_before; /* the real one while it is captured; -1 */
	char message[256];
	uint64_t message_ns;
};

static int start_timer(uint64_t interval_ns)
{
	uint64_t first = interval_ns < SECOND_LOOK ? interval_ns : SECOND_LOOK;
	struct itimerspec t = {
	    .it_value = {(time_t)(first / SECOND), (long)(first % SECOND)},
	    .it_interval = {(time_t)(interval_ns / SECOND), (long)(interval_ns % SECOND)}};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0)
		timerfd_settime(fd, 0, &t, NULL);
	return fd;
}

int top_events__new(uint64_t interval_ns, struct top_events **out)
{
	struct top_events *e = calloc(1, sizeof(*e));
	sigset_t set;

	if (!e)
		return -ENOMEM;
	for (int i = 0; i < FDS; i++)
		e->fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	e->stderr_before = -1;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	e->fds[FD_KEYS].fd = STDIN_FILENO;
	e->fds[FD_SIGNAL].fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	e->fds[FD_TICK].fd = start_timer(interval_ns);
	e->fds[FD_NEWS].fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (int i = FD_SIGNAL; i <= FD_NEWS; i++)
		if (e->fds[i].fd < 0) {
			int err = -errno;

			top_events__free(e);
			return err;
		}
	*out = e;
	return 0;
}

void top_events__free(struct top_events *e)
{
	if (!e)
		return;
	top_events__release(e);
	for (int i = FD_SIGNAL; i < FDS; i++)
		if (e->fds[i].fd >= 0)
			close(e->fds[i].fd);
	free(e);
}

int top_events__news_fd(const struct top_events *e)
{
	return e->fds[FD_NEWS].fd;
}

void top_events__capture(struct top_events *e)
{
	int pipe_fds[2];

	/* Whoever writes must never wait for us: what does not fit is lost. */
	if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK))
		return;
	fflush(stderr);
	e->stderr_before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (e->stderr_before < 0 || dup2(pipe_fds[1], STDERR_FILENO) < 0) {
		close(pipe_fds[0]);
		close(pipe_fds[1]);
		return;
	}
	close(pipe_fds[1]);
	e->fds[FD_STDERR].fd = pipe_fds[0];
}

/* The last whole line is the message. */
static void read_message(struct top_events *e)
{
	static const char us[] = "heapwatch: ";
	char buf[4096];
	ssize_t n = read(e->fds[FD_STDERR].fd, buf, sizeof(buf) - 1);
	char *line, *end;

	if (n <= 0)
		return;
	while (n && buf[n - 1] == '\n')
		n--;
	buf[n] = 0;
	end = strrchr(buf, '\n');
	line = end ? end + 1 : buf;
	if (!strncmp(line, us, sizeof(us) - 1))
		line += sizeof(us) - 1;
	utf8_clean(e->message, sizeof(e->message), line);
	e->message_ns = clock_now_ns();
}

void top_events__release(struct top_events *e)
{
	if (!e || e->fds[FD_STDERR].fd < 0)
		return;
	read_message(e);
	fflush(stderr);
	dup2(e->stderr_before, STDERR_FILENO);
	close(e->stderr_before);
	close(e->fds[FD_STDERR].fd);
	e->fds[FD_STDERR].fd = e->stderr_before = -1;
	if (e->message[0])
		fprintf(stderr, "heapwatch: %s\n", e->message);
}

static unsigned int read_signals(struct top_events *e)
{
	struct signalfd_siginfo si;
	unsigned int what = 0;

	while (read(e->fds[FD_SIGNAL].fd, &si, sizeof(si)) == sizeof(si))
		what |= si.ssi_signo == SIGWINCH ? TOP_RESIZED : TOP_STOP;
	return what;
}

unsigned int top_events__wait(struct top_events *e)
{
	/* A message goes away by itself. */
	int timeout = e->message[0] ? (int)(MESSAGE_FOR / 1000000) : -1;
	unsigned int what = 0;
	uint64_t count;

	if (poll(e->fds, FDS, timeout) < 0)
		return errno == EINTR ? TOP_MESSAGE : TOP_STOP;
	/* The terminal: also where it has hung up, which reading it finds out. */
	if (e->fds[FD_KEYS].revents)
		what |= e->fds[FD_KEYS].revents & (POLLERR | POLLNVAL) ? TOP_STOP : TOP_KEYS;
	if (e->fds[FD_SIGNAL].revents)
		what |= read_signals(e);
	if (e->fds[FD_TICK].revents && read(e->fds[FD_TICK].fd, &count, sizeof(count)) > 0)
		what |= TOP_TICK;
	if (e->fds[FD_NEWS].revents && read(e->fds[FD_NEWS].fd, &count, sizeof(count)) > 0)
		what |= TOP_NEWS;
	if (e->fds[FD_STDERR].revents) {
		read_message(e);
		what |= TOP_MESSAGE;
	}
	if (e->message[0] && clock_now_ns() - e->message_ns > MESSAGE_FOR) {
		e->message[0] = 0;
		what |= TOP_MESSAGE;
	}
	return what;
}

const char *top_events__message(const struct top_events *e)
{
	return e->message;
}

void top_events__seen(struct top_events *e)
{
	e->message[0] = 0;
}
