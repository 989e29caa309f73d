// SPDX-License-Identifier: GPL-2.0
#include "probe/sweeper.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/urgent.h"
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
	struct fork forks[WAITING], now[WAITING]; /* now: with the thread */
	size_t n, nnow;
	uint64_t paid_ns;
};

/* One of those that the thread has; false: it has exec'd meanwhile. */
static bool take(struct sweeper *s, size_t i, struct fork *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->now[i];
	pthread_mutex_unlock(&s->lock);
	return out->child;
}

static void pay(struct sweeper *s, size_t i, uint64_t ns)
{
	pthread_mutex_lock(&s->lock);
	if (s->now[i].child)
		s->paid_ns += ns;
	pthread_mutex_unlock(&s->lock);
}

/* By way of the newest child of each parent that has not ended. */
static void sweep(struct sweeper *s)
{
	pid_t served[WAITING];
	size_t nserved = 0;

	for (size_t i = s->nnow; i-- > 0;) {
		uint64_t ns = 0;
		struct fork f;
		size_t k = 0;

		if (!take(s, i, &f))
			continue;
		while (k < nserved && served[k] != f.parent)
			k++;
		if (k < nserved)
			clock_process_ns(f.child, &ns);
		else if (!attach__clean(s->attach, f.parent, f.child, &ns))
			served[nserved++] = f.parent;
		pay(s, i, ns);
	}
}

static void *run(void *arg)
{
	struct sweeper *s = arg;

	/* Before the child, which traps until this was done. */
	urgent("the sweeper");
	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		while (!s->n && !s->stop)
			pthread_cond_wait(&s->told, &s->lock);
		memcpy(s->now, s->forks, s->n * sizeof(s->now[0]));
		s->nnow = s->n;
		s->n = 0;
		pthread_mutex_unlock(&s->lock);
		sweep(s);
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
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	if (s->n == WAITING)
		memmove(&s->forks[0], &s->forks[1], (--s->n) * sizeof(s->forks[0]));
	s->forks[s->n++] = (struct fork){pid, child};
	pthread_cond_signal(&s->told);
	pthread_mutex_unlock(&s->lock);
}

static void forget(struct fork *forks, size_t n, pid_t child)
{
	for (size_t i = 0; i < n; i++)
		if (forks[i].child == child)
			forks[i].child = 0;
}

void sweeper__execd(struct sweeper *s, pid_t child)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	forget(s->forks, s->n, child);
	forget(s->now, s->nnow, child);
	pthread_mutex_unlock(&s->lock);
}

uint64_t sweeper__paid_ns(struct sweeper *s)
{
	uint64_t ns;

	if (!s)
		return 0;
	pthread_mutex_lock(&s->lock);
	ns = s->paid_ns;
	pthread_mutex_unlock(&s->lock);
	return ns;
}
