// SPDX-License-Identifier: GPL-2.0
/* top.c: heapwatch alone, or heapwatch top: every process of the machine. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/options.h"
#include "app/limits.h"
#include "app/top.h"
#include "base/log.h"
#include "base/units.h"
#include "probe/feature.h"

static const char help[] =
    "Usage: heapwatch [top] [OPTION...]\n"
    "\n"
    "Shows every process of this machine: its memory, what its allocator holds of it, what\n"
    "is in use and what is free but resident, who grows. Puts no probe into anybody's\n"
    "allocator until w is pressed on a process. ? shows the keys.\n"
    "\n"
    "  -b, --batch            print, do not take the terminal over\n"
    "  -n, --iterations N     of a batch (until Ctrl-C; 1 where there is no terminal)\n"
    "      --text, --csv, -j, --json   what a batch prints (text)\n"
    "  -i, --interval TIME    between looks (1s); 250ms, 5s, 1m ...\n"
    "      --columns LIST     pid,rss,... (what fits; a batch: what a screen of 160 has)\n"
    "      --sort COLUMN      (rss); -I, --invert: the other way around\n"
    "  -t, --tree             as a tree of processes\n"
    "      --group user|unit  sums by user, by container or unit\n"
    "  -u, --user NAME        one user's processes\n"
    "      --filter WORDS     that have one of these words, | between them\n"
    "  -K, --kernel-threads   kernel threads too\n"
    "      --no-bpf           nothing in the kernel: no rates of brk, mmap, munmap\n"
    "      --kernel-probes KIND   auto, fentry, kprobe, tracepoint, none\n"
    "      --max-overhead PCT     of a process's run time, for the probes of w (no limit)\n"
    "  -h, --help             this\n"
    "Columns: ";

enum {
	OPT_TEXT = 256,
	OPT_CSV,
	OPT_COLUMNS,
	OPT_SORT,
	OPT_GROUP,
	OPT_FILTER,
	OPT_NO_BPF,
	OPT_KERNEL,
	OPT_OVERHEAD,
};

static const struct option long_options[] = {
    {"batch", no_argument, NULL, 'b'},
    {"iterations", required_argument, NULL, 'n'},
    {"text", no_argument, NULL, OPT_TEXT},
    {"csv", no_argument, NULL, OPT_CSV},
    {"json", no_argument, NULL, 'j'},
    {"interval", required_argument, NULL, 'i'},
    {"columns", required_argument, NULL, OPT_COLUMNS},
    {"sort", required_argument, NULL, OPT_SORT},
    {"invert", no_argument, NULL, 'I'},
    {"tree", no_argument, NULL, 't'},
    {"group", required_argument, NULL, OPT_GROUP},
    {"user", required_argument, NULL, 'u'},
    {"filter", required_argument, NULL, OPT_FILTER},
    {"kernel-threads", no_argument, NULL, 'K'},
    {"no-bpf", no_argument, NULL, OPT_NO_BPF},
    {"kernel-probes", required_argument, NULL, OPT_KERNEL},
    {"max-overhead", required_argument, NULL, OPT_OVERHEAD},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void print_help(void)
{
	int at = (int)strlen("Columns: ");

	fputs(help, stdout);
	for (int c = 0; c < COLUMN_COUNT; c++) {
		const char *name = machine_column_info((enum machine_column)c)->name;

		at += (int)strlen(name) + 2;
		printf("%s%s%s", name, c + 1 < COLUMN_COUNT ? "," : "\n",
		       c + 1 == COLUMN_COUNT ? ""
		       : at > 76	     ? "\n  "
					     : " ");
		if (at > 76)
			at = 2;
	}
}

static int parse_columns(const char *list, struct top_options *o)
{
	char bad[32];

	o->columns_chosen = true;
	if (!machine_columns_parse(list, &o->columns, bad))
		return 0;
	log_error(
	    "--columns takes names with commas between, each once, not '%s'; see heapwatch top "
	    "--help",
	    bad);
	return -EINVAL;
}

static int parse_sort(const char *name, struct top_options *o)
{
	o->order.sort = machine_column_find(name);
	if (o->order.sort < COLUMN_COUNT)
		return 0;
	log_error("--sort takes a column's name, not '%s'; see heapwatch top --help", name);
	return -EINVAL;
}

static int parse_group(const char *word, struct top_options *o)
{
	bool user = !strcmp(word, "user");

	if (!user && strcmp(word, "unit") && strcmp(word, "cgroup")) {
		log_error("--group takes user or unit, not '%s'", word);
		return -EINVAL;
	}
	o->order.groups = user ? GROUP_USER : GROUP_CGROUP;
	return 0;
}

static int parse_iterations(const char *word, struct top_options *o)
{
	char *end;

	errno = 0;
	o->iterations = strtoul(word, &end, 10);
	if (*word >= '1' && *word <= '9' && !*end && !errno)
		return 0;
	log_error("-n takes a number from 1 on, not '%s'", word);
	return -EINVAL;
}

static int parse_interval(const char *word, struct top_options *o)
{
	if (!duration_parse(word, &o->interval_ns) && o->interval_ns >= 10000000)
		return 0;
	log_error("--interval takes a time of at least 10ms, as 500ms or 2s, not '%s'", word);
	return -EINVAL;
}

static int parse_one(int c, struct top_options *o)
{
	switch (c) {
	case 'b':
		o->batch = true;
		return 0;
	case 'n':
		return parse_iterations(optarg, o);
	case OPT_TEXT:
		o->format = BATCH_TEXT;
		return 0;
	case OPT_CSV:
		o->format = BATCH_CSV;
		return 0;
	case 'j':
		o->format = BATCH_JSON;
		return 0;
	case 'i':
		return parse_interval(optarg, o);
	case OPT_COLUMNS:
		return parse_columns(optarg, o);
	case OPT_SORT:
		return parse_sort(optarg, o);
	case 'I':
		o->order.invert = true;
		return 0;
	case 't':
		o->order.tree = true;
		return 0;
	case OPT_GROUP:
		return parse_group(optarg, o);
	case 'u':
		o->order.user = optarg;
		return 0;
	case OPT_FILTER:
		snprintf(o->order.filter, sizeof(o->order.filter), "%s", optarg);
		return 0;
	case 'K':
		o->order.kernel_threads = true;
		return 0;
	case OPT_NO_BPF:
		o->kernel = KERNEL_NONE;
		return 0;
	case OPT_KERNEL:
		if (!kernel_kind_parse(optarg, &o->kernel))
			return 0;
		log_error(
		    "--kernel-probes takes auto, fentry, kprobe, tracepoint or none, not '%s'",
		    optarg);
		return -EINVAL;
	case OPT_OVERHEAD:
		return options_overhead(optarg, &o->share);
	case 'v':
		log_set_level(LOG_DEBUG);
		return 0;
	case 'h':
		o->help = true;
		return 0;
	}
	return -EINVAL; /* getopt has said why */
}

