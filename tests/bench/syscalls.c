// SPDX-License-Identifier: GPL-2.0
/* syscalls: for each line "map N" or "ask N" on stdin, ns per mmap + touch + munmap of 64 KiB, or
 * per getppid: what a probe on system calls costs those who make them. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int map(void)
{
	char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 1;
	*p = 1;
	return munmap(p, 65536);
}

int main(void)
{
	char what[8];
	long n;

	while (scanf("%7s %ld", what, &n) == 2) {
		double start = now();

		for (long i = 0; i < n; i++)
			if (strcmp(what, "map") ? syscall(SYS_getppid) < 0 : map())
				return 1;
		printf("%.1f\n", (now() - start) / (double)n);
		fflush(stdout);
	}
	return 0;
}
