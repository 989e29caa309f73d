/* SPDX-License-Identifier: GPL-2.0 */
/* drain_parts.h: what drain*.c share. */
#ifndef APP_DRAIN_PARTS_H
#define APP_DRAIN_PARTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "app/drain.h"

struct drain {
	struct probes *probes;
	struct processes *processes;
	pthread_t thread;
	bool running;
	atomic_bool stop;
	int notify_fd, epoll_fd, stop_fd;

	/* Held while records are applied.  `waiting` callers want it: a mutex alone would let the
	 * thread, which asks again at once, keep it for ever. */
	pthread_mutex_t lock;
	pthread_cond_t served;
	atomic_int waiting;

	bool notify;	/* in this batch something happened that others have to act on */
	uint64_t until; /* drain__sync: stop at records later than this; 0: no limit */
};

/* Around what touches the processes' ledgers. */
void drain_enter(struct drain *d);
void drain_leave(struct drain *d);
/* With the lock held: what came until then (CLOCK_MONOTONIC, ns; 0: no limit). */
void drain_apply(struct drain *d, uint64_t until);

#endif