static int parse(int argc, char **argv, struct top_options *o)
{
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "bn:ji:Itu:Kvh", long_options, NULL)) != -1)
		if (parse_one(c, o))
			return -EINVAL;
	/* As in --batch json. */
	for (; o->batch && optind < argc; optind++) {
		static const char *const words[] = {"text", "csv", "json"};
		size_t i = 0;

		while (i < 3 && strcmp(argv[optind], words[i]))
			i++;
		if (i == 3)
			break;
		o->format = (enum batch_format)i;
	}
	if (optind < argc) {
		log_error("'%s' is not a command or an option; see heapwatch top --help",
			  argv[optind]);
		return -EINVAL;
	}
	return 0;
}

/* Is it one of ours?  Help is of all commands. */
static bool is_own(const char *arg)
{
	size_t len = strcspn(arg, "=");

	if (arg[1] != '-')
		return arg[1] && strchr("bnjiItuKv", arg[1]);
	for (const struct option *o = long_options; o->name; o++)
		if (strlen(o->name) == len - 2 && !strncmp(o->name, arg + 2, len - 2))
			return o->val != 'h';
	return false;
}

bool top_is_meant(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (argv[i][0] == '-' && !is_own(argv[i]))
			return false;
	return argc == 1 || argv[1][0] == '-';
}

int command_top(int argc, char **argv)
{
	struct top_options o = {.interval_ns = 1000000000, .order = {.sort = COLUMN_RSS}};
	bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);

	if (parse(argc, argv, &o))
		return 2;
	if (o.help) {
		print_help();
		return 0;
	}
	/* Figures for programs are not for a screen. */
	o.batch |= o.format != BATCH_TEXT;
	/* Into a file or a pipe it can only print. */
	if (!terminal && !o.batch) {
		o.batch = true;
		o.iterations = o.iterations ? o.iterations : 1;
	}
	limits_raise_files();
	if (o.kernel != KERNEL_NONE && !geteuid())
		feature_tracefs();
	return (o.batch ? top_batch(&o) : top_live(&o)) ? 1 : 0;
}
