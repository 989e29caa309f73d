// SPDX-License-Identifier: GPL-2.0
#include "app/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/units.h"
#include "heapwatch/limits.h"

static const char help[] =
    "Usage: heapwatch [OPTION...] -p PID[,PID...]      running processes and their children\n"
    "       heapwatch [OPTION...] -- COMMAND [ARG...]  a command, from its first instruction\n"
    "       heapwatch [top] [OPTION...]                every process, see heapwatch top --help\n"
    "       heapwatch explain -p PID[,PID...] [--json]\n"
    "       heapwatch record, report, mark, export     see heapwatch record --help, ...\n"
    "       heapwatch doctor                           what this kernel permits\n"
    "\n"
    "Shows which callsites hold the memory of processes, without stopping or restarting\n"
    "them; explain tells in one shot, without probes, where each resident byte is.\n"
    "\n"
    "What to watch\n"
    "  -p, --pid PID[,PID]    processes; may be given more than once\n"
    "      --comm NAME        every process of this name, those to come too\n"
    "      --cgroup PATH      every process of a unit or container, those to come too\n"
    "      --no-follow        leave their children alone\n"
    "      --as-root          run COMMAND as root, not as the user who called sudo\n"
    "How long, how often\n"
    "  -i, --interval TIME    between reports (1s; with a command: one at its end)\n"
    "  -d, --duration TIME    end after this (until Ctrl-C or the processes end)\n"
    "      --once             one report, after --duration or else one interval\n"
    "What to show\n"
    "  -t, --top N            callsites per process (10; 0: all)\n"
    "      --min-size SIZE    leave out callsites that hold less (0); 64K, 1.5M ...\n"
    "      --detail N         processes told in full (5; --json: of those ended, 100; 0: all)\n"
    "      --depth N          frames per callsite (16; 0: all)\n"
    "  -j, --json             one JSON document per report, all callsites and frames\n"
    "  -o, --output FILE      write reports there\n"
    "  -v, --verbose          more on stderr\n"
    "How to see it (see 'heapwatch doctor')\n"
    "      --user-probes KIND    auto, session, multi, perf\n"
    "      --kernel-probes KIND  auto, fentry, kprobe, tracepoint, none\n"
    "      --ring-size SIZE      of each ring buffer (8M)\n"
    "      --rings N             ring buffers (one per process, at most 4)\n"
    "      --max-threads N, --max-processes N   followed at once (16384, 4096)\n"
    "      --max-overhead PCT    of its run time, or its tree's, for the probes (1); 0: none\n"
    "      --exact               no limit: every call is seen\n"
    "      --level LEVEL         no more than: exact, large (every block that the thread cache\n"
    "                            does not take), sampled (these, and windows), passive\n"
    "  -h, --help             this;  -V, --version\n";

enum {
	OPT_ONCE = 256,
	OPT_MIN_SIZE,
	OPT_DEPTH,
	OPT_DETAIL,
	OPT_USER,
	OPT_KERNEL,
	OPT_RING_SIZE,
	OPT_RINGS,
	OPT_THREADS,
	OPT_OVERHEAD,
	OPT_EXACT,
	OPT_LEVEL,
	OPT_PROCESSES,
	OPT_COMM,
	OPT_CGROUP,
	OPT_NO_FOLLOW,
	OPT_AS_ROOT,
};

