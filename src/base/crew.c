// SPDX-License-Identifier: GPL-2.0
#include "base/crew.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/urgent.h"

struct crew {
	const char *who;
	crew_fn fn;
	void *arg;
	unsigned int most, n; /* threads */
	unsigned int free;    /* of these */
	pthread_t *threads;
	pthread_mutex_t lock;
	pthread_cond_t work; /* also: stop */
	void **jobs;	     /* that wait for a thread to wake up: for each there is one */
	unsigned int njobs;
	bool stop;
};

static void *work(void *arg)
{
	struct crew *c = arg;

	urgent(c->who);
	pthread_mutex_lock(&c->lock);
	for (;;) {
		void *job;

		while (!c->njobs && !c->stop)
			pthread_cond_wait(&c->work, &c->lock);
		if (!c->njobs)
			break;
		job = c->jobs[--c->njobs];
		pthread_mutex_unlock(&c->lock);
		c->fn(c->arg, job);
		pthread_mutex_lock(&c->lock);
		c->free++;
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static int start(struct crew *c)
{
	int err = -pthread_create(&c->threads[c->n], NULL, work, c);

	if (!err) {
		c->n++;
		c->free++;
	}
	return err;
}

int crew__new(unsigned int most, const char *who, crew_fn fn, void *arg, struct crew **out)
{
	struct crew *c = calloc(1, sizeof(*c));
	int err = -ENOMEM;

	if (!c)
		return err;
	c->who = who;
	c->fn = fn;
	c->arg = arg;
	c->most = most;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->work, NULL);
	c->threads = calloc(most, sizeof(*c->threads));
	c->jobs = calloc(most, sizeof(*c->jobs));
	if (c->threads && c->jobs)
		err = start(c);
	if (err) {
		crew__free(c);
		return err;
	}
	*out = c;
	return 0;
}

void crew__free(struct crew *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	for (unsigned int i = 0; i < c->n; i++)
		pthread_join(c->threads[i], NULL);
	pthread_cond_destroy(&c->work);
	pthread_mutex_destroy(&c->lock);
	free(c->threads);
	free(c->jobs);
	free(c);
}

bool crew__hand(struct crew *c, void *job, unsigned int spare)
{
	bool handed;

	pthread_mutex_lock(&c->lock);
	handed = c->free + (c->most - c->n) > spare && (c->free || !start(c));
	if (handed) {
		c->jobs[c->njobs++] = job;
		c->free--;
		pthread_cond_signal(&c->work);
	}
	pthread_mutex_unlock(&c->lock);
	return handed;
}
