// SPDX-License-Identifier: GPL-2.0
/* test_stopwatch: what a process runs, read from outside while it does. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "probe/stopwatch.h"

#define MS 1000000u

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Runs for so long of its own time each time that a byte comes, and answers with another. */
static pid_t runner(int *to, int *from, uint64_t ns)
{
	int in[2], out[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(in[1]);
		pin(0);
		while (read(in[0], &byte, 1) == 1) {
			uint64_t end = clock_thread_ns() + ns;

			while (clock_thread_ns() < end)
				;
			if (write(out[1], "", 1) != 1)
				break;
		}
		_exit(0);
	}
	close(in[0]);
	close(out[1]);
	*to = in[1];
	*from = out[0];
	return pid;
}

static struct stopwatch *watch(pid_t pid)
{
	struct stopwatch *w = NULL;

	assert_int_equal(stopwatch__add(&w, pid, false), 0);
	return w;
}

static void needs_events(void)
{
	struct stopwatch *w = NULL;
	int err = stopwatch__add(&w, getpid(), false);

	stopwatch__free(w);
	if (err == -EACCES || err == -EPERM || err == -ENOSYS) {
		printf("skip: no perf events of processes (%s): run as root, on a machine that "
		       "is no emulator's\n",
		       strerror(-err));
		skip();
	}
}

static void end(pid_t pid, int to, int from)
{
	close(to);
	close(from);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_what_it_ran(void **state)
{
	struct stopwatch *w;
	int to, from;
	pid_t pid;
	char byte;

	(void)state;
	needs_events();
	pid = runner(&to, &from, 7 * MS);
	w = watch(pid);
	for (unsigned int i = 1; i <= 3; i++) {
		assert_int_equal(write(to, "", 1), 1);
		assert_int_equal(read(from, &byte, 1), 1);
		/* Reading, writing and being woken are its too. */
		assert_in_range(stopwatch__ns(w), i * 7 * MS, i * 8 * MS);
	}
	stopwatch__free(w);
	end(pid, to, from);
}

/* A CPU clock, read from another CPU, stands still for a tick, 1 to 10 ms. */
static void test_while_it_runs(void **state)
{
	int to, from;
	uint64_t began, last, still = 0;
	struct stopwatch *w;
	pid_t pid;

	(void)state;
	needs_events();
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		printf("skip: one CPU: nothing runs while this does\n");
		skip();
	}
	pid = runner(&to, &from, 10000ull * MS);
	w = watch(pid);
	pin(1);
	assert_int_equal(write(to, "", 1), 1);
	last = stopwatch__ns(w);
	began = clock_now_ns();
	for (unsigned int i = 0; i < 100; i++) {
		const struct timespec half = clock_timespec(MS / 2);
		uint64_t now;

		nanosleep(&half, NULL);
		now = stopwatch__ns(w);
		still += now == last;
		last = now;
	}
	if (last < (clock_now_ns() - began) * 9 / 10) {
		stopwatch__free(w);
		end(pid, to, from);
		printf("skip: other programs had its CPU\n");
		skip();
	}
	assert_in_range(still, 0, 15);
	stopwatch__free(w);
	end(pid, to, from);
}

static void *rest(void *arg)
{
	(void)arg;
	pause();
	return NULL;
}

static void test_too_many(void **state)
{
	struct stopwatch *w = NULL;
	int ready[2];
	pthread_t t;
	char byte;
	pid_t pid;

	(void)state;
	needs_events();
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		for (unsigned int i = 0; i < STOPWATCH_THREADS; i++)
			if (pthread_create(&t, NULL, rest, NULL))
				_exit(1);
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(stopwatch__add(&w, pid, false), -E2BIG);
	stopwatch__free(w);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	w = NULL;
	assert_int_equal(stopwatch__add(&w, pid, false), -ESRCH);
	stopwatch__free(w);
	close(ready[0]);
	close(ready[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_it_ran),
					   cmocka_unit_test(test_while_it_runs),
					   cmocka_unit_test(test_too_many)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
