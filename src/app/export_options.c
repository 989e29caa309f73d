// SPDX-License-Identifier: GPL-2.0
#include "app/export_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/units.h"

static const char help[] =
    "Usage: heapwatch export [OPTION...]\n"
    "\n"
    "Serves what the machine's processes hold to Prometheus, and profiles of watched ones to\n"
    "pprof, Parca and Pyroscope.  Without --watch nobody's malloc gets a probe.  Needs root.\n"
    "  /metrics   /api/report.json   /healthz   /   /pid/N/debug/pprof/{heap,allocs}\n"
    "  /group/NAME/debug/pprof/{heap,allocs}, each also with ?seconds=N: what changes meanwhile\n"
    "\n"
    "Where\n"
    "  -l, --listen ADDR:PORT    where to listen (127.0.0.1:9753); :PORT is everywhere\n"
    "      --web-config FILE     TLS and users, as Prometheus's exporters have them (YAML)\n"
    "What\n"
    "  -i, --interval TIME       between looks at the machine (5s)\n"
    "  -g, --group-by KEY        comm, cgroup or pid (comm)\n"
    "  -r, --rules FILE          rules that name groups and whom to watch; read again on SIGHUP\n"
    "      --max-groups N        exported at once (200); the rest is the group 'other'\n"
    "      --expire TIME         forget a group without processes after this (5m)\n"
    "      --pss                 also proportional set sizes; slow for large processes\n"
    "Whom to watch with probes\n"
    "  -w, --watch KEY=PATTERN   processes, now and later; KEY is comm, exe, cmdline, cgroup,\n"
    "                            unit or user; several words must all match\n"
    "      --max-watched N       at once (16)\n"
    "      --max-overhead PCT    of a process's run time (1%): above, less or nothing of its\n"
    "                            malloc is seen for a while;  --exact: no limit\n"
    "  -t, --top N               callsites exported per group (10)\n"
    "How (see 'heapwatch doctor')\n"
    "      --system-probes KIND  auto, fentry, kprobe, tracepoint or none: for the counters of\n"
    "                            brk, mmap and munmap (auto: fentry or kprobe, else none)\n"
    "      --user-probes KIND    auto, session, multi, perf\n"
    "      --kernel-probes KIND  auto, fentry, kprobe, tracepoint, none: of watched processes\n"
    "      --ring-size SIZE      of each ring buffer (8M)\n"
    "      --list-metrics        print the documentation of all metrics and end\n"
    "  -v, --verbose             more on stderr;  -h, --help\n";

enum {
	OPT_WEB_CONFIG = 256,
	OPT_MAX_GROUPS,
	OPT_EXPIRE,
	OPT_PSS,
	OPT_MAX_WATCHED,
	OPT_MAX_OVERHEAD,
	OPT_EXACT,
	OPT_SYSTEM,
	OPT_USER,
	OPT_KERNEL,
	OPT_RING_SIZE,
	OPT_LIST_METRICS,
};

static const struct option long_options[] = {
    {"listen", required_argument, NULL, 'l'},
    {"web-config", required_argument, NULL, OPT_WEB_CONFIG},
    {"interval", required_argument, NULL, 'i'},
    {"group-by", required_argument, NULL, 'g'},
    {"rules", required_argument, NULL, 'r'},
    {"max-groups", required_argument, NULL, OPT_MAX_GROUPS},
    {"expire", required_argument, NULL, OPT_EXPIRE},
    {"pss", no_argument, NULL, OPT_PSS},
    {"watch", required_argument, NULL, 'w'},
    {"max-watched", required_argument, NULL, OPT_MAX_WATCHED},
    {"max-overhead", required_argument, NULL, OPT_MAX_OVERHEAD},
    {"exact", no_argument, NULL, OPT_EXACT},
    {"top", required_argument, NULL, 't'},
    {"system-probes", required_argument, NULL, OPT_SYSTEM},
    {"user-probes", required_argument, NULL, OPT_USER},
    {"kernel-probes", required_argument, NULL, OPT_KERNEL},
    {"ring-size", required_argument, NULL, OPT_RING_SIZE},
    {"list-metrics", no_argument, NULL, OPT_LIST_METRICS},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

void export_options_help(void)
{
	fputs(help, stdout);
}

static int parse_count(const char *what, size_t min, size_t max, size_t *out)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(optarg, &end, 10);
	if (*optarg < '0' || *optarg > '9' || *end || errno || n < min || n > max) {
		log_error("%s takes a number from %zu to %zu, not '%s'", what, min, max, optarg);
		return -EINVAL;
	}
	*out = n;
	return 0;
}

static int parse_time(const char *what, uint64_t min_ns, uint64_t *ns)
{
	if (!duration_parse(optarg, ns) && *ns >= min_ns)
		return 0;
	log_error("%s takes a time of at least %llums, as 5s or 1m, not '%s'", what,
		  (unsigned long long)(min_ns / 1000000), optarg);
	return -EINVAL;
}

