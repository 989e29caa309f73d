// SPDX-License-Identifier: GPL-2.0
/* session_refresh.c: the processes of a session, as they come, change and end. */
#include <sys/epoll.h>
#include <unistd.h>

#include "app/build.h"
#include "app/drain.h"
#include "app/governor.h"
#include "app/images.h"
#include "app/session_parts.h"
#include "app/tree.h"
#include "base/log.h"
#include "model/modules.h"

/* A pidfd stays readable: it is taken out once that was seen. */
static void reap(struct session *s, struct watched *w)
{
	if (!w->exited || w->pidfd < 0)
		return;
	epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, w->pidfd, NULL);
	close(w->pidfd);
	w->pidfd = -1;
}

static const struct watched *of_id(const struct session *s, uint32_t id)
{
	for (size_t i = s->nwatched; i-- > 0;)
		if (s->watched[i]->id == id)
			return s->watched[i];
	return NULL;
}

/* Children get their numbers from the drain. */
static int adopt(struct session *s)
{
	uint32_t last = drain__last(s->drain);
	struct drain_state life;
	struct watched *w;
	int err = 0;

	for (; s->last_id < last && !err; s->last_id++) {
		uint32_t id = s->last_id + 1;

		if (of_id(s, id) || drain__state(s->drain, id, &life))
			continue;
		err = watched__child(id, &life, of_id(s, life.parent), &w);
		if (!err && w->pidfd >= 0) {
			err = session_poll(s, w->pidfd);
			governor__adopt(s->governor, w->pid);
		}
		if (!err)
			err = session_keep(s, w);
	}
	return err;
}

static bool holds_less(const struct watched *a, const struct watched *b)
{
	const struct report_process *x, *y;

	if (!a->built || !b->built)
		return !a->built && b->built;
	x = built__process(a->built);
	y = built__process(b->built);
	return x->outstanding_bytes != y->outstanding_bytes
		   ? x->outstanding_bytes < y->outstanding_bytes
		   : x->peak_rss_bytes < y->peak_rss_bytes;
}

/* A tree may have any number of processes in its time: of those that ended the ones that held least
 * become sums. */
static void forget_least(struct session *s)
{
	size_t max = s->config.ended ? s->config.ended : SESSION_ENDED;

	while (s->ended > max) {
		size_t least = s->nwatched;

		for (size_t i = 0; i < s->nwatched; i++) {
			const struct watched *w = s->watched[i];

			if (w->exited && !w->launched &&
			    (least == s->nwatched || holds_less(w, s->watched[least])))
				least = i;
		}
		if (least == s->nwatched)
			return;
		tree__forget(s->tree, s->watched[least]->built
					  ? built__process(s->watched[least]->built)
					  : NULL);
		session_remove(s, least);
	}
}

void session_inspect(struct session *s, struct watched *w, size_t processes)
{
	w->inspection.glimpses = s->glimpses;
	inspection_update(&w->inspection, s->drain, w->modules, processes);
}

void session_check_sampled(struct session *s, struct watched *w)
{
	struct governor_state g;

	if (governor__state(s->governor, w->pid, &g) || !g.changed)
		return;
	session_inspect(s, w, w->inspection.sampling.have_older ? s->nwatched - s->ended : 0);
}

/* Of a tree that has one there may be thousands. */
static void tell_32bit(struct session *s, const struct watched *w)
{
	if (!w->life.is_32bit || s->told_32bit)
		return;
	s->told_32bit = true;
	log_warn("process %d (%s) is a 32-bit program: nothing that it or another such one "
		 "allocates or maps is seen",
		 w->pid, w->stat.comm);
}

int session_refresh_one(struct session *s, struct watched *w)
{
	int err = 0;

	watched__refresh(w, &s->tools);
	tell_32bit(s, w);
	if (modules__count(w->modules) != w->nseen)
		err = images__see(s->images, w->modules);
	w->nseen = modules__count(w->modules);
	reap(s, w);
	if (!w->exited) {
		session_check_sampled(s, w);
		return err;
	}
	s->ended++;
	if (!err)
		err = session_add_final(s, w);
	governor__drop(s->governor, w->pid);
	return err;
}

int session_refresh(struct session *s)
{
	int err = adopt(s);

	for (size_t i = 0; i < s->nwatched && !err; i++) {
		if (!s->watched[i]->exited)
			err = session_refresh_one(s, s->watched[i]);
	}
	if (!err && s->ended > (s->config.ended ? s->config.ended : SESSION_ENDED)) {
		/* What they started is to find them. */
		err = adopt(s);
		build__free(s->build);
		s->build = NULL;
		forget_least(s);
	}
	return err;
}
