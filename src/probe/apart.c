// SPDX-License-Identifier: GPL-2.0
#include "probe/apart.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
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
