// SPDX-License-Identifier: GPL-2.0
#include "out/http_deadline.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

struct deadline {
	int fd;		   /* -1: free */
	uint64_t since_ns; /* 0: held */
};

struct deadlines {
	pthread_mutex_t lock;
	size_t n;
	struct deadline all[];
};

struct deadlines *deadlines__new(size_t n)
{
	struct deadlines *d = calloc(1, sizeof(*d) + n * sizeof(d->all[0]));

	if (!d)
		return NULL;
	pthread_mutex_init(&d->lock, NULL);
	d->n = n;
	for (size_t i = 0; i < n; i++)
		d->all[i].fd = -1;
	return d;
}

void deadlines__free(struct deadlines *d)
{
	if (!d)
		return;
	pthread_mutex_destroy(&d->lock);
	free(d);
}

struct deadline *deadlines__open(struct deadlines *d, int fd, uint64_t now_ns)
{
	struct deadline *found = NULL;

	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < d->n && !found; i++)
		if (d->all[i].fd < 0)
			found = &d->all[i];
	if (found)
		*found = (struct deadline){.fd = fd, .since_ns = now_ns};
	pthread_mutex_unlock(&d->lock);
	return found;
}

static void set(struct deadlines *d, struct deadline *one, uint64_t since_ns)
{
	if (!one)
		return;
	pthread_mutex_lock(&d->lock);
	one->since_ns = since_ns;
	pthread_mutex_unlock(&d->lock);
}

void deadlines__close(struct deadlines *d, struct deadline *one)
{
	if (!one)
		return;
	pthread_mutex_lock(&d->lock);
	one->fd = -1;
	pthread_mutex_unlock(&d->lock);
}

void deadlines__restart(struct deadlines *d, struct deadline *one, uint64_t now_ns)
{
	set(d, one, now_ns);
}

void deadlines__hold(struct deadlines *d, struct deadline *one)
{
	set(d, one, 0);
}

size_t deadlines__cut(struct deadlines *d, uint64_t now_ns, uint64_t limit_ns)
{
	size_t n = 0;

	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < d->n; i++) {
		const struct deadline *one = &d->all[i];

		if (one->fd < 0 || !one->since_ns || now_ns < one->since_ns ||
		    now_ns - one->since_ns <= limit_ns)
			continue;
		/* Not closed: the server sees the end, and closes it. */
		shutdown(one->fd, SHUT_RDWR);
		n++;
	}
	pthread_mutex_unlock(&d->lock);
	return n;
}