/* "1%" and "1" are the same; more than all there is makes no sense. */
static int parse_percent(double *out)
{
	uint64_t parts = 0, scale = 1;
	const char *at = optarg;

	for (; *at >= '0' && *at <= '9' && parts < 1000000; at++)
		parts = parts * 10 + (uint64_t)(*at - '0');
	if (*at == '.' && at > optarg)
		for (at++; *at >= '0' && *at <= '9' && scale < 1000000; at++) {
			parts = parts * 10 + (uint64_t)(*at - '0');
			scale *= 10;
		}
	at += *at == '%';
	*out = (double)parts / (double)scale / 100;
	if (*optarg >= '0' && *optarg <= '9' && !*at && parts && *out <= 1)
		return 0;
	log_error("--max-overhead takes a percentage above 0 and up to 100, as 1%% or 0.5, not "
		  "'%s'",
		  optarg);
	return -EINVAL;
}

static int parse_by(enum groups_by *out)
{
	static const char *const names[] = {
	    [GROUPS_BY_COMM] = "comm", [GROUPS_BY_CGROUP] = "cgroup", [GROUPS_BY_PID] = "pid"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(optarg, names[i])) {
			*out = i;
			return 0;
		}
	log_error("--group-by takes comm, cgroup or pid, not '%s'", optarg);
	return -EINVAL;
}

static int parse_kernel(const char *what, enum kernel_kind *out)
{
	int err = kernel_kind_parse(optarg, out);

	if (err)
		log_error("%s takes auto, fentry, kprobe, tracepoint or none, not '%s'", what,
			  optarg);
	return err;
}

static int parse_user(enum user_kind *out)
{
	int err = user_kind_parse(optarg, out);

	if (err)
		log_error("--user-probes takes auto, session, multi or perf, not '%s'", optarg);
	return err;
}

static int parse_ring_size(size_t *out)
{
	uint64_t size;

	if (size_parse(optarg, &size) || size < 65536 || size > 1ull << 30 || (size & (size - 1))) {
		log_error("--ring-size takes a power of two from 64K to 1G, as 8M, not '%s'",
			  optarg);
		return -EINVAL;
	}
	*out = size;
	return 0;
}

static int parse_one(int c, struct export_options *o)
{
	switch (c) {
	case 'l':
		o->listen = optarg;
		return 0;
	case OPT_WEB_CONFIG:
		o->web_config = optarg;
		return 0;
	case 'i':
		return parse_time("--interval", 100000000, &o->interval_ns);
	case 'g':
		return parse_by(&o->by);
	case 'r':
		o->rules = optarg;
		return 0;
	case OPT_MAX_GROUPS:
		return parse_count("--max-groups", 1, 10000, &o->max_groups);
	case OPT_EXPIRE:
		return parse_time("--expire", 1000000, &o->expire_ns);
	case OPT_PSS:
		o->pss = true;
		return 0;
	case 'w':
		if (o->nwatches == EXPORT_MAX_WATCHES) {
			log_error("--watch can be given %d times; a rule file takes more",
				  EXPORT_MAX_WATCHES);
			return -EINVAL;
		}
		o->watches[o->nwatches++] = optarg;
		return 0;
	case OPT_MAX_WATCHED:
		return parse_count("--max-watched", 1, 256, &o->max_watched);
	case OPT_MAX_OVERHEAD:
		return parse_percent(&o->max_overhead);
	case OPT_EXACT:
		o->max_overhead = 0;
		return 0;
	case 't':
		return parse_count("--top", 1, 1000, &o->top);
	case OPT_SYSTEM:
		return parse_kernel("--system-probes", &o->system);
	case OPT_USER:
		return parse_user(&o->user);
	case OPT_KERNEL:
		return parse_kernel("--kernel-probes", &o->kernel);
	case OPT_RING_SIZE:
		return parse_ring_size(&o->ring_bytes);
	case OPT_LIST_METRICS:
		o->list_metrics = true;
		return 0;
	case 'v':
		log_set_level(LOG_DEBUG);
		return 0;
	case 'h':
		o->help = true;
		return 0;
	}
	return -EINVAL; /* getopt has said why */
}

int export_options_parse(int argc, char **argv, struct export_options *out)
{
	struct export_options o = {
	    .listen = "127.0.0.1:9753",
	    .by = GROUPS_BY_COMM,
	    .max_groups = 200,
	    .max_watched = 16,
	    .top = 10,
	    .max_overhead = 0.01,
	    .interval_ns = 5000000000,
	    .expire_ns = 300000000000,
	    .system = KERNEL_AUTO,
	    .user = USER_AUTO,
	    .kernel = KERNEL_AUTO,
	    .ring_bytes = 8 << 20,
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "l:i:g:r:w:t:vh", long_options, NULL)) != -1)
		if (parse_one(c, &o))
			return -EINVAL;
	if (optind < argc) {
		log_error("'%s' is not an option; see heapwatch export --help", argv[optind]);
		return -EINVAL;
	}
	*out = o;
	return 0;
}
