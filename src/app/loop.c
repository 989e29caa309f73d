// SPDX-License-Identifier: GPL-2.0
#include "app/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/choose.h"
#include "app/options.h"
#include "app/session.h"
#include "app/watched.h"
#include "base/clock.h"
#include "base/log.h"
#include "probe/launch.h"

/* Memory is read this often, so that peaks between reports are seen. */
#define SAMPLE_NS 100000000ull

enum { FD_SIGNAL, FD_SESSION, FD_TICK, FD_END, FD_SAMPLE, FDS };

struct loop {
	const struct options *options;
	struct session *session;
	struct choose *choose; /* NULL: pids, or a command */
	struct launch *launch; /* the command, or NULL */
	pid_t command;	       /* its pid while it runs, or 0 */
	int status;	       /* of the command, as wait(2) gives it */
	bool passed_on;	       /* a signal went to the command: the next one is for us */
	uint64_t next_choice;
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

	l->fds[FD_SAMPLE].fd = timer(SAMPLE_NS, SAMPLE_NS);
	if (l->fds[FD_SAMPLE].fd < 0)
		return -errno;
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

/* 0, or the last signal that came. */
static int take_signal(struct loop *l)
{
	struct signalfd_siginfo si;
	int signal = 0;

	while (l->fds[FD_SIGNAL].revents && read(l->fds[FD_SIGNAL].fd, &si, sizeof(si)) > 0) {
		/* Ctrl-C reaches the command by itself: the terminal's signals are the kernel's. */
		if (l->command && si.ssi_signo == SIGINT && si.ssi_code == SI_KERNEL)
			continue;
		signal = (int)si.ssi_signo;
	}
	return signal;
}

static bool take_timer(struct pollfd *fd)
{
	uint64_t times;

	return fd->fd >= 0 && (fd->revents & POLLIN) && read(fd->fd, &times, sizeof(times)) > 0;
}

/* True where the watching is to end. */
static bool on_signal(struct loop *l)
{
	int signal = take_signal(l);

	if (!signal)
		return false;
	if (!l->command || l->passed_on)
		return true;
	l->passed_on = true;
	kill(l->command, signal);
	return false;
}

static int report(struct loop *l, bool last)
{
	const struct report *r = session__report(l->session, last);

	return r ? l->fn(l->arg, r) : -ENOMEM;
}

/* The command ends: its tree may go on. */
static void wait_for_command(struct loop *l)
{
	size_t left;

	if (!l->command || session__alive_pid(l->session, l->command))
		return;
	l->status = launch__wait(l->launch);
	l->command = 0;
	left = session__alive(l->session);
	if (left)
		log_note("the command has ended; %zu process%s of its tree still run%s: Ctrl-C "
			 "ends the watching",
			 left, left == 1 ? "" : "es", left == 1 ? "s" : "");
}

static void on_sample(struct loop *l)
{
	uint64_t now = clock_now_ns();

	session__sample(l->session);
	if (l->choose && now >= l->next_choice) {
		choose__watch(l->choose, l->session);
		l->next_choice = now + 1000000000u;
	}
}

static int turn(struct loop *l)
{
	int err = 0;

	while ((l->choose || session__alive(l->session)) && !err) {
		if (poll(l->fds, FDS, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (on_signal(l) || take_timer(&l->fds[FD_END]))
			break;
		if (l->fds[FD_SESSION].revents)
			err = session__step(l->session);
		wait_for_command(l);
		if (take_timer(&l->fds[FD_SAMPLE]))
			on_sample(l);
		if (!err && (l->choose || session__alive(l->session)) &&
		    take_timer(&l->fds[FD_TICK]))
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

static int watch_chosen(struct loop *l)
{
	const struct options *o = l->options;
	int err = choose__new(o->comm, o->cgroup, &l->choose);

	if (!err)
		err = choose__watch(l->choose, l->session);
	if (err)
		return err < 0 ? err : 0;
	log_error("no process%s%s%s%s can be watched", o->comm ? " named " : "",
		  o->comm ? o->comm : "", o->cgroup ? " in " : "", o->cgroup ? o->cgroup : "");
	return -ESRCH;
}

static int start_watching(struct loop *l)
{
	const struct options *o = l->options;
	int err = 0;

	for (size_t i = 0; i < o->npids && !err; i++)
		err = session__watch(l->session, o->pids[i]);
	if (!err && (o->comm || o->cgroup))
		err = watch_chosen(l);
	if (!err && o->command) {
		err = session__launch(l->session, o->command, !o->as_root, &l->launch);
		if (!err)
			l->command = launch__pid(l->launch);
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
						   .processes = o->processes},
					.share = o->share,
					.most = o->most,
					.together = o->command != NULL,
					.command = o->command ? o->command[0] : NULL,
					.pids = o->pids,
					.npids = o->npids,
					.top = o->top,
					.min_size = o->min_size,
					.ended = o->ended,
					.follow = !o->no_follow};
	int err = check_processes(o);

	if (!err)
		err = session__new(&config, &l->session);
	if (!err)
		err = start_watching(l);
	if (!err)
		l->fds[FD_SESSION].fd = session__fd(l->session);
	return err;
}

static int exit_code(const struct loop *l)
{
	if (!l->launch)
		return 0;
	return WIFSIGNALED(l->status) ? 128 + WTERMSIG(l->status) : WEXITSTATUS(l->status);
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
	session__leave(l.session);
	session__free(l.session);
	choose__free(l.choose);
	launch__free(l.launch);
	for (int i = 0; i < FDS; i++)
		if (i != FD_SESSION && l.fds[i].fd >= 0)
			close(l.fds[i].fd);
	return err ? err : exit_code(&l);
}
