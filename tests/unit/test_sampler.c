// SPDX-License-Identifier: GPL-2.0
/* The sampler on a /proc of the test's own making: every figure is known. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "inspect/machine_sampler.h"

#define SECOND 1000000000ull

static char root[] = "/tmp/hw-sampler-XXXXXX";
static uint64_t page;

static void put(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void put_of(unsigned int pid, const char *file, const char *text)
{
	char name[64];

	snprintf(name, sizeof(name), "%u/%s", pid, file);
	put(name, text);
}

static void put_stat(unsigned int pid, const char *comm, unsigned int ppid, unsigned int flags,
		     unsigned int threads, unsigned int start)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "%u (%s) S %u 1 1 0 -1 %u 0 0 0 0 0 0 0 0 20 0 %u 0 %u 0 0 0 4096 1 1\n", pid,
		 comm, ppid, flags, threads, start);
	put_of(pid, "stat", text);
}

static void put_statm(unsigned int pid, unsigned int rss, unsigned int shared)
{
	char text[128];

	snprintf(text, sizeof(text), "9999 %u %u 5 0 0 0\n", rss, shared);
	put_of(pid, "statm", text);
}

static void make(unsigned int pid, const char *comm, unsigned int ppid, unsigned int start)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%u", root, pid);
	assert_int_equal(mkdir(path, 0755), 0);
	put_stat(pid, comm, ppid, 0, 3, start);
	put_statm(pid, 101, 53);
	put_of(pid, "status", "Name:\tx\nUid:\t0\t4000000007\t0\t0\nVmSwap:\t 13 kB\n");
	put_of(pid, "cgroup", "0::/system.slice/x.service\n");
	put_of(pid, "cmdline", "x");
}

static void unmake(unsigned int pid)
{
	static const char *const files[] = {"stat",    "statm", "status",	"cgroup",
					    "cmdline", "exe",	"smaps_rollup", ""};
	char path[256];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "%s/%u/%s", root, pid, files[i]);
		if (files[i][0])
			unlink(path);
		else
			rmdir(path);
	}
}

static int group_setup(void **state)
{
	(void)state;
	page = (uint64_t)sysconf(_SC_PAGESIZE);
	if (!mkdtemp(root))
		return -1;
	put("meminfo", "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 400 kB\n"
		       "AnonPages: 307 kB\nMapped: 211 kB\n");
	put("loadavg", "0.50 0.25 0.00 2/77 100\n");
	put("uptime", "1234.56 99.00\n");
	make(1, "init", 0, 5);
	return 0;
}

static int group_teardown(void **state)
{
	static const char *const files[] = {"meminfo", "loadavg", "uptime"};
	char path[256];

	(void)state;
	unmake(1);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "%s/%s", root, files[i]);
		unlink(path);
	}
	return rmdir(root);
}

static struct sampler *sampler_of(const struct sampler_source *source)
{
	struct sampler_options o = {.proc = root, .source = source};
	struct sampler *s;

	assert_int_equal(sampler__new(&o, &s), 0);
	return s;
}

static void figures(void **state)
{
	struct sampler *s = sampler_of(NULL);
	const struct machine_process *p;
	const struct machine *m;

	(void)state;
	make(907, "worker (x)", 1, 7919);
	make(23, "kthread", 2, 11);
	put_stat(23, "kthread", 2, 0x00200000, 1, 11);
	put_statm(23, 0, 0);
	m = sampler__tick(s, 5 * SECOND);
	assert_non_null(m);
	assert_int_equal(m->tick, 1);
	assert_int_equal(m->now_ns, 5 * SECOND);
	assert_int_equal(m->nprocesses, 3);
	assert_int_equal(m->kernel_threads, 1);
	assert_int_equal(m->running, 2);
	assert_int_equal(m->threads, 77);
	assert_int_equal(m->held, (307 + 211) * 1024);
	assert_int_equal(m->rss_sum, 2 * 101 * page);
	assert_int_equal(m->swap_sum, 3 * 13 * 1024);
	assert_false(m->hidden);
	assert_true(m->uptime == 1234.56);
	assert_string_equal(m->events, "");
	assert_int_equal(m->heaps_known, 0);
	p = &m->processes[2];
	assert_int_equal(p->pid, 907);
	assert_int_equal(p->ppid, 1);
	assert_int_equal(p->start_time, 7919);
	assert_int_equal(p->uid, 4000000007);
	assert_string_equal(p->user, "4000000007");
	assert_string_equal(p->comm, "worker (x)");
	assert_string_equal(p->unit, "x.service");
	assert_int_equal(p->threads, 3);
	assert_int_equal(p->rss, 101 * page);
	assert_int_equal(p->shared, 53 * page);
	assert_int_equal(p->swap, 13 * 1024);
	assert_int_equal(p->flags, MACHINE_NEW);
	assert_int_equal(p->heap.held, MACHINE_UNKNOWN);
	assert_false(p->has_growth);
	assert_false(p->has_events);
	assert_int_equal(m->processes[1].flags, MACHINE_NEW | MACHINE_KERNEL_THREAD);
	/* A snapshot stays as it was while the next one is made. */
	put_statm(907, 211, 53);
	assert_int_equal(sampler__tick(s, 6 * SECOND)->processes[2].rss, 211 * page);
	assert_int_equal(p->rss, 101 * page);
	assert_int_equal(m->tick, 1);
	unmake(23);
	unmake(907);
	sampler__free(s);
}