static const struct option long_options[] = {
    {"pid", required_argument, NULL, 'p'},
    {"interval", required_argument, NULL, 'i'},
    {"duration", required_argument, NULL, 'd'},
    {"once", no_argument, NULL, OPT_ONCE},
    {"top", required_argument, NULL, 't'},
    {"min-size", required_argument, NULL, OPT_MIN_SIZE},
    {"depth", required_argument, NULL, OPT_DEPTH},
    {"detail", required_argument, NULL, OPT_DETAIL},
    {"json", no_argument, NULL, 'j'},
    {"verbose", no_argument, NULL, 'v'},
    {"user-probes", required_argument, NULL, OPT_USER},
    {"kernel-probes", required_argument, NULL, OPT_KERNEL},
    {"ring-size", required_argument, NULL, OPT_RING_SIZE},
    {"rings", required_argument, NULL, OPT_RINGS},
    {"max-threads", required_argument, NULL, OPT_THREADS},
    {"max-overhead", required_argument, NULL, OPT_OVERHEAD},
    {"exact", no_argument, NULL, OPT_EXACT},
    {"level", required_argument, NULL, OPT_LEVEL},
    {"max-processes", required_argument, NULL, OPT_PROCESSES},
    {"comm", required_argument, NULL, OPT_COMM},
    {"cgroup", required_argument, NULL, OPT_CGROUP},
    {"no-follow", no_argument, NULL, OPT_NO_FOLLOW},
    {"as-root", no_argument, NULL, OPT_AS_ROOT},
    {"output", required_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

void options_help(void)
{
	fputs(help, stdout);
}

static int parse_count(const char *what, const char *word, unsigned long min, unsigned long max,
		       unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(word, &end, 10);
	if (*word < '0' || *word > '9' || *end || errno || *out < min || *out > max) {
		log_error("%s takes a number from %lu to %lu, not '%s'", what, min, max, word);
		return -EINVAL;
	}
	return 0;
}

static int parse_pids(const char *list, struct options *o)
{
	char word[32];

	for (;;) {
		size_t len = strcspn(list, ",");
		unsigned long pid;

		if (!len || len >= sizeof(word)) {
			log_error("-p takes process ids with commas between, not '%s'", list);
			return -EINVAL;
		}
		memcpy(word, list, len);
		word[len] = 0;
		if (parse_count("-p", word, 1, INT_MAX, &pid))
			return -EINVAL;
		if (o->npids == OPTIONS_MAX_PIDS) {
			log_error("-p takes at most %d processes", OPTIONS_MAX_PIDS);
			return -EINVAL;
		}
		for (size_t i = 0; i < o->npids; i++)
			if (o->pids[i] == (pid_t)pid) {
				log_error("process %lu is named twice", pid);
				return -EINVAL;
			}
		o->pids[o->npids++] = (pid_t)pid;
		if (!list[len])
			return 0;
		list += len + 1;
	}
}

static int parse_time(const char *what, const char *word, uint64_t min_ns, uint64_t *ns)
{
	if (!duration_parse(word, ns) && *ns >= min_ns)
		return 0;
	log_error("%s takes a time of at least %llums, as 500ms or 2s, not '%s'", what,
		  (unsigned long long)(min_ns / 1000000), word);
	return -EINVAL;
}

static int parse_ring_size(const char *word, size_t *out)
{
	uint64_t size, page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (size_parse(word, &size) || size < page || size > 1ull << 30 || (size & (size - 1))) {
		log_error("--ring-size takes a power of two from %lluK to 1G, as 8M, not '%s'",
			  (unsigned long long)page / 1024, word);
		return -EINVAL;
	}
	*out = size;
	return 0;
}

int options_overhead(const char *word, double *out)
{
	char *end;
	double percent;

	errno = 0;
	percent = strtod(word, &end);
	if (*word < '0' || *word > '9' || (*end && strcmp(end, "%")) || errno || percent > 1000 ||
	    (percent > 0 && percent < 0.01)) {
		log_error("--max-overhead takes a percentage, 0 or from 0.01 to 1000, not '%s'",
			  word);
		return -EINVAL;
	}
	*out = percent > 0 ? percent / 100 : -1;
	return 0;
}

static int parse_one(int c, struct options *o)
{
	unsigned long n;
	int err = 0;

	switch (c) {
	case 'p':
		return parse_pids(optarg, o);
	case 'i':
		return parse_time("--interval", optarg, 10000000, &o->interval_ns);
	case 'd':
		return parse_time("--duration", optarg, 1000000, &o->duration_ns);
	case OPT_ONCE:
		o->once = true;
		return 0;
	case 't':
		err = parse_count("--top", optarg, 0, 1000000, &n);
		o->top = n;
		return err;
	case OPT_MIN_SIZE:
		if (!size_parse(optarg, &o->min_size))
			return 0;
		log_error("--min-size takes a size, as 64K or 1.5M, not '%s'", optarg);
		return -EINVAL;
	case OPT_DEPTH:
		err = parse_count("--depth", optarg, 0, HW_MAX_FRAMES, &n);
		o->depth = (unsigned int)n;
		return err;
	case OPT_DETAIL:
		err = parse_count("--detail", optarg, 0, 1000000, &n);
		o->detail = (unsigned int)n;
		return err;
	case 'j':
		o->json = true;
		return 0;
	case 'v':
		log_set_level(LOG_DEBUG);
		return 0;
	case OPT_USER:
		err = user_kind_parse(optarg, &o->user);
		if (err)
			log_error("--user-probes takes auto, session, multi or perf, not '%s'",
				  optarg);
		return err;
	case OPT_KERNEL:
		err = kernel_kind_parse(optarg, &o->kernel);
		if (err)
			log_error("--kernel-probes takes auto, fentry, kprobe, tracepoint or none, "
				  "not '%s'",
				  optarg);
		return err;
	case OPT_RING_SIZE:
		return parse_ring_size(optarg, &o->ring_bytes);
	case OPT_RINGS:
		err = parse_count("--rings", optarg, 1, HW_MAX_RINGS, &n);
		o->rings = (unsigned int)n;
		return err;
	case OPT_OVERHEAD:
		return options_overhead(optarg, &o->share);
	case OPT_EXACT:
		o->share = 0;
		return 0;
	case OPT_LEVEL:
		if (budget_level_parse(optarg, &o->most))
			return 0;
		log_error("--level takes exact, large, sampled or passive, not '%s'", optarg);
		return -EINVAL;
	case OPT_THREADS:
		err = parse_count("--max-threads", optarg, 1, 1 << 22, &n);
		o->threads = (unsigned int)n;
		return err;
	case OPT_PROCESSES:
		err = parse_count("--max-processes", optarg, 1, 1 << 16, &n);
		o->processes = (unsigned int)n;
		return err;
	case OPT_COMM:
		o->comm = optarg;
		return 0;
	case OPT_CGROUP:
		o->cgroup = optarg;
		return 0;
	case OPT_NO_FOLLOW:
		o->no_follow = true;
		return 0;
	case OPT_AS_ROOT:
		o->as_root = true;
		return 0;
	case 'o':
		o->output = optarg;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	case 'V':
		o->version = true;
		return 0;
	}
	return -EINVAL; /* getopt has said why */
}

/* Processes that ended, told each. */
#define ENDED	  100
#define ENDED_ALL 10000

/* A tree may have any number of processes in its time, each of which is some 15 KB of JSON. */
static size_t ended_of(const struct options *o, bool detail_given)
{
	if (!detail_given)
		return ENDED;
	if (!o->detail)
		return ENDED_ALL;
	/* As text all are rows of a table. */
	return o->json || o->detail > ENDED ? o->detail : ENDED;
}

int options_parse(int argc, char **argv, struct options *out)
{
	struct options o = {
	    .interval_ns = 1000000000,
	    .top = 10,
	    .share = 0.01,
	    .depth = 16,
	    .detail = 5,
	    .ring_bytes = 8 << 20,
	    .threads = 16384,
	    .processes = 4096,
	    .user = USER_AUTO,
	    .kernel = KERNEL_AUTO,
	};
	bool top_given = false, interval_given = false, detail_given = false;
	int c;

	optind = 1;
	/* "+": what stands behind the command's name is the command's. */
	while ((c = getopt_long(argc, argv, "+p:i:d:t:o:jvhV", long_options, NULL)) != -1) {
		if (parse_one(c, &o))
			return -EINVAL;
		top_given |= c == 't';
		interval_given |= c == 'i';
		detail_given |= c == OPT_DETAIL;
	}
	if (o.json && !top_given)
		o.top = 0; /* programs want them all */
	o.ended = ended_of(&o, detail_given);
	if (optind < argc && strcmp(argv[optind - 1], "--")) {
		log_error("'%s' is not a command of heapwatch or an option; to start a program: "
			  "heapwatch -- %s ... (see heapwatch --help)",
			  argv[optind], argv[optind]);
		return -EINVAL;
	}
	if (optind < argc)
		o.command = argv + optind;
	if (o.command && (o.npids || o.comm || o.cgroup)) {
		log_error("either a command is started, or running processes are watched (-p, "
			  "--comm, --cgroup): not both at once");
		return -EINVAL;
	}
	if (o.command && o.no_follow) {
		log_error("a command's whole tree is watched: --no-follow goes with -p");
		return -EINVAL;
	}
	if (!o.share && o.most != BUDGET_EXACT) {
		log_error("either every call is seen (--exact), or no more than --level says");
		return -EINVAL;
	}
	if (o.most == BUDGET_PASSIVE)
		o.share = -1;
	if (!o.rings)
		o.rings = o.npids < 1 ? 1 : o.npids > 4 ? 4 : (unsigned int)o.npids;
	if (o.command && !interval_given)
		o.once = true;
	else if (o.once && !o.duration_ns)
		o.duration_ns = o.interval_ns;
	*out = o;
	return 0;
}
