// SPDX-License-Identifier: GPL-2.0
/*
 * pair.c: malloc/free pairs under calls of a given depth.  For each line "PAIRS DEPTH SIZE" on
 * stdin: that many pairs, then one line with the ns that a pair took; "pair cpu": of CPU time, for
 * machines that others use too.  Ends at the end of stdin.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void *volatile sink;

static __attribute__((noinline)) void pairs(unsigned long n, size_t size)
{
	while (n--) {
		sink = malloc(size);
		free(sink);
	}
}

static __attribute__((noinline)) void deep(unsigned int depth, unsigned long n, size_t size)
{
	if (depth > 1)
		deep(depth - 1, n, size);
	else
		pairs(n, size);
	__asm__ volatile(""); /* not a tail call */
}

static double now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

int main(int argc, char **argv)
{
	clockid_t clock =
	    argc > 1 && !strcmp(argv[1], "cpu") ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
	unsigned long n;
	unsigned int depth;
	size_t size;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while (scanf("%lu %u %zu", &n, &depth, &size) == 3) {
		double t = now_ns(clock);

		deep(depth, n, size);
		printf("%.2f\n", (now_ns(clock) - t) / (double)n);
	}
	return 0;
}