static void processes_come_and_go(void **state)
{
	struct sampler *s = sampler_of(NULL);
	const struct machine *m;

	(void)state;
	make(10, "old", 1, 100);
	m = sampler__tick(s, SECOND);
	assert_int_equal(m->nprocesses, 2);
	make(9, "new", 1, 200);
	m = sampler__tick(s, 2 * SECOND);
	assert_int_equal(m->nprocesses, 3);
	assert_int_equal(m->processes[1].pid, 9);
	assert_int_equal(m->processes[1].flags, MACHINE_NEW);
	assert_int_equal(m->processes[2].flags, 0);
	unmake(10);
	m = sampler__tick(s, 3 * SECOND);
	assert_int_equal(m->nprocesses, 2);
	/* The pid is used again. */
	unmake(9);
	make(9, "other", 1, 300);
	sampler__show(s, &(struct sampler_shown){.pids = (const uint32_t[]){9}, .n = 1});
	m = sampler__tick(s, 4 * SECOND);
	assert_int_equal(m->nprocesses, 2);
	assert_int_equal(m->processes[1].start_time, 300);
	assert_string_equal(m->processes[1].comm, "other");
	assert_int_equal(m->processes[1].flags, MACHINE_NEW);
	/* exec: the same process with another name and other arguments, seen at once where it is
	 * shown. */
	put_stat(9, "execed", 1, 0, 1, 300);
	put_of(9, "cmdline", "execed");
	m = sampler__tick(s, 5 * SECOND);
	assert_string_equal(m->processes[1].comm, "execed");
	assert_string_equal(m->processes[1].cmdline, "execed");
	assert_int_equal(m->processes[1].flags, 0);
	unmake(9);
	sampler__free(s);
}

static void growth_and_history(void **state)
{
	struct sampler *s = sampler_of(NULL);
	const struct machine *m = NULL;

	(void)state;
	make(11, "grows", 1, 100);
	sampler__show(s, &(struct sampler_shown){.focus = 11});
	/* 7 pages a second. */
	for (unsigned int i = 0; i <= 100; i++) {
		put_statm(11, 1000 + 7 * i, 0);
		m = sampler__tick(s, (1 + i) * SECOND);
		assert_int_equal(m->processes[1].has_growth, i >= 10);
		if (i >= 10)
			assert_int_equal(m->processes[1].growth, 7 * 60 * page);
		assert_int_equal(m->processes[0].growth, 0);
	}
	assert_int_equal(m->focus_pid, 11);
	assert_int_equal(m->nhistory, 51);
	assert_int_equal(m->history_step_ns, 2 * SECOND);
	assert_int_equal(m->rss_history[0], 1000 * page);
	assert_int_equal(m->rss_history[50], 1700 * page);
	/* It keeps the last 180 samples. */
	for (unsigned int i = 101; i <= 600; i++) {
		put_statm(11, 1000 + 7 * i, 0);
		m = sampler__tick(s, (1 + i) * SECOND);
	}
	assert_int_equal(m->nhistory, 180);
	assert_int_equal(m->rss_history[179], (1000 + 7 * 600) * page);
	assert_int_equal(m->rss_history[0], (1000 + 7 * (600 - 2 * 179)) * page);
	assert_int_equal(m->processes[1].growth, 7 * 60 * page);
	/* Ticks of a minute and more: from one to the next. */
	put_statm(11, 1000, 0);
	m = sampler__tick(s, 10000 * SECOND);
	put_statm(11, 1240, 0);
	m = sampler__tick(s, 10120 * SECOND);
	assert_int_equal(m->processes[1].growth, 120 * page);
	unmake(11);
	sampler__free(s);
}

