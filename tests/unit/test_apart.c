// SPDX-License-Identifier: GPL-2.0
/* test_apart: work that outlives a SIGKILL of who asked for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/apart.h"

#define ITEMS 67 /* two rounds and a rest */

struct item {
	uint64_t in, out;
	pid_t pid;
};

static void skip_emulated(void)
{
	if (!getenv("HEAPWATCH_EMULATED"))
		return;
	printf("skip: the emulator makes no such tasks: the caller does the work\n");
	skip();
}

static void square(void *arg)
{
	struct item *item = arg;

	item->out = item->in * item->in;
	item->pid = (pid_t)syscall(SYS_getpid);
}

static void test_all_are_done(void **state)
{
	struct item items[ITEMS];

	(void)state;
	skip_emulated();
	for (uint64_t i = 0; i < ITEMS; i++)
		items[i] = (struct item){.in = i};
	apart(square, items, sizeof(*items), ITEMS);
	for (uint64_t i = 0; i < ITEMS; i++) {
		assert_int_equal(items[i].out, i * i);
		assert_int_not_equal(items[i].pid, 0);
		assert_int_not_equal(items[i].pid, getpid());
		/* Not of our group, which may be killed as a whole, and waited for. */
		assert_int_equal(kill(items[i].pid, 0), -1);
	}
	assert_int_equal(waitpid(-1, NULL, 0), -1);
	apart(square, items, sizeof(*items), 0);
}

struct pipes {
	int begun, go, done;
};

static void wait_and_tell(void *arg)
{
	const struct pipes *p = arg;
	char byte = 'b';

	syscall(SYS_write, p->begun, &byte, 1);
	syscall(SYS_read, p->go, &byte, 1);
	syscall(SYS_write, p->done, &byte, 1);
}

/* Whoever asked, and its whole group, is killed in the middle of it. */
static void test_a_kill_passes_by(void **state)
{
	int begun[2], go[2], done[2];
	struct pollfd end;
	char byte;
	pid_t pid;

	(void)state;
	skip_emulated();
	assert_int_equal(pipe(begun) | pipe(go) | pipe(done), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct pipes p = {begun[1], go[0], done[1]};

		setpgid(0, 0);
		close(go[1]);
		apart(wait_and_tell, &p, sizeof(p), 1);
		_exit(7);
	}
	close(go[0]);
	close(done[1]);
	assert_int_equal(read(begun[0], &byte, 1), 1);
	assert_int_equal(kill(-pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	end = (struct pollfd){.fd = done[0], .events = POLLIN};
	assert_int_equal(poll(&end, 1, 100), 0);
	assert_int_equal(write(go[1], "g", 1), 1);
	assert_int_equal(read(done[0], &byte, 1), 1);
	assert_int_equal(byte, 'g');
	/* Its end closes what was left open. */
	assert_int_equal(read(done[0], &byte, 1), 0);
}

/* What is left to a task is closed, by that task and here. */
static void test_close(void **state)
{
	int ends[ITEMS][2], fds[ITEMS];
	char byte;

	(void)state;
	for (int i = 0; i < ITEMS; i++) {
		assert_int_equal(pipe(ends[i]), 0);
		/* In no order. */
		fds[(i * 31) % ITEMS] = ends[i][1];
	}
	apart_close(fds, ITEMS);
	for (int i = 0; i < ITEMS; i++) {
		assert_int_equal(write(ends[i][1], "x", 1), -1);
		assert_int_equal(read(ends[i][0], &byte, 1), 0);
		close(ends[i][0]);
	}
	apart_close(fds, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_are_done),
	    cmocka_unit_test(test_a_kill_passes_by),
	    cmocka_unit_test(test_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
