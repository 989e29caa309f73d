// SPDX-License-Identifier: GPL-2.0
#include "probe/touches.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

/* Of a CPU's faults so many a second come to the program, 0.1 us each. */
#define FAULTS_MAX 16000

/* Over so long at least. */
#define EVERY_NS 50000000ull

/* Fewer of them a second: then more are to come. */
#define FAULTS_MIN 4000

/* Primes: what a program does in turns of so many pages is no reason to see one of them alone. */
static const uint64_t periods[] = {1, 3, 7, 17, 37, 79, 163, 331, 673, 1361};
#define PERIODS (sizeof(periods) / sizeof(*periods))

struct touches {
	int counter_fd;
	int ncpus;
	uint64_t *counts; /* room for one of each CPU */
	uint64_t then_ns;
	struct touches_cpu {
		struct bpf_link *link; /* NULL: the CPU is not there */
		int fd;
		unsigned int period; /* which of them */
		uint64_t before;
	} cpus[];
};

static int open_one(struct bpf_program *prog, int cpu, struct touches_cpu *c)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_SW_PAGE_FAULTS,
				       .sample_period = periods[0],
				       .exclude_kernel = 1};
	int err;

	c->fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (c->fd < 0)
		return errno == ENODEV ? 0 : -errno;
	c->link = bpf_program__attach_perf_event(prog, c->fd);
	err = libbpf_get_error(c->link);
	if (err) {
		c->link = NULL;
		close(c->fd);
	}
	return err;
}

int touches__new(struct bpf_program *prog, int counter_fd, struct touches **out)
{
	int ncpus = libbpf_num_possible_cpus(), err = ncpus < 0 ? ncpus : 0;
	struct touches *t;

	if (err)
		return err;
	t = calloc(1, sizeof(*t) + (size_t)ncpus * sizeof(*t->cpus));
	if (!t)
		return -ENOMEM;
	t->counter_fd = counter_fd;
	t->ncpus = ncpus;
	t->then_ns = clock_now_ns();
	t->counts = calloc((size_t)ncpus, sizeof(*t->counts));
	if (!t->counts)
		err = -ENOMEM;
	for (int i = 0; i < ncpus && !err; i++)
		err = open_one(prog, i, &t->cpus[i]);
	if (err) {
		touches__free(t);
		return err;
	}
	*out = t;
	return 0;
}

void touches__free(struct touches *t)
{
	if (!t)
		return;
	/* A link of a perf event closes its descriptor. */
	for (int i = 0; i < t->ncpus; i++)
		if (t->cpus[i].link)
			bpf_link__destroy(t->cpus[i].link);
	free(t->counts);
	free(t);
}

void touches__adjust(struct touches *t)
{
	uint64_t now_ns = clock_now_ns(), took = now_ns - t->then_ns;
	unsigned int zero = 0;

	if (took < EVERY_NS || bpf_map_lookup_elem(t->counter_fd, &zero, t->counts))
		return;
	for (int i = 0; i < t->ncpus; i++) {
		struct touches_cpu *c = &t->cpus[i];
		uint64_t faults = (t->counts[i] - c->before) * 1000000000ull / took;
		unsigned int period = c->period;

		c->before = t->counts[i];
		if (!c->link)
			continue;
		while (faults > FAULTS_MAX && period + 1 < PERIODS) {
			faults = faults * periods[period] / periods[period + 1];
			period++;
		}
		if (faults < FAULTS_MIN && period)
			period--;
		if (period != c->period && !ioctl(c->fd, PERF_EVENT_IOC_PERIOD, &periods[period]))
			c->period = period;
	}
	t->then_ns = now_ns;
}
