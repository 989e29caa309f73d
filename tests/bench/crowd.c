// SPDX-License-Identifier: GPL-2.0
/*
 * crowd N: N programs that were started, have a small heap each, and wait: what a machine's
 * ordinary processes do most of the time.  Says "ready"; all end with it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static int member(void)
{
	/* 300 KB in blocks of all sizes, every fourth freed again. */
	for (size_t i = 0, n = 0; n < 300000; i++) {
		size_t size = 16 + i * 37 % 2000;
		char *p = malloc(size);

		if (!p)
			return 1;
		memset(p, 1, size);
		n += size;
		if (i % 4 == 3)
			free(p);
	}
	if (write(STDOUT_FILENO, "", 1) != 1)
		return 1;
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
	int fds[2];
	char c;

	if (argc > 1 && !strcmp(argv[1], "member"))
		return member();
	if (pipe(fds))
		return 1;
	for (long i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror("fork");
			return 1;
		}
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			dup2(fds[1], STDOUT_FILENO);
			close(fds[0]);
			close(fds[1]);
			execl("/proc/self/exe", "crowd", "member", NULL);
			_exit(1);
		}
	}
	for (long i = 0; i < n; i++)
		if (read(fds[0], &c, 1) != 1)
			return 1;
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
