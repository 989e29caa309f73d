// SPDX-License-Identifier: GPL-2.0
/* record.c: heapwatch record: the reports of processes, kept in a file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "app/caller.h"
#include "app/command.h"
#include "app/loop.h"
#include "app/marks.h"
#include "app/options.h"
#include "app/session.h"
#include "base/log.h"
#include "base/units.h"
#include "model/report.h"
#include "store/recorder.h"

static const char help[] =
    "Usage: heapwatch record [OPTION...] -o FILE -p PID[,PID...]\n"
    "       heapwatch record [OPTION...] -o FILE -- COMMAND [ARG...]\n"
    "\n"
    "Keeps what `heapwatch` would show, at every interval, in one file: ask it later for\n"
    "any instant with `heapwatch report FILE`.  The file is whole at every moment, also\n"
    "when the recorder is killed; `heapwatch mark TEXT` writes a mark into it.\n"
    "\n"
    "  -o, --output FILE      the recording (heapwatch.hw)\n"
    "      --force            write over one that is there\n"
    "  -i, --interval TIME    between ticks (1s; 100ms at least)\n"
    "  -q, --quiet            no status line\n"
    "and what `heapwatch --help` says of what to watch, how long, and how to see it.\n";

/* The options that are record's own. */
struct own {
	const char *output;
	bool force, quiet, help;
};

struct record {
	const struct options *options;
	struct own own;
	struct caller caller;
	struct recorder *recorder;
	struct marks *marks;
	bool status;		/* a line on stderr, kept up to date */
	bool failed;		/* the file is not written any more */
	uint64_t peak, peak_ns; /* RSS less shared, of all */
	uint64_t last_events, last_ns;
};

static uint64_t private_bytes(const struct report *r, size_t *alive)
{
	uint64_t sum = 0;

	*alive = 0;
	for (size_t i = 0; i < r->nprocesses; i++) {
		const struct report_process *p = &r->processes[i];

		if (p->exited)
			continue;
		++*alive;
		if (p->rss_bytes > p->shared_bytes)
			sum += p->rss_bytes - p->shared_bytes;
	}
	return sum;
}

static void show_status(struct record *x, const struct report *r, uint64_t bytes, size_t alive)
{
	uint64_t events = 0, lost = 0, ns = r->elapsed_ns - x->last_ns;
	char size[SIZE_TEXT], peak[SIZE_TEXT];

	for (size_t i = 0; i < r->nprocesses; i++) {
		events += r->processes[i].events;
		lost += r->processes[i].lost_events;
	}
	fprintf(stderr,
		"\r\033[K%.1f s  %zu process%s  %s private, peak %s at %.1f s  %.0f events/s  "
		"%llu lost",
		(double)r->elapsed_ns / 1e9, alive, alive == 1 ? "" : "es",
		size_format(size, bytes), size_format(peak, x->peak), (double)x->peak_ns / 1e9,
		ns && events > x->last_events ? (double)(events - x->last_events) * 1e9 / (double)ns
					      : 0.0,
		(unsigned long long)lost);
	x->last_events = events;
	x->last_ns = r->elapsed_ns;
}

/* A command is not to suffer because its recording does. */
static int failed(struct record *x, int err)
{
	if (x->status)
		fputs("\r\033[K", stderr);
	log_error("%s: %s; it holds %llu ticks, up to this one", x->own.output, strerror(-err),
		  (unsigned long long)recorder__ticks(x->recorder));
	x->failed = true;
	return x->options->command ? 0 : err;
}

static int keep(void *arg, const struct report *r)
{
	struct record *x = arg;
	struct mark mark;
	size_t alive;
	uint64_t bytes = private_bytes(r, &alive);
	int err = 0;

	if (x->failed)
		return 0;
	if (bytes > x->peak) {
		x->peak = bytes;
		x->peak_ns = r->elapsed_ns;
	}
	caller_enter(&x->caller);
	while (!err && marks__take(x->marks, &mark))
		err = recorder__mark(x->recorder, mark.time_ns, mark.text);
	if (!err)
		err = recorder__tick(x->recorder, r);
	caller_leave(&x->caller);
	if (err)
		return failed(x, err);
	if (x->status)
		show_status(x, r, bytes, alive);
	return 0;
}

/* What follows "--" is the command's. */
static int take_own(int *argc, char **argv, struct own *own)
{
	int n = 1;

	for (int i = 1; i < *argc; i++) {
		const char *a = argv[i];

		if (!strcmp(a, "--")) {
			while (i < *argc)
				argv[n++] = argv[i++];
			break;
		}
		if (!strcmp(a, "--force")) {
			own->force = true;
		} else if (!strcmp(a, "--quiet") || !strcmp(a, "-q")) {
			own->quiet = true;
		} else if (!strcmp(a, "--help") || !strcmp(a, "-h")) {
			own->help = true;
		} else if (!strncmp(a, "--output=", 9)) {
			own->output = a + 9;
		} else if (!strncmp(a, "-o", 2) && a[2]) {
			own->output = a + 2;
		} else if (!strcmp(a, "-o") || !strcmp(a, "--output")) {
			if (++i == *argc) {
				log_error("%s takes the name of a file", a);
				return -EINVAL;
			}
			own->output = argv[i];
		} else {
			argv[n++] = argv[i];
		}
	}
	argv[n] = NULL;
	*argc = n;
	return 0;
}

