// SPDX-License-Identifier: GPL-2.0
#include "app/drain_parts.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "heapwatch/event.h"
#include "model/blocks.h"
#include "model/processes.h"
#include "probe/probes.h"
#include "probe/sweeper.h"

/* Records that wait for no wake-up wait this long. */
#define DRAIN_TIMEOUT_MS 20

static void on_fork(struct drain *d, const struct hw_proc_fork *e)
{
	if (!(e->flags & HW_FORK_SHARES))
		sweeper__forked(probes__sweeper(d->probes), (pid_t)e->hdr.tgid, (pid_t)e->child);
}

static int on_record(void *arg, const void *data, size_t len)
{
	struct drain *d = arg;
	const struct hw_hdr *h = data;

	if (processes__apply(d->processes, data, len) == -EBADMSG)
		return 0;
	if (h->kind == HW_PROC_FORK)
		on_fork(d, data);
	if (h->kind == HW_PROC_EXEC)
		sweeper__execd(probes__sweeper(d->probes), (pid_t)h->tgid);
	if (h->kind == HW_PROC_EXEC || h->kind == HW_PROC_EXIT || h->kind == HW_PROC_FORK ||
	    (h->kind == HW_VM_MAP && (((const struct hw_vm_map *)data)->flags & HW_VM_EXEC)))
		d->notify = true;
	if (d->until)
		return h->time > d->until;
	return atomic_load_explicit(&d->waiting, memory_order_relaxed) > 0;
}

void drain_apply(struct drain *d, uint64_t until)
{
	uint64_t one = 1;

	d->until = until;
	probes__drain(d->probes, on_record, d);
	if (d->notify) {
		d->notify = false;
		/* A full eventfd is readable already. */
		if (write(d->notify_fd, &one, sizeof(one)) < 0)
			log_debug("eventfd is full");
	}
}

static void *drain_thread(void *arg)
{
	struct drain *d = arg;
	struct epoll_event ev;

	while (!atomic_load(&d->stop)) {
		epoll_wait(d->epoll_fd, &ev, 1, DRAIN_TIMEOUT_MS);
		pthread_mutex_lock(&d->lock);
		while (atomic_load(&d->waiting))
			pthread_cond_wait(&d->served, &d->lock);
		drain_apply(d, 0);
		pthread_mutex_unlock(&d->lock);
	}
	return NULL;
}

void drain_enter(struct drain *d)
{
	atomic_fetch_add(&d->waiting, 1);
	pthread_mutex_lock(&d->lock);
	atomic_fetch_sub(&d->waiting, 1);
	pthread_cond_signal(&d->served);
}

void drain_leave(struct drain *d)
{
	pthread_mutex_unlock(&d->lock);
}

static int watch_fd(int epoll_fd, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN};

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

int drain__new(struct probes *probes, int notify_fd, struct drain **out)
{
	struct drain *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	d->probes = probes;
	d->notify_fd = notify_fd;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->served, NULL);
	d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	d->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	d->processes = processes__new();
	err = d->epoll_fd < 0 || d->stop_fd < 0 ? -errno : d->processes ? 0 : -ENOMEM;
	if (!err)
		err = watch_fd(d->epoll_fd, probes__epoll_fd(probes));
	if (!err)
		err = watch_fd(d->epoll_fd, d->stop_fd);
	if (!err)
		err = -pthread_create(&d->thread, NULL, drain_thread, d);
	if (err) {
		log_error("cannot start the drain thread");
		drain__free(d);
		return err;
	}
	d->running = true;
	*out = d;
	return 0;
}

