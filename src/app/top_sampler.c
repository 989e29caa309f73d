// SPDX-License-Identifier: GPL-2.0
#include "app/top_sampler.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "app/machine_source.h"
#include "base/clock.h"

struct top_sampler {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct sampler *sampler; /* the thread's alone */
	struct machine_source *source;
	enum kernel_kind kind;
	int notify_fd;

	/* Under the lock. */
	bool wanted, busy, quit;
	struct sampler_shown shown; /* its pids are ours */
	uint32_t watched, marked;   /* marked: as the sampler has it */
	const struct machine *latest;
};

/* The next look's wishes, taken out under the lock.  false: no more of them. */
static bool wait_for_request(struct top_sampler *t, struct sampler_shown *shown)
{
	bool quit;

	pthread_mutex_lock(&t->lock);
	t->busy = false;
	while (!t->wanted && !t->quit)
		pthread_cond_wait(&t->wake, &t->lock);
	*shown = t->shown;
	t->shown.pids = NULL;
	t->shown.n = 0;
	t->wanted = false;
	t->busy = true;
	if (t->watched != t->marked) {
		sampler__watch(t->sampler, t->marked, false);
		sampler__watch(t->sampler, t->watched, true);
		t->marked = t->watched;
	}
	quit = t->quit;
	pthread_mutex_unlock(&t->lock);
	return !quit;
}

static void look(struct top_sampler *t, struct sampler_shown *shown)
{
	const struct machine *m;

	sampler__show(t->sampler, shown);
	m = sampler__tick(t->sampler, clock_now_ns());
	pthread_mutex_lock(&t->lock);
	if (m)
		t->latest = m;
	pthread_mutex_unlock(&t->lock);
	eventfd_write(t->notify_fd, 1);
}

static void *run(void *arg)
{
	struct top_sampler *t = arg;
	struct sampler_shown shown;
	bool started = false;

	while (wait_for_request(t, &shown)) {
		look(t, &shown);
		free((void *)shown.pids);
		if (!started)
			machine_source__start(t->source, t->kind);
		started = true;
	}
	free((void *)shown.pids);
	return NULL;
}

/* Signals are the main thread's. */
static int start_thread(struct top_sampler *t)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&t->thread, NULL, run, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

int top_sampler__new(const struct sampler_options *options, struct machine_source *source,
		     enum kernel_kind kind, int notify_fd, struct top_sampler **out)
{
	struct top_sampler *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	t->source = source;
	t->kind = kind;
	t->notify_fd = notify_fd;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->wake, NULL);
	err = sampler__new(options, &t->sampler);
	if (!err)
		err = start_thread(t);
	if (err) {
		sampler__free(t->sampler);
		free(t);
		return err;
	}
	*out = t;
	return 0;
}

void top_sampler__free(struct top_sampler *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	t->quit = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
	sampler__free(t->sampler);
	free((void *)t->shown.pids);
	pthread_mutex_destroy(&t->lock);
	pthread_cond_destroy(&t->wake);
	free(t);
}

void top_sampler__request(struct top_sampler *t, const struct machine *held,
			  const struct sampler_shown *shown)
{
	uint32_t *pids = reallocarray(NULL, shown->n + 1, sizeof(*pids));

	if (!pids)
		return;
	if (shown->n)
		memcpy(pids, shown->pids, shown->n * sizeof(*pids));
	pthread_mutex_lock(&t->lock);
	if (t->busy || t->wanted || t->latest != held) {
		free(pids);
	} else {
		t->shown = *shown;
		t->shown.pids = pids;
		t->wanted = true;
		pthread_cond_signal(&t->wake);
	}
	pthread_mutex_unlock(&t->lock);
}

const struct machine *top_sampler__latest(struct top_sampler *t)
{
	const struct machine *m;

	pthread_mutex_lock(&t->lock);
	m = t->latest;
	pthread_mutex_unlock(&t->lock);
	return m;
}

void top_sampler__watched(struct top_sampler *t, uint32_t pid)
{
	pthread_mutex_lock(&t->lock);
	t->watched = pid;
	pthread_mutex_unlock(&t->lock);
}