static int note_all(struct record *x, int argc, char **argv)
{
	struct utsname name;
	char *line = NULL;
	size_t len;
	FILE *f = open_memstream(&line, &len);
	int err = f ? 0 : -ENOMEM;

	for (int i = 1; f && i < argc; i++)
		fprintf(f, "%s%s", i > 1 ? " " : "", argv[i]);
	if (f)
		fclose(f);
	caller_enter(&x->caller);
	if (!err)
		err = recorder__note(x->recorder, "arguments", line);
	free(line);
	if (!err)
		err = recorder__note(x->recorder, "heapwatch", HEAPWATCH_VERSION);
	if (!err && !uname(&name)) {
		err = recorder__note(x->recorder, "host", name.nodename);
		if (!err)
			err = recorder__note(x->recorder, "kernel", name.release);
	}
	caller_leave(&x->caller);
	return err;
}

/* As the caller where he may; where only root may, the file is his all the same. */
static int open_recording(struct record *x)
{
	const char *path = x->own.output;
	int err;

	caller_find(&x->caller);
	caller_enter(&x->caller);
	err = recorder__new(path, x->own.force, &x->recorder);
	caller_leave(&x->caller);
	if (err == -EACCES && x->caller.known) {
		err = recorder__new(path, x->own.force, &x->recorder);
		if (!err && lchown(path, x->caller.uid, x->caller.gid))
			log_warn("%s stays root's: %s", path, strerror(errno));
		x->caller.known = false;
	}
	if (err == -EEXIST)
		log_error("%s is there already: another name, or --force", path);
	else if (err)
		log_error("cannot make %s: %s", path, strerror(-err));
	if (!err)
		err = marks__new(path, x->caller.known ? x->caller.uid : geteuid(), &x->marks);
	return err;
}

static int close_recording(struct record *x, int code)
{
	struct stat st = {0};
	char size[SIZE_TEXT], peak[SIZE_TEXT];
	uint64_t ticks = x->recorder ? recorder__ticks(x->recorder) : 0;
	int err;

	marks__free(x->marks);
	caller_enter(&x->caller);
	err = recorder__close(x->recorder);
	/* Nothing came of it, and that has been said. */
	if (x->recorder && !ticks && code < 0)
		unlink(x->own.output);
	caller_leave(&x->caller);
	if (x->status && ticks)
		fputs("\r\033[K", stderr);
	if (err && !x->failed) {
		log_error("%s: %s", x->own.output, strerror(-err));
		x->failed = true;
	}
	if (x->status && ticks && !stat(x->own.output, &st))
		log_note("%s: %llu ticks, %s; peak %s at %.1f s; see heapwatch report %s",
			 x->own.output, (unsigned long long)ticks,
			 size_format(size, (uint64_t)st.st_size), size_format(peak, x->peak),
			 (double)x->peak_ns / 1e9, x->own.output);
	return code < 0 || (x->failed && !code) ? 1 : code;
}

int command_record(int argc, char **argv)
{
	struct record x = {.own.output = "heapwatch.hw"};
	char **given = argv;
	int ngiven = argc, code;
	struct options o;

	argv = malloc(((size_t)argc + 1) * sizeof(*argv));
	if (!argv)
		return 1;
	memcpy(argv, given, (size_t)argc * sizeof(*argv));
	argv[argc] = NULL;
	if (take_own(&argc, argv, &x.own) || options_parse(argc, argv, &o)) {
		free(argv);
		return 2;
	}
	if (x.own.help) {
		free(argv);
		return fputs(help, stdout) < 0;
	}
	code = 2;
	if (!o.npids && !o.comm && !o.cgroup && !o.command)
		log_error("what is to be recorded? heapwatch record -o FILE -p PID, or -- COMMAND "
			  "(see --help)");
	else if (o.interval_ns < 100000000)
		log_error("--interval takes 100ms or more here");
	else
		code = 0;
	/* All callsites: what is not kept cannot be asked for. */
	o.top = 0;
	o.min_size = 0;
	o.ended = SESSION_ENDED;
	o.once = false;
	x.options = &o;
	x.status = !x.own.quiet && isatty(STDERR_FILENO);
	if (!code) {
		code = open_recording(&x);
		if (!code)
			code = note_all(&x, ngiven, given);
		if (!code)
			code = loop_run(&o, keep, &x);
		code = close_recording(&x, code);
	}
	free(argv);
	return code;
}