void drain__free(struct drain *d)
{
	uint64_t one = 1;

	if (!d)
		return;
	if (d->running) {
		atomic_store(&d->stop, true);
		if (write(d->stop_fd, &one, sizeof(one)) < 0)
			log_debug("the drain thread ends at its next time-out");
		pthread_join(d->thread, NULL);
	}
	processes__free(d->processes);
	if (d->stop_fd >= 0)
		close(d->stop_fd);
	if (d->epoll_fd >= 0)
		close(d->epoll_fd);
	pthread_cond_destroy(&d->served);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

int drain__add(struct drain *d, pid_t pid, struct ledger *ledger, drain_arm_fn arm, void *arg,
	       uint32_t *id)
{
	int err;

	drain_enter(d);
	err = arm(arg, ledger);
	if (!err)
		err = processes__add(d->processes, (uint32_t)pid, ledger, id);
	drain_leave(d);
	return err;
}

void drain__drop(struct drain *d, uint32_t id)
{
	drain_enter(d);
	drain_apply(d, clock_now_ns());
	processes__drop(d->processes, id);
	drain_leave(d);
}

uint32_t drain__last(struct drain *d)
{
	uint32_t last;

	drain_enter(d);
	last = processes__last(d->processes);
	drain_leave(d);
	return last;
}

void drain__sync(struct drain *d)
{
	drain_enter(d);
	drain_apply(d, clock_now_ns());
	drain_leave(d);
}

static int state_of(struct drain *d, uint32_t id, struct process **out_p, struct drain_state *out)
{
	struct process *p = processes__get(d->processes, id);

	*out_p = p;
	if (!p)
		return -ESRCH;
	*out = (struct drain_state){.tgid = p->tgid,
				    .parent = p->parent,
				    .execs = p->execs,
				    .code_maps = p->code_maps,
				    .status = p->status,
				    .forked = p->forked,
				    .orphan = p->orphan,
				    .is_32bit = p->is_32bit,
				    .exited = p->exited,
				    .start_ns = p->start_ns,
				    .began_ns = p->began_ns,
				    .ended_ns = p->ended_ns,
				    .max_rss_pages = p->max_rss_pages,
				    .max_rss_before = p->max_rss_before,
				    .received = p->received,
				    .counters = p->counters};
	memcpy(out->comm, p->comm, sizeof(out->comm));
	memcpy(out->path, p->path, sizeof(out->path));
	return 0;
}

int drain__state(struct drain *d, uint32_t id, struct drain_state *out)
{
	struct process *p;
	int err;

	drain_enter(d);
	err = state_of(d, id, &p, out);
	drain_leave(d);
	return err;
}

size_t drain__modules(struct drain *d, uint32_t id, struct hw_module *maps, size_t max)
{
	struct process *p;
	size_t n = 0;

	drain_enter(d);
	p = processes__get(d->processes, id);
	for (; p && n < p->nmaps && n < max; n++)
		maps[n] = p->maps[n];
	drain_leave(d);
	return n;
}

void drain__end(struct drain *d, uint32_t id)
{
	struct process *p;

	drain_enter(d);
	p = processes__get(d->processes, id);
	if (p)
		processes__end(p, clock_now_ns());
	drain_leave(d);
}

void drain__renew(struct drain *d, uint32_t id)
{
	struct process *p;

	drain_enter(d);
	p = processes__get(d->processes, id);
	if (p && !p->exited && processes__renew(p, clock_now_ns()))
		log_debug("no memory for a new ledger");
	drain_leave(d);
}

struct snapshot *drain__snapshot(struct drain *d, uint32_t id, size_t top, uint64_t min_bytes,
				 struct drain_state *out)
{
	struct snapshot *s = NULL;
	struct process *p;

	drain_enter(d);
	if (!state_of(d, id, &p, out) && p->ledger) {
		s = ledger__snapshot(p->ledger, top, min_bytes);
	} else if (p && p->final) {
		/* It may be asked for again: a report can come before its end is acted on. */
		s = snapshot__copy(p->final);
	}
	drain_leave(d);
	return s;
}

struct codes *drain__codes(struct drain *d)
{
	struct codes *c;

	drain_enter(d);
	c = processes__codes(d->processes);
	drain_leave(d);
	return c;
}

uint64_t drain__bad(struct drain *d)
{
	uint64_t bad;

	drain_enter(d);
	bad = processes__bad(d->processes);
	drain_leave(d);
	return bad;
}
