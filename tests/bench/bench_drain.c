// SPDX-License-Identifier: GPL-2.0
/*
 * bench_drain FLOOD.BPF.O: how many records a second the daemon's side takes in without a loss:
 * from the ring, through every check, into the ledger, with 100,003 live blocks of 997 callsites.
 * A BPF program writes them on one core at a given rate for two seconds, a thread drains as the
 * daemon's does.  Root.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#include "heapwatch/event.h"
#include "model/ledger.h"
#include "model/processes.h"
#include "probe/rings.h"

#define TGID	0x7fffffffu /* above any pid */
#define LIVE	100003
#define RING	(8u << 20) /* the default of --ring-size */
#define SECONDS 2

struct flood {
	uint64_t at, live;
	uint32_t tgid, n;
};

struct drainer {
	struct rings *rings;
	struct processes *processes;
	atomic_bool stop;
	uint64_t received;
	double cpu;
};

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench_drain: %s\n", what);
	exit(1);
}

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int on_record(void *arg, const void *data, size_t len)
{
	struct drainer *d = arg;

	check(!processes__apply(d->processes, data, len), "a record was not taken");
	d->received++;
	return 0;
}

/* As src/app/drain.c waits: for a wake-up, 20 ms at most. */
static void *drain(void *arg)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct drainer *d = arg;
	int fd = epoll_create1(0);

	check(fd >= 0 && !epoll_ctl(fd, EPOLL_CTL_ADD, rings__epoll_fd(d->rings), &ev), "epoll");
	while (!atomic_load(&d->stop)) {
		epoll_wait(fd, &ev, 1, 20);
		check(rings__drain(d->rings, on_record, d) >= 0, "the ring cannot be read");
	}
	rings__drain(d->rings, on_record, d);
	d->cpu = now(CLOCK_THREAD_CPUTIME_ID);
	return NULL;
}

/* Write `rate` records a second; returns how many a second it came to. */
static double flood(int prog, double rate)
{
	struct flood f = {.live = LIVE, .tgid = TGID};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &f, .ctx_size_in = sizeof(f));
	double start = now(CLOCK_MONOTONIC), t;

	while ((t = now(CLOCK_MONOTONIC) - start) < SECONDS) {
		double due = rate / 2 * t;

		f.n = due > (double)f.at ? (uint32_t)(due - (double)f.at) : 0;
		if (f.n > 1000)
			f.n = 1000;
		if (f.n < 100) {
			nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
			continue;
		}
		check(!bpf_prog_test_run_opts(prog, &opts) && !opts.retval,
		      "the flood does not run");
		f.at += f.n;
	}
	return 2 * (double)f.at / t;
}

static bool one(const char *object, double rate)
{
	struct drainer d = {.processes = processes__new()};
	struct ledger *ledger = ledger__new(1);
	struct bpf_object *o = bpf_object__open_file(object, NULL);
	struct hw_proc proc = {.ring = 0};
	unsigned int key = TGID;
	uint32_t id;
	pthread_t thread;
	double offered;
	int procs;

	check(d.processes && ledger && !processes__add(d.processes, TGID, ledger, &id),
	      "no memory");
	check(!rings__new(RING, 1, &d.rings), "no ring");
	check(o &&
		  !bpf_map__reuse_fd(bpf_object__find_map_by_name(o, "hw_rings"),
				     rings__map(d.rings)) &&
		  !bpf_object__load(o),
	      "the kernel refuses the program (root?)");
	check(!rings__open(d.rings), "no ring");
	procs = bpf_map__fd(bpf_object__find_map_by_name(o, "hw_procs"));
	check(!bpf_map_update_elem(procs, &key, &proc, BPF_ANY), "no process");
	check(!pthread_create(&thread, NULL, drain, &d), "no thread");
	offered =
	    flood(bpf_program__fd(bpf_object__find_program_by_name(o, "hw_flood")), rate * 1e6);
	atomic_store(&d.stop, true);
	pthread_join(thread, NULL);
	check(!bpf_map_lookup_elem(procs, &key, &proc), "no counters");
	check(d.received + proc.lost == proc.produced, "records that are neither here nor lost");
	printf("drain: %.2f million records/s for %d s: %llu lost, the drain takes %.0f %% of a "
	       "core\n",
	       offered / 1e6, SECONDS, (unsigned long long)proc.lost, 100 * d.cpu / SECONDS);
	processes__free(d.processes);
	rings__free(d.rings);
	bpf_object__close(o);
	return !proc.lost && offered > 0.95e6 * rate;
}

int main(int argc, char **argv)
{
	check(argc == 2, "which object?");
	/* As far as producer and ledger go. */
	for (double rate = 1; rate <= 5 && one(argv[1], rate); rate++)
		;
	return 0;
}
