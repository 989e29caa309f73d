/* SPDX-License-Identifier: GPL-2.0 */
/* clock.h: CLOCK_MONOTONIC, which the records' times are of too, and processes' CPU time; ns. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <errno.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

static inline uint64_t clock_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* CPU time of this thread. */
static inline uint64_t clock_thread_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline struct timespec clock_timespec(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u),
				 .tv_nsec = (long)(ns % 1000000000u)};
}

/* CPU time of all threads of a process, to the ns, as the kernel's make_process_cpuclock() has it.
 * 0, or -errno: it has ended. */
static inline int clock_process_ns(pid_t pid, uint64_t *out)
{
	struct timespec ts;

	if (clock_gettime((clockid_t)(~(unsigned int)pid << 3 | 2), &ts))
		return -errno;
	*out = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	return 0;
}

#endif
