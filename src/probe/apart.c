// SPDX-License-Identifier: GPL-2.0
#include "probe/apart.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOGETHER 32
#define STACK	 16384

struct task {
	apart_fn fn;
	void *item;
	pid_t pid;
	char stack[STACK] __attribute__((aligned(16)));
};

/* Out of our process group and session too: a kill may be for all of it. */
static int enter(void *task)
{
	const struct task *t = task;

	syscall(SYS_setsid);
	t->fn(t->item);
	return 0;
}

static void wait_for(const struct task *t)
{
	/* Their end sends no signal, so that no other wait of ours sees them. */
	while (t->pid > 0 && waitpid(t->pid, NULL, __WALL) < 0 && errno == EINTR)
		;
}

static void run_some(struct task *tasks, apart_fn fn, char *items, size_t size, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct task *t = tasks ? &tasks[i] : NULL;

		if (t) {
			t->fn = fn;
			t->item = items + i * size;
			t->pid =
			    clone(enter, t->stack + STACK, CLONE_VM | CLONE_FS | CLONE_FILES, t);
		}
		if (!t || t->pid < 0)
			fn(items + i * size);
	}
	for (size_t i = 0; tasks && i < n; i++)
		wait_for(&tasks[i]);
}

void apart(apart_fn fn, void *items, size_t size, size_t n)
{
	struct task *tasks = calloc(n < TOGETHER ? n : TOGETHER, sizeof(*tasks));
	sigset_t all, before;

	/* They inherit this: no handler of ours is to run in two places. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (size_t done = 0; done < n; done += TOGETHER)
		run_some(tasks, fn, (char *)items + done * size, size,
			 n - done < TOGETHER ? n - done : TOGETHER);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	free(tasks);
}

static void close_one(void *fd)
{
	syscall(SYS_close, *(int *)fd);
}

static int by_number(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Nobody is to wait for the end of a pipe meanwhile, so nothing else stays open. */
static void keep_only(const int *kept, size_t n, int go)
{
	unsigned int next = 0;
	char byte;

	syscall(SYS_setsid);
	for (size_t i = 0; i < n; i++) {
		if ((unsigned int)kept[i] > next)
			syscall(SYS_close_range, next, kept[i] - 1, 0);
		next = (unsigned int)kept[i] + 1;
	}
	syscall(SYS_close_range, next, UINT_MAX, 0);
	syscall(SYS_read, go, &byte, 1);
	syscall(SYS_exit, 0);
}

/* Not fork(): its end sends no signal, and no handler of libc's runs. */
static long leave(const int *kept, size_t n, int go)
{
	sigset_t all, before;
	long pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = syscall(SYS_clone, 0, 0, 0, 0, 0);
	if (!pid)
		keep_only(kept, n, go);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pid;
}

void apart_close(const int *fds, size_t n)
{
	int *kept = malloc((n + 1) * sizeof(*kept)), ends[2];
	long pid = -1;

	if (kept && !pipe2(ends, O_CLOEXEC)) {
		if (n)
			memcpy(kept, fds, n * sizeof(*fds));
		kept[n] = ends[0];
		qsort(kept, n + 1, sizeof(*kept), by_number);
		pid = leave(kept, n + 1, ends[0]);
		/* It has copies, so that these are not the last, and take no time; it ends once
		 * the pipe has. */
		for (size_t i = 0; pid > 0 && i < n; i++)
			close(fds[i]);
		close(ends[0]);
		close(ends[1]);
	}
	if (pid < 0)
		apart(close_one, (void *)fds, sizeof(*fds), n);
	free(kept);
}
