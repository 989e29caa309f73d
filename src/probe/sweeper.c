// SPDX-License-Identifier: GPL-2.0
#include "probe/sweeper.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "probe/attach.h"

/* Forks that wait at most.  A sweep by way of any child serves all that its parent forked before:
 * where there are more the oldest are left out. */
#define WAITING 64

struct fork {
	pid_t parent, child;
};

struct sweeper {
	struct attach *attach;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t told;
	bool stop;
	struct fork forks[WAITING];
	size_t n;
};

/* By way of the newest child of each parent that has not ended. */
static void sweep(struct sweeper *s, struct fork *forks, size_t n)
{
	while (n--) {
		pid_t parent = forks[n].parent;

		if (!parent || attach__clean(s->attach, parent, forks[n].child))
			continue;
		for (size_t i = 0; i < n; i++)
			if (forks[i].parent == parent)
				forks[i].parent = 0;
	}
}

static void *run(void *arg)
{
	const struct sched_param param = {.sched_priority = 1};
	struct sweeper *s = arg;
	struct fork forks[WAITING];
	size_t n;

	/* Before the child, which traps until this was done. */
	if (pthread_setschedparam(pthread_self(), SCHED_RR, &param))
		log_debug("the sweeper has no priority over others");
	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		while (!s->n && !s->stop)
			pthread_cond_wait(&s->told, &s->lock);
		n = s->n;
		memcpy(forks, s->forks, n * sizeof(forks[0]));
		s->n = 0;
		pthread_mutex_unlock(&s->lock);
		sweep(s, forks, n);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

struct sweeper *sweeper__new(struct attach *attach)
{
	struct sweeper *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->attach = attach;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->told, NULL);
	if (!pthread_create(&s->thread, NULL, run, s))
		return s;
	pthread_cond_destroy(&s->told);
	pthread_mutex_destroy(&s->lock);
	free(s);
	return NULL;
}

void sweeper__free(struct sweeper *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->told);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	pthread_cond_destroy(&s->told);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void sweeper__forked(struct sweeper *s, pid_t pid, pid_t child)
{
	pthread_mutex_lock(&s->lock);
	if (s->n == WAITING)
		memmove(&s->forks[0], &s->forks[1], (--s->n) * sizeof(s->forks[0]));
	s->forks[s->n++] = (struct fork){pid, child};
	pthread_cond_signal(&s->told);
	pthread_mutex_unlock(&s->lock);
}
