// SPDX-License-Identifier: GPL-2.0
#include "probe/rings.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "heapwatch/limits.h"

struct rings {
	struct ring_buffer *buffers;
	int map, fds[HW_MAX_RINGS];
	unsigned int n;
	pthread_t filler;
	bool filling;
	int err; /* the filler's */
	/* Of the drain under way. */
	int (*fn)(void *arg, const void *data, size_t len);
	void *arg;
	int drained;
};

/* Each of these waits until no program can see the map as it was. */
static void *fill(void *arg)
{
	struct rings *r = arg;

	for (unsigned int i = 0; i < r->n && !r->err; i++)
		if (bpf_map_update_elem(r->map, &i, &r->fds[i], BPF_ANY))
			r->err = -errno;
	return NULL;
}

static int create(struct rings *r, size_t bytes, unsigned int n)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);

	for (; r->n < n; r->n++) {
		int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "hw_ring", 0, 0, (unsigned int)bytes,
					NULL);

		if (fd < 0) {
			log_error("cannot make a ring buffer of %zu bytes: %s; --ring-size takes a "
				  "power of two of at least a page",
				  bytes, strerror(errno));
			return -errno;
		}
		r->fds[r->n] = fd;
	}
	opts.inner_map_fd = (unsigned int)r->fds[0];
	r->map = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "hw_rings", 4, 4, HW_MAX_RINGS, &opts);
	if (r->map < 0) {
		log_error("cannot make the map of the rings: %s", strerror(errno));
		return -errno;
	}
	return 0;
}

int rings__new(size_t bytes, unsigned int n, struct rings **out)
{
	struct rings *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->map = -1;
	err = n && n <= HW_MAX_RINGS ? create(r, bytes, n) : -EINVAL;
	if (!err)
		err = -pthread_create(&r->filler, NULL, fill, r);
	if (err) {
		rings__free(r);
		return err;
	}
	r->filling = true;
	*out = r;
	return 0;
}

static void wait_filled(struct rings *r)
{
	if (r->filling)
		pthread_join(r->filler, NULL);
	r->filling = false;
}

void rings__free(struct rings *r)
{
	if (!r)
		return;
	wait_filled(r);
	ring_buffer__free(r->buffers);
	for (unsigned int i = 0; i < r->n; i++)
		close(r->fds[i]);
	if (r->map >= 0)
		close(r->map);
	free(r);
}

int rings__map(const struct rings *r)
{
	return r->map;
}

static int on_record(void *arg, void *data, size_t len)
{
	struct rings *r = arg;

	r->drained++;
	/* libbpf stops after this record where we return less than 0. */
	return r->fn(r->arg, data, len) ? -EINTR : 0;
}

int rings__open(struct rings *r)
{
	int err;

	wait_filled(r);
	err = r->err;
	for (unsigned int i = 0; i < r->n && !err; i++) {
		if (r->buffers)
			err = ring_buffer__add(r->buffers, r->fds[i], on_record, r);
		else if (!(r->buffers = ring_buffer__new(r->fds[i], on_record, r, NULL)))
			err = -errno;
	}
	if (err)
		log_error("cannot set up the rings: %s", strerror(-err));
	return err;
}

int rings__epoll_fd(const struct rings *r)
{
	return ring_buffer__epoll_fd(r->buffers);
}

int rings__drain(struct rings *r, int (*fn)(void *arg, const void *data, size_t len), void *arg)
{
	int err;

	r->fn = fn;
	r->arg = arg;
	r->drained = 0;
	err = ring_buffer__consume(r->buffers);
	return err < 0 && err != -EINTR ? err : r->drained;
}
