// SPDX-License-Identifier: GPL-2.0
/* top_batch.c: the machine printed again and again. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "app/machine_source.h"
#include "app/top.h"
#include "base/clock.h"
#include "base/log.h"

#define MILLISECOND 1000000ull

/* Between the first look, which finds out who is there, and the first that is printed. */
#define SETTLE (250 * MILLISECOND)

/* A screen of this width has the columns that are printed unless others are chosen. */
#define WIDTH 160

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* A reader that went away is an error of write(), which ends us in order. */
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* true: a signal asks to stop. */
static bool wait_until(int signals, uint64_t until_ns)
{
	struct pollfd fd = {.fd = signals, .events = POLLIN};
	uint64_t now = clock_now_ns();

	while (now < until_ns) {
		int n = poll(&fd, 1, (int)((until_ns - now + MILLISECOND - 1) / MILLISECOND));

		if (n > 0)
			return true;
		now = clock_now_ns();
	}
	return false;
}

/* All of them are looked at as if they were on a screen. */
static int show_all(struct sampler *s, const struct machine_rows *rows, const struct top_options *o)
{
	size_t n = machine_rows__count(rows), used = 0;
	uint32_t *pids = calloc(n + 1, sizeof(*pids));
	struct sampler_shown shown = {.pids = pids, .names = !o->columns_chosen};
	int err;

	if (!pids)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (!machine_rows__at(rows, i)->group)
			pids[used++] = machine_rows__at(rows, i)->process->pid;
	shown.n = used;
	for (size_t i = 0; i < o->columns.n; i++) {
		shown.pss |= o->columns.v[i] == COLUMN_PSS;
		shown.names |= o->columns.v[i] == COLUMN_CALLSITE;
	}
	err = sampler__show(s, &shown);
	free(pids);
	return err;
}

static int look(struct sampler *s, struct machine_rows *rows, const struct top_options *o,
		const struct machine **m)
{
	const struct machine_folds folds = {0};
	struct machine_order flat = o->order;
	int err;

	*m = sampler__tick(s, clock_now_ns());
	err = *m ? machine_rows__make(rows, *m, &flat, &folds) : -ENOMEM;
	if (!err && flat.groups != GROUP_NONE) {
		/* The members of a group are looked at, though they are not printed. */
		flat.groups = GROUP_NONE;
		err = machine_rows__make(rows, *m, &flat, &folds);
		if (!err)
			err = show_all(s, rows, o);
		return err ? err : machine_rows__make(rows, *m, &o->order, &folds);
	}
	return err ? err : show_all(s, rows, o);
}

static int run(struct sampler *s, struct machine_source *source, const struct top_options *o,
	       int signals)
{
	struct machine_rows *rows = machine_rows__new();
	struct batch b = {.format = o->format, .columns = o->columns, .heading = true};
	const struct machine *m;
	uint64_t next;
	int err = rows ? look(s, rows, o, &m) : -ENOMEM;

	if (!err)
		machine_source__start(source, o->kernel);
	next = clock_now_ns() + SETTLE;
	for (unsigned long i = 0; !err && (!o->iterations || i < o->iterations); i++) {
		if (wait_until(signals, next))
			break;
		err = look(s, rows, o, &m);
		if (err)
			break;
		if (!o->columns_chosen)
			machine_columns_fit(WIDTH, m->events[0], &b.columns);
		errno = 0;
		err = batch_write(stdout, &b, m, rows);
		b.heading = false;
		next += o->interval_ns;
		if (next < clock_now_ns())
			next = clock_now_ns();
	}
	machine_rows__free(rows);
	/* Who reads has seen enough. */
	if (err == -EIO && errno == EPIPE)
		return 0;
	if (err)
		log_error("cannot write: %s", strerror(err == -EIO && errno ? errno : -err));
	return err;
}

int top_batch(const struct top_options *o)
{
	struct machine_source *source = machine_source__new();
	struct sampler_options options = {.eager = true};
	struct sampler *s = NULL;
	int signals = open_signals(), err = source && signals >= 0 ? 0 : -ENOMEM;

	if (!err) {
		options.source = machine_source__sampler(source);
		err = sampler__new(&options, &s);
	}
	if (err)
		log_error("cannot look at /proc: %s", strerror(-err));
	else
		err = run(s, source, o, signals);
	sampler__free(s);
	machine_source__free(source);
	if (signals >= 0)
		close(signals);
	return err;
}