static int read_source(void *arg, const struct sampler_events **out, size_t *n)
{
	*out = arg;
	*n = 2;
	return 0;
}

static bool name_source(void *arg, uint32_t pid, uint64_t site, char *buf, size_t len)
{
	(void)arg;
	snprintf(buf, len, "site %u.%lu", pid, (unsigned long)site);
	return true;
}

static void kernel_side(void **state)
{
	struct sampler_events events[2] = {
	    {.pid = 1, .start_ns = 6 * SECOND / 100, .brks = 1000},
	    {.pid = 12,
	     .start_ns = 1009 * (SECOND / 100) + 7,
	     .brks = 3,
	     .mmaps = 5,
	     .munmaps = 7,
	     .mapped_bytes = 11,
	     .unmapped_bytes = 13,
	     .site = 17,
	     .site_bytes = 19},
	};
	struct sampler_source source = {.kind = "fentry",
					.reason = "",
					.read = read_source,
					.name = name_source,
					.arg = events};
	struct sampler *s = sampler_of(&source);
	const struct machine_process *p;
	const struct machine *m;

	(void)state;
	make(12, "maps", 1, 1009);
	m = sampler__tick(s, SECOND);
	assert_string_equal(m->events, "fentry");
	/* What another process of that number did is not this one's. */
	assert_true(m->processes[0].has_events);
	assert_int_equal(m->processes[0].events.brks, 0);
	p = &m->processes[1];
	assert_int_equal(p->events.brks, 3);
	assert_int_equal(p->events.mmaps, 5);
	assert_int_equal(p->events.munmaps, 7);
	assert_int_equal(p->events.mapped_bytes, 11);
	assert_int_equal(p->events.unmapped_bytes, 13);
	assert_true(p->events.mmap_rate == 0);
	assert_int_equal(p->callsite_bytes, 19);
	/* Names are asked for of what is on the screen only. */
	assert_string_equal(p->callsite, "");
	sampler__show(
	    s, &(struct sampler_shown){.pids = (const uint32_t[]){12}, .n = 1, .names = true});
	events[1].mmaps += 14;
	events[1].brks -= 2;
	p = &sampler__tick(s, 3 * SECOND)->processes[1];
	assert_true(p->events.mmap_rate == 7);
	assert_true(p->events.brk_rate == 0);
	assert_string_equal(p->callsite, "site 12.17");
	unmake(12);
	sampler__free(s);
}

/* The first one's file takes a while, in which nothing is spent: it waits, as for a CPU or a lock.
 */
static void pss(void **state)
{
	struct sampler *s = sampler_of(NULL);
	const uint32_t pids[] = {13, 17};
	const struct machine *m;
	char path[256];

	(void)state;
	make(13, "pss", 1, 100);
	make(17, "next", 1, 100);
	put_of(17, "smaps_rollup", "Rss:   20 kB\nPss:   11 kB\n");
	put_of(1, "smaps_rollup", "Rss:   20 kB\nPss:   9 kB\n");
	m = sampler__tick(s, SECOND);
	assert_false(m->processes[1].has_pss);
	sampler__show(s, &(struct sampler_shown){.pids = pids, .n = 2, .pss = true});
	snprintf(path, sizeof(path), "%s/13/smaps_rollup", root);
	assert_int_equal(mkfifo(path, 0600), 0);
	if (!fork()) {
		usleep(100000);
		_exit(open(path, O_WRONLY) < 0);
	}
	m = sampler__tick(s, 2 * SECOND);
	assert_true(m->processes[2].has_pss);
	assert_int_equal(m->processes[2].pss, 11 * 1024);
	assert_false(m->processes[0].has_pss);
	unmake(13);
	unmake(17);
	sampler__free(s);
}

static void what_is_hidden(void **state)
{
	struct sampler *s;
	char path[256];

	(void)state;
	if (!geteuid()) {
		/* Root reads everything; a name that is no process is none. */
		snprintf(path, sizeof(path), "%s/77", root);
		assert_int_equal(mkdir(path, 0755), 0);
		s = sampler_of(NULL);
		assert_int_equal(sampler__tick(s, SECOND)->nprocesses, 1);
		sampler__free(s);
		rmdir(path);
	}
	unmake(1);
	s = sampler_of(NULL);
	assert_true(sampler__tick(s, SECOND)->hidden);
	sampler__free(s);
	make(1, "init", 0, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(figures),
	    cmocka_unit_test(processes_come_and_go),
	    cmocka_unit_test(growth_and_history),
	    cmocka_unit_test(kernel_side),
	    cmocka_unit_test(pss),
	    cmocka_unit_test(what_is_hidden),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
