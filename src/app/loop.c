// SPDX-License-Identifier: GPL-2.0
#include "app/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "app/options.h"
#include "app/session.h"
#include "app/watched.h"
#include "base/log.h"

enum { FD_SIGNAL, FD_SESSION, FD_TICK, FD_END, FDS };

struct loop {
	const struct options *options;
	struct session *session;
	struct pollfd fds[FDS];
	loop_report_fn fn;
	void *arg;
};

static int timer(uint64_t first_ns, uint64_t every_ns)
{
	struct itimerspec t = {
	    .it_value = {(time_t)(first_ns / 1000000000u), (long)(first_ns % 1000000000u)},
	    .it_interval = {(time_t)(every_ns / 1000000000u), (long)(every_ns % 1000000000u)}};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0 && timerfd_settime(fd, 0, &t, NULL)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int take_signals(struct loop *l)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* A reader that went away is an error of write(), which ends us in order. */
	signal(SIGPIPE, SIG_IGN);
	l->fds[FD_SIGNAL].fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return l->fds[FD_SIGNAL].fd < 0 ? -errno : 0;
}

static int start_clocks(struct loop *l)
{
	const struct options *o = l->options;

	if (!o->once) {
		l->fds[FD_TICK].fd = timer(o->interval_ns, o->interval_ns);
		if (l->fds[FD_TICK].fd < 0)
			return -errno;
	}
	if (o->duration_ns) {
		l->fds[FD_END].fd = timer(o->duration_ns, 0);
		if (l->fds[FD_END].fd < 0)
			return -errno;
	}
	return 0;
}

static bool take(struct pollfd *fd)
{
	struct signalfd_siginfo si;
	bool ready = fd->fd >= 0 && (fd->revents & POLLIN);

	/* All that is read is how often: once is enough. */
	while (ready && read(fd->fd, &si, sizeof(si)) > 0)
		;
	return ready;
}

static int report(struct loop *l, bool last)
{
	const struct report *r = session__report(l->session, last);

	return r ? l->fn(l->arg, r) : -ENOMEM;
}

static int turn(struct loop *l)
{
	int err = 0;

	while (session__alive(l->session) && !err) {
		if (poll(l->fds, FDS, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (take(&l->fds[FD_SIGNAL]) || take(&l->fds[FD_END]))
			break;
		if (l->fds[FD_SESSION].revents)
			err = session__step(l->session);
		if (!err && session__alive(l->session) && take(&l->fds[FD_TICK]))
			err = report(l, false);
	}
	return err ? err : report(l, true);
}

/* Everything that needs no probe comes first: a wrong pid costs nobody a trap.  Without root,
 * session__new says so. */
static int check_processes(const struct options *o)
{
	struct watched *w;
	int err = 0;

	for (size_t i = 0; i < o->npids && !err && !geteuid(); i++) {
		err = watched__new(o->pids[i], &w);
		if (!err)
			watched__free(w);
	}
	return err;
}

static int start_session(struct loop *l)
{
	const struct options *o = l->options;
	struct session_config config = {.probes = {.user = o->user,
						   .kernel = o->kernel,
						   .ring_bytes = o->ring_bytes,
						   .rings = o->rings,
						   .threads = o->threads,
						   .processes = OPTIONS_MAX_PIDS},
					.share = o->share,
					.top = o->top,
					.min_size = o->min_size};
	int err = check_processes(o);

	if (!err)
		err = session__new(&config, &l->session);
	for (size_t i = 0; i < o->npids && !err; i++)
		err = session__watch(l->session, o->pids[i]);
	if (!err)
		l->fds[FD_SESSION].fd = session__fd(l->session);
	return err;
}

int loop_run(const struct options *o, loop_report_fn fn, void *arg)
{
	struct loop l = {.options = o, .fn = fn, .arg = arg};
	int err;

	for (int i = 0; i < FDS; i++)
		l.fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	err = take_signals(&l);
	if (!err)
		err = start_session(&l);
	if (!err)
		err = start_clocks(&l);
	if (!err)
		err = turn(&l);
	session__free(l.session);
	for (int i = 0; i < FDS; i++)
		if (i != FD_SESSION && l.fds[i].fd >= 0)
			close(l.fds[i].fd);
	return err;
}
