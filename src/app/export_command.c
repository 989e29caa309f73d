// SPDX-License-Identifier: GPL-2.0
/* export_command.c: heapwatch export: a daemon for Prometheus and for profilers that pull. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "app/command.h"
#include "app/export.h"
#include "app/notify.h"
#include "base/log.h"
#include "out/prom.h"

enum { FD_SIGNAL, FD_TICK, FD_ALIVE, FD_SESSION, FDS };

struct loop {
	const struct export_options *options;
	struct exporter *exporter;
	struct notify *notify;
	struct pollfd fds[FDS];
	bool stop;
};

static int timer(uint64_t every_ns)
{
	const struct timespec t = {(time_t)(every_ns / 1000000000u),
				   (long)(every_ns % 1000000000u)};
	const struct itimerspec when = {.it_value = t, .it_interval = t};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0 && timerfd_settime(fd, 0, &when, NULL)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Before any other thread is there: all are to have them blocked. */
static int take_signals(struct loop *l)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	l->fds[FD_SIGNAL].fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return l->fds[FD_SIGNAL].fd < 0 ? -errno : 0;
}

static int start_clocks(struct loop *l)
{
	uint64_t alive_ns = notify__watchdog_ns(l->notify);

	l->fds[FD_TICK].fd = timer(l->options->interval_ns);
	if (alive_ns)
		l->fds[FD_ALIVE].fd = timer(alive_ns);
	return l->fds[FD_TICK].fd < 0 || (alive_ns && l->fds[FD_ALIVE].fd < 0) ? -errno : 0;
}

static int reload(struct loop *l)
{
	int err;

	notify__reloading(l->notify);
	err = exporter__reload(l->exporter);
	l->fds[FD_SESSION].fd = exporter__fd(l->exporter);
	notify__ready(l->notify);
	return err;
}

static int on_signals(struct loop *l)
{
	struct signalfd_siginfo si;
	int err = 0;

	while (!err && read(l->fds[FD_SIGNAL].fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGHUP)
			err = reload(l);
		else
			l->stop = true;
	}
	return err;
}

static bool expired(const struct pollfd *fd)
{
	uint64_t times;

	return (fd->revents & POLLIN) && read(fd->fd, &times, sizeof(times)) > 0;
}

static void tick(struct loop *l)
{
	size_t groups, processes, watched;

	/* What failed is logged, and /healthz will say it; the next may work. */
	exporter__tick(l->exporter);
	exporter__figures(l->exporter, &groups, &processes, &watched);
	notify__status(l->notify, "%zu processes in %zu groups, %zu watched", processes, groups,
		       watched);
}

static int turn(struct loop *l)
{
	int err = 0;

	while (!l->stop && !err) {
		if (poll(l->fds, FDS, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (l->fds[FD_SIGNAL].revents)
			err = on_signals(l);
		if (expired(&l->fds[FD_ALIVE]))
			notify__alive(l->notify);
		if (!err && l->fds[FD_SESSION].revents)
			err = exporter__step(l->exporter);
		if (!err && !l->stop && expired(&l->fds[FD_TICK]))
			tick(l);
	}
	return err;
}

static int serve(struct loop *l)
{
	char url[128];
	int err = take_signals(l);

	if (!err)
		err = exporter__new(l->options, &l->exporter);
	if (!err)
		err = start_clocks(l);
	if (!err)
		err = exporter__tick(l->exporter);
	if (err)
		return err;
	l->fds[FD_SESSION].fd = exporter__fd(l->exporter);
	exporter__url(l->exporter, url, sizeof(url));
	log_note("serving %s/metrics", url);
	notify__ready(l->notify);
	err = turn(l);
	notify__stopping(l->notify);
	log_note("stopping");
	return err;
}

int command_export(int argc, char **argv)
{
	struct export_options o;
	struct loop l = {.options = &o};
	int err;

	if (export_options_parse(argc, argv, &o))
		return 2;
	if (o.help) {
		export_options_help();
		return 0;
	}
	if (o.list_metrics)
		return prom_document(stdout) ? 1 : 0;
	if (geteuid()) {
		log_error("the exporter needs root: sudo heapwatch export ...");
		return 1;
	}
	for (int i = 0; i < FDS; i++)
		l.fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	log_set_logfmt();
	l.notify = notify__new();
	err = l.notify ? serve(&l) : -ENOMEM;
	exporter__free(l.exporter);
	notify__free(l.notify);
	for (int i = 0; i < FDS; i++)
		if (i != FD_SESSION && l.fds[i].fd >= 0)
			close(l.fds[i].fd);
	return err ? 1 : 0;
}
