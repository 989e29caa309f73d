// SPDX-License-Identifier: GPL-2.0
/* report.c: heapwatch report: any instant of a recording, or two of them compared. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "app/report_html.h"
#include "app/report_info.h"
#include "app/report_options.h"
#include "base/log.h"
#include "base/units.h"
#include "model/report.h"
#include "out/diff.h"
#include "out/folded.h"
#include "out/json.h"
#include "out/label.h"
#include "out/pprof.h"
#include "out/sieve.h"
#include "out/text.h"
#include "store/instant.h"
#include "store/recording.h"

/* A suppressions file is written by hand. */
#define SUPPRESSIONS_MAX (1u << 20)

/* One instant, as it is to be shown. */
struct shown {
	struct instant *instant;
	struct sieve *sieve;
	const struct report *report;
};

static size_t tick_of(const struct recording *r, const struct report_moment *m)
{
	const struct recording_tick *ticks;

	switch (m->kind) {
	case MOMENT_PEAK:
		return recording__peak(r);
	case MOMENT_END:
		return recording__ticks(r, &ticks) - 1;
	case MOMENT_TIME:
		break;
	}
	return recording__tick_at(r, m->ns);
}

static int read_suppressions(const char *path, struct sieve *s)
{
	FILE *f = fopen(path, "re");
	char *text = f ? malloc(SUPPRESSIONS_MAX + 1) : NULL;
	size_t len = text ? fread(text, 1, SUPPRESSIONS_MAX + 1, f) : 0, line = 0;
	int err = !f ? -errno : !text ? -ENOMEM : ferror(f) ? -EIO : 0;

	if (!err && len > SUPPRESSIONS_MAX)
		err = -EFBIG;
	if (!err) {
		text[len] = 0;
		err = sieve__suppress(s, text, &line);
	}
	if (err == -EINVAL)
		log_error("%s:%zu: a line is leak:PATTERN, or a # comment", path, line);
	else if (err)
		log_error("%s: %s", path, strerror(-err));
	if (f)
		fclose(f);
	free(text);
	return err;
}

static int make_sieve(const struct report_options *o, struct sieve **out)
{
	struct sieve *s = sieve__new();
	int err = s ? 0 : -ENOMEM;

	for (size_t i = 0; i < o->nprocesses && !err; i++)
		err = sieve__process(s, o->processes[i]);
	if (!err && o->format == FORMAT_TEXT && !o->diff)
		sieve__top(s, o->top);
	if (!err && o->suppressions)
		err = read_suppressions(o->suppressions, s);
	if (err)
		sieve__free(s);
	else
		*out = s;
	return err;
}

/* The least that each callsite held since min_age before: nothing, where that is before the attach.
 */
static int seek(const struct report_options *o, struct recording *r, struct shown *x, size_t tick,
		const struct report **out)
{
	const struct recording_tick *ticks;
	uint64_t now;

	recording__ticks(r, &ticks);
	now = ticks[tick].elapsed_ns;
	if (!o->min_age_ns)
		return instant__seek(x->instant, tick, out);
	if (now < o->min_age_ns) {
		log_error("--min-age: at %.1f s after the attach no block is that old",
			  (double)now / 1e9);
		return -ERANGE;
	}
	return instant__held(x->instant, recording__tick_at(r, now - o->min_age_ns), tick, out);
}

static int show(const struct report_options *o, struct recording *r,
		const struct report_moment *when, struct shown *x)
{
	struct sieve_count count;
	const struct report *report;
	char size[SIZE_TEXT];
	int err = make_sieve(o, &x->sieve);

	if (err)
		return err;
	x->instant = instant__new(r);
	err = x->instant ? seek(o, r, x, tick_of(r, when), &report) : -ENOMEM;
	if (err)
		return err;
	x->report = sieve__apply(x->sieve, report, &count);
	if (!x->report)
		return -ENOMEM;
	if (o->nprocesses && !count.processes) {
		log_error("no such process at %.1f s after the attach",
			  (double)report->elapsed_ns / 1e9);
		return -ESRCH;
	}
	if (o->suppressions)
		log_note("suppressed: %s in %llu callsites", size_format(size, count.bytes),
			 (unsigned long long)count.sites);
	return 0;
}

static void hide(struct shown *x)
{
	sieve__free(x->sieve);
	instant__free(x->instant);
}

static int write_one(FILE *f, const struct report_options *o, struct recording *r, struct sieve *s,
		     const struct report *before, const struct report *now)
{
	const struct diff_style diff = {.top = o->top, .frames = o->depth};
	struct text_style text = {.frames = o->depth};
	struct winsize size = {0};

	switch (o->format) {
	case FORMAT_JSON:
		return before ? diff_write_json(f, before, now) : json_write(f, now);
	case FORMAT_FOLDED:
		return folded_write(f, now, before);
	case FORMAT_PPROF:
		return pprof_write(f, now, before, PPROF_INUSE_SPACE);
	case FORMAT_INFO:
		return report_info_write(f, r);
	case FORMAT_HTML:
		return report_html_write(f, label_base_name(o->file), r, s);
	case FORMAT_TEXT:
		break;
	}
	if (before)
		return diff_write(f, before, now, &diff);
	if (isatty(fileno(f))) {
		text.colour = !getenv("NO_COLOR");
		if (!ioctl(fileno(f), TIOCGWINSZ, &size))
			text.width = size.ws_col;
	}
	return text_write(f, now, &text);
}

static FILE *open_output(const struct report_options *o)
{
	int flags = O_CREAT | O_WRONLY | O_CLOEXEC | (o->force ? O_TRUNC : O_EXCL), fd;
	struct stat st;
	FILE *f;

	if (!o->output) {
		if (o->format == FORMAT_PPROF && isatty(STDOUT_FILENO)) {
			log_error("a profile is not for a terminal: --output FILE");
			return NULL;
		}
		return stdout;
	}
	/* /dev/stdout, a pipe: nothing is lost there. */
	if (!stat(o->output, &st) && !S_ISREG(st.st_mode))
		flags &= ~O_EXCL;
	fd = open(o->output, flags, 0644);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (f)
		return f;
	if (errno == EEXIST)
		log_error("%s is there already: another name, or --force", o->output);
	else
		log_error("%s: %s", o->output, strerror(errno));
	if (fd >= 0)
		close(fd);
	return NULL;
}

static int write_all(const struct report_options *o, struct recording *r, struct sieve *s,
		     const struct report *before, const struct report *now)
{
	FILE *f = open_output(o);
	int err;

	if (!f)
		return -EIO;
	err = write_one(f, o, r, s, before, now);
	if ((o->output ? fclose(f) : fflush(f)) && !err)
		err = -errno;
	if (err)
		log_error("cannot write the report: %s", strerror(-err));
	return err;
}

static int report(const struct report_options *o)
{
	struct shown now = {0}, before = {0};
	struct recording *r;
	int err = recording__open(o->file, 0, &r);

	if (err)
		return err;
	err = show(o, r, &o->at, &now);
	if (!err && o->diff)
		err = show(o, r, &o->from, &before);
	if (!err)
		err = write_all(o, r, now.sieve, before.report, now.report);
	if (err == -ENOMEM)
		log_error("memory is out");
	hide(&before);
	hide(&now);
	recording__free(r);
	return err;
}

int command_report(int argc, char **argv)
{
	struct report_options o;

	if (report_options_parse(argc, argv, &o))
		return 2;
	if (o.help) {
		report_options_help();
		return 0;
	}
	return report(&o) ? 1 : 0;
}
