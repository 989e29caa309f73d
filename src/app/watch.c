// SPDX-License-Identifier: GPL-2.0
/* watch.c: heapwatch -p PID: reports of what running processes hold. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "app/command.h"
#include "app/loop.h"
#include "app/options.h"
#include "base/log.h"
#include "model/report.h"
#include "out/json.h"
#include "out/text.h"

struct view {
	const struct options *options;
	FILE *out;
	bool live; /* on a terminal: each report in place of the one before */
};

/* The first `rows` lines: a terminal that scrolls is unreadable. */
static void write_rows(FILE *out, const char *text, unsigned int rows)
{
	const char *end = text;

	while (*end && rows--) {
		end += strcspn(end, "\n");
		end += *end == '\n';
	}
	fwrite(text, 1, (size_t)(end - text), out);
}

static int write_live(const struct view *v, const struct report *r, struct text_style *style)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	char *text = NULL;
	size_t len;
	FILE *f;
	int err;

	ioctl(fileno(v->out), TIOCGWINSZ, &size);
	style->width = size.ws_col ? size.ws_col : 80;
	style->colour = !getenv("NO_COLOR");
	if (v->options->depth > 4)
		style->frames = 4;
	f = open_memstream(&text, &len);
	if (!f)
		return -ENOMEM;
	err = text_write(f, r, style);
	fclose(f);
	if (!err) {
		fputs("\033[H\033[2J", v->out);
		write_rows(v->out, text, size.ws_row > 2 ? size.ws_row - 1u : 1);
	}
	free(text);
	return err;
}

static int show(void *arg, const struct report *r)
{
	const struct view *v = arg;
	struct text_style style = {.frames = v->options->depth, .processes = v->options->detail};
	int err;

	if (v->options->json)
		err = json_write(v->out, r);
	else if (v->live && !r->last)
		err = write_live(v, r, &style);
	else
		err = text_write(v->out, r, &style);
	if (!err && (fflush(v->out) || ferror(v->out)))
		err = -EIO;
	if (err)
		log_error("cannot write the report: %s", strerror(errno ? errno : -err));
	return err;
}

int command_watch(int argc, char **argv)
{
	struct options o;
	struct view v = {.options = &o};
	int code;

	if (options_parse(argc, argv, &o))
		return 2;
	if (o.help) {
		options_help();
		return 0;
	}
	if (o.version) {
		puts("heapwatch " HEAPWATCH_VERSION);
		return 0;
	}
	if (!o.npids && !o.comm && !o.cgroup && !o.command) {
		log_error("which process? heapwatch -p PID (see heapwatch --help)");
		return 2;
	}
	v.out = o.output ? fopen(o.output, "we") : stdout;
	if (!v.out) {
		log_error("cannot write to %s: %s", o.output, strerror(errno));
		return 1;
	}
	v.live = !o.json && !o.once && !o.command && isatty(fileno(v.out));
	code = loop_run(&o, show, &v);
	if (o.output && fclose(v.out) && code >= 0) {
		log_error("cannot write to %s: %s", o.output, strerror(errno));
		return 1;
	}
	return code < 0 ? 1 : code;
}
