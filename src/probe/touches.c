// SPDX-License-Identifier: GPL-2.0
#include "probe/touches.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

/* Of a CPU's faults so many a second come to the program, 0.1 us each. */
#define FAULTS_MAX 16000

/* Over so long at least: a burst is worth what it takes. */
#define EVERY_NS 1000000000ull

/* Fewer of them a second: then more are to come. */
#define FAULTS_MIN 4000

/* Primes: what a program does in turns of so many pages is no reason to see one of them alone. */
static const uint64_t periods[] = {1, 3, 7, 17, 37, 79, 163, 331, 673, 1361};
#define PERIODS (sizeof(periods) / sizeof(*periods))

struct touches {
	struct bpf_program *prog;
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

/* pid 0: our own, on any CPU (-1); -1: everybody's on one.  A descriptor or -errno. */
static int open_event(pid_t pid, int cpu)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_SW_PAGE_FAULTS,
				       .sample_period = periods[0],
				       .exclude_kernel = 1};
	long fd = syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

int touches_try(void)
{
	int all = open_event(-1, 0), own = open_event(0, -1), err = -ENODATA;
	uint64_t before = 0, after = 0;
	char *page;

	if (all < 0 || own < 0) {
		err = all < 0 ? all : own;
		goto out;
	}
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED) {
		err = -errno;
		goto out;
	}
	if (read(own, &before, sizeof(before)) == sizeof(before)) {
		*(volatile char *)page = 1;
		if (read(own, &after, sizeof(after)) == sizeof(after) && after > before)
			err = 0;
	}
	munmap(page, 4096);
out:
	if (all >= 0)
		close(all);
	if (own >= 0)
		close(own);
	return err;
}

static int open_one(struct bpf_program *prog, int cpu, struct touches_cpu *c)
{
	int err;

	c->fd = open_event(-1, cpu);
	if (c->fd < 0)
		return c->fd == -ENODEV ? 0 : c->fd;
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
	t->prog = prog;
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
		/* It may have come since. */
		if (!c->link)
			open_one(t->prog, i, c);
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
