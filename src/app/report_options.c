// SPDX-License-Identifier: GPL-2.0
#include "app/report_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/units.h"
#include "heapwatch/limits.h"

static const char help[] =
    "Usage: heapwatch report FILE [OPTION...]\n"
    "\n"
    "What a recording (see heapwatch record --help) says of any instant.  No root needed.\n"
    "\n"
    "When: a time since the attach (93s, 2m), or `peak` (most memory: RSS less shared, of\n"
    "all processes), or `end`\n"
    "      --at WHEN          that instant (end)\n"
    "      --diff WHEN WHEN   what changed from the one to the other\n"
    "Which\n"
    "  -p, --process WHO      only this pid, or processes of this name; again for more\n"
    "      --min-age TIME     only what a callsite held throughout the last TIME: of its\n"
    "                         memory no more than that can be older\n"
    "      --suppressions FILE  leave out callsites as LeakSanitizer does: leak:PATTERN\n"
    "  -t, --top N            callsites per process (10; 0: all; as text only)\n"
    "      --depth N          frames per callsite (16; 0: all; as text only)\n"
    "How\n"
    "      --text             for reading (this is the default)\n"
    "      --info             what there is: processes, their peaks, marks\n"
    "  -j, --json             one JSON document, as heapwatch --json\n"
    "      --folded           a line per stack: flamegraph.pl, speedscope, inferno\n"
    "      --pprof            go tool pprof, speedscope, Parca, Pyroscope (gzipped)\n"
    "      --html             one page for a browser, with every instant: no network needed\n"
    "  -o, --output FILE      write there, not to stdout; --force: over what is there\n"
    "  -h, --help             this\n";

enum {
	OPT_AT = 256,
	OPT_DIFF,
	OPT_MIN_AGE,
	OPT_SUPPRESSIONS,
	OPT_DEPTH,
	OPT_TEXT,
	OPT_INFO,
	OPT_FOLDED,
	OPT_PPROF,
	OPT_HTML,
	OPT_FORCE,
};

static const struct option long_options[] = {
    {"at", required_argument, NULL, OPT_AT},
    {"diff", required_argument, NULL, OPT_DIFF},
    {"process", required_argument, NULL, 'p'},
    {"min-age", required_argument, NULL, OPT_MIN_AGE},
    {"suppressions", required_argument, NULL, OPT_SUPPRESSIONS},
    {"top", required_argument, NULL, 't'},
    {"depth", required_argument, NULL, OPT_DEPTH},
    {"text", no_argument, NULL, OPT_TEXT},
    {"json", no_argument, NULL, 'j'},
    {"info", no_argument, NULL, OPT_INFO},
    {"folded", no_argument, NULL, OPT_FOLDED},
    {"pprof", no_argument, NULL, OPT_PPROF},
    {"html", no_argument, NULL, OPT_HTML},
    {"output", required_argument, NULL, 'o'},
    {"force", no_argument, NULL, OPT_FORCE},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

void report_options_help(void)
{
	fputs(help, stdout);
}

static int parse_moment(const char *what, const char *word, struct report_moment *m)
{
	m->kind = MOMENT_TIME;
	if (word && !strcmp(word, "peak"))
		m->kind = MOMENT_PEAK;
	else if (word && !strcmp(word, "end"))
		m->kind = MOMENT_END;
	else if (!word || duration_parse(word, &m->ns)) {
		log_error("%s takes a time as 93s, 'peak' or 'end', not '%s'", what,
			  word ? word : "");
		return -EINVAL;
	}
	return 0;
}

/* getopt knows no option with two arguments. */
static int parse_diff(int argc, char **argv, struct report_options *o)
{
	const char *second = optind < argc ? argv[optind] : NULL;

	o->diff = true;
	optind++;
	return parse_moment("--diff", optarg, &o->from) ? -EINVAL
							: parse_moment("--diff", second, &o->at);
}

static int parse_number(const char *what, const char *word, unsigned long max, unsigned long *n)
{
	char *end;

	errno = 0;
	*n = strtoul(word, &end, 10);
	if (*word < '0' || *word > '9' || *end || errno || *n > max) {
		log_error("%s takes a number up to %lu, not '%s'", what, max, word);
		return -EINVAL;
	}
	return 0;
}

static int parse_one(int c, int argc, char **argv, struct report_options *o)
{
	unsigned long n = 0;
	int err = 0;

	switch (c) {
	case OPT_AT:
		return parse_moment("--at", optarg, &o->at);
	case OPT_DIFF:
		return parse_diff(argc, argv, o);
	case OPT_MIN_AGE:
		if (!duration_parse(optarg, &o->min_age_ns))
			return 0;
		log_error("--min-age takes a time, as 10s, not '%s'", optarg);
		return -EINVAL;
	case OPT_SUPPRESSIONS:
		o->suppressions = optarg;
		return 0;
	case OPT_DEPTH:
		err = parse_number("--depth", optarg, HW_MAX_FRAMES, &n);
		o->depth = (unsigned int)n;
		return err;
	case 't':
		err = parse_number("--top", optarg, 1000000, &n);
		o->top = n;
		return err;
	case 'p':
		if (o->nprocesses == REPORT_PROCESSES) {
			log_error("--process can be given %d times", REPORT_PROCESSES);
			return -EINVAL;
		}
		o->processes[o->nprocesses++] = optarg;
		return 0;
	case 'o':
		o->output = optarg;
		return 0;
	case OPT_FORCE:
		o->force = true;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	case 'j':
		o->format = FORMAT_JSON;
		return 0;
	case OPT_TEXT:
	case OPT_INFO:
	case OPT_FOLDED:
	case OPT_PPROF:
	case OPT_HTML:
		o->format = c == OPT_TEXT     ? FORMAT_TEXT
			    : c == OPT_INFO   ? FORMAT_INFO
			    : c == OPT_FOLDED ? FORMAT_FOLDED
			    : c == OPT_PPROF  ? FORMAT_PPROF
					      : FORMAT_HTML;
		return 0;
	}
	return -EINVAL; /* getopt has said why */
}

int report_options_parse(int argc, char **argv, struct report_options *out)
{
	struct report_options o = {.at.kind = MOMENT_END, .top = 10, .depth = 16};
	int c;

	/* '-': in the order of the command line, so that --diff finds its second time. */
	optind = 1;
	while ((c = getopt_long(argc, argv, "-p:t:jo:h", long_options, NULL)) != -1) {
		if (c == 1 && !o.file)
			o.file = optarg;
		else if (c == 1) {
			log_error("one recording at a time: '%s'?", optarg);
			return -EINVAL;
		} else if (parse_one(c, argc, argv, &o))
			return -EINVAL;
	}
	if (!o.file && optind < argc)
		o.file = argv[optind];
	if (!o.file && !o.help) {
		log_error("which recording? heapwatch report FILE (see --help)");
		return -EINVAL;
	}
	if (o.diff && o.min_age_ns) {
		log_error("--min-age is of one instant, not of --diff");
		return -EINVAL;
	}
	if (o.format == FORMAT_HTML && (o.diff || o.min_age_ns)) {
		log_error("--html has every instant, and compares any two: without --diff and "
			  "--min-age");
		return -EINVAL;
	}
	*out = o;
	return 0;
}
