// SPDX-License-Identifier: GPL-2.0
#include "app/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "app/build.h"
#include "app/drain.h"
#include "app/governor.h"
#include "app/watched.h"
#include "base/clock.h"
#include "base/log.h"
#include "model/codes.h"
#include "model/ledger.h"
#include "probe/feature.h"
#include "symbol/names.h"
#include "unwind/tables.h"

#define NAMES_FILES 64

struct session {
	struct session_config config;
	struct probes *probes;
	struct drain *drain;
	struct governor *governor;
	struct names *names;
	struct tables *tables;
	struct build *build; /* of the last report */
	struct watched **watched;
	size_t nwatched, room;
	unsigned int next_ring;
	int epoll_fd, notify_fd;
	uint64_t start_ns;
};

static int check_kernel(void)
{
	int err;

	if (geteuid()) {
		log_error("watching a process needs root: sudo heapwatch ...");
		return -EPERM;
	}
	if (!feature_btf()) {
		log_error("this kernel has no BTF (/sys/kernel/btf/vmlinux): it must be built with "
			  "CONFIG_DEBUG_INFO_BTF, as the kernels of Debian, Ubuntu and Fedora are");
		return -ENOTSUP;
	}
	if (!feature_ringbuf()) {
		log_error("this kernel has no BPF ring buffer, or BPF is not permitted here: Linux "
			  "5.17 or later and CAP_BPF are needed; see 'heapwatch doctor'");
		return -ENOTSUP;
	}
	if (!feature_initial_pidns()) {
		log_error(
		    "heapwatch must run in the initial pid namespace (docker run --pid=host)");
		return -ENOTSUP;
	}
	err = feature_tracefs();
	if (err)
		log_debug("tracefs: %s", strerror(-err));
	return 0;
}

static int poll_fd(struct session *s, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN};

	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int open_fds(struct session *s)
{
	int err;

	s->notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	err = s->notify_fd < 0 || s->epoll_fd < 0 ? -errno : poll_fd(s, s->notify_fd);
	if (err)
		log_error("cannot open an epoll: %s", strerror(-err));
	return err;
}

static int load(struct session *s)
{
	struct probes_unwind maps;
	int err = probes__new(&s->config.probes, &s->probes);

	if (!err)
		err = drain__new(s->probes, s->notify_fd, &s->drain);
	if (!err)
		err = governor__new(s->probes,
				    s->config.share > 0	  ? s->config.share
				    : s->config.share < 0 ? 0
							  : -1,
				    s->notify_fd, &s->governor);
	if (err)
		return err;
	maps = probes__unwind(s->probes);
	s->names = names__new(NAMES_FILES);
	s->tables = tables__new(maps.rows_fd, maps.pages, maps.spaces_fd, procfs_open_mapping);
	return s->names && s->tables ? 0 : -ENOMEM;
}

int session__new(const struct session_config *config, struct session **out)
{
	struct session *s;
	int err = check_kernel();

	if (err)
		return err;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->config = *config;
	s->epoll_fd = s->notify_fd = -1;
	s->start_ns = clock_now_ns();
	err = open_fds(s);
	if (!err)
		err = load(s);
	if (err) {
		session__free(s);
		return err;
	}
	*out = s;
	return 0;
}

void session__free(struct session *s)
{
	if (!s)
		return;
	governor__free(s->governor);
	drain__free(s->drain);
	probes__free(s->probes);
	tables__free(s->tables);
	build__free(s->build);
	names__free(s->names);
	for (size_t i = 0; i < s->nwatched; i++)
		watched__free(s->watched[i]);
	free(s->watched);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	if (s->notify_fd >= 0)
		close(s->notify_fd);
	free(s);
}

static int attach(struct session *s, struct watched *w)
{
	int err = governor__prepare(s->governor, w->pid);

	if (!err)
		err = watched__attach(w, s->probes, s->tables, s->names);
	/* What it maps is seen all the same, and the report begins with this. */
	if (err == -ENOENT)
		err = 0;
	if (err == -ESRCH)
		log_error("process %d (%s) has ended", w->pid, w->stat.comm);
	if (!err)
		err = watched__arm(w, s->probes, s->drain, s->next_ring++ % s->config.probes.rings);
	if (!err)
		err = governor__add(s->governor, w->pid);
	if (!err)
		err = poll_fd(s, w->pidfd);
	if (err) {
		governor__drop(s->governor, w->pid);
		probes__detach(s->probes, w->pid);
		drain__drop(s->drain, w->pid);
		return err;
	}
	if (!s->config.quiet)
		log_note("watching %d (%s): %s by %s, mappings by %s", w->pid, w->stat.comm,
			 w->allocator[0] ? w->allocator : "no allocator",
			 user_kind_name(probes__user(s->probes)),
			 kernel_kind_name(probes__kernel(s->probes)));
	return 0;
}

static size_t index_of(const struct session *s, pid_t pid)
{
	size_t i = 0;

	while (i < s->nwatched && s->watched[i]->pid != pid)
		i++;
	return i;
}

int session__watch(struct session *s, pid_t pid)
{
	struct watched *w;
	int err;

	if (index_of(s, pid) < s->nwatched)
		return -EEXIST;
	if (s->nwatched == s->room) {
		size_t room = s->room ? 2 * s->room : 16;
		struct watched **all = reallocarray(s->watched, room, sizeof(struct watched *));

		if (!all)
			return -ENOMEM;
		s->watched = all;
		s->room = room;
	}
	/* What needs no probe comes first: a wrong pid costs nobody a trap. */
	err = watched__new(pid, &w);
	if (err)
		return err;
	err = attach(s, w);
	if (err) {
		watched__free(w);
		return err;
	}
	s->watched[s->nwatched++] = w;
	return 0;
}

void session__unwatch(struct session *s, pid_t pid)
{
	size_t i = index_of(s, pid);

	if (i == s->nwatched)
		return;
	governor__drop(s->governor, pid);
	probes__detach(s->probes, pid);
	drain__drop(s->drain, pid);
	tables__drop(s->tables, pid);
	watched__free(s->watched[i]);
	s->watched[i] = s->watched[--s->nwatched];
}

int session__fd(const struct session *s)
{
	return s->epoll_fd;
}

size_t session__alive(const struct session *s)
{
	size_t alive = 0;

	for (size_t i = 0; i < s->nwatched; i++)
		alive += !s->watched[i]->exited;
	return alive;
}

/* A pidfd stays readable: it is taken out once that was seen. */
static void reap(struct session *s, struct watched *w)
{
	if (!w->exited && !watched__ended(w))
		return;
	w->exited = true;
	if (w->pidfd < 0)
		return;
	epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, w->pidfd, NULL);
	close(w->pidfd);
	w->pidfd = -1;
}

/* What was there before has to be told from what is not seen any more, so the first look is at
 * once; and samples are looked at soon after they were taken, before what is freed is used again.
 */
static void check_sampled(struct session *s, struct watched *w)
{
	struct governor_state g;

	if (governor__state(s->governor, w->pid, &g) || !g.changed)
		return;
	inspection_update(&w->inspection, s->drain, w->modules, !w->inspection.sampling.have_older);
}

int session__step(struct session *s)
{
	uint64_t times;
	bool notified = read(s->notify_fd, &times, sizeof(times)) > 0;

	for (size_t i = 0; i < s->nwatched; i++) {
		reap(s, s->watched[i]);
		if (!notified || s->watched[i]->exited)
			continue;
		watched__refresh(s->watched[i], s->probes, s->tables, s->names, s->drain);
		check_sampled(s, s->watched[i]);
	}
	return 0;
}

static void log_counters(const struct watched *w, const struct drain_state *state,
			 const struct hw_proc *c)
{
	log_debug("%d: produced %llu, received %llu, lost %llu", w->pid,
		  (unsigned long long)c->produced, (unsigned long long)state->received,
		  (unsigned long long)c->lost);
	if (c->broken || c->nothread)
		log_debug("%d: %llu calls without their other half, %llu not followed (see "
			  "--max-threads)",
			  w->pid, (unsigned long long)c->broken, (unsigned long long)c->nothread);
}

static void learn_codes(struct session *s)
{
	struct codes *c = drain__codes(s->drain);

	for (size_t i = 0; c && i < codes__count(c); i++)
		if (names__learn(s->names, codes__at(c, i)))
			log_debug("a Python function more than names are kept of");
	codes__free(c);
}

/* Where not every call was seen, what was is not the truth, and not the order of the largest. */
static struct snapshot *take_snapshot(struct session *s, struct watched *w,
				      struct drain_state *state)
{
	const struct sampling *sampling = &w->inspection.sampling;
	struct snapshot *snap;

	if (!sampling->told)
		return drain__snapshot(s->drain, w->pid, s->config.top, s->config.min_size, state);
	snap = drain__snapshot(s->drain, w->pid, 0, 0, state);
	if (snap)
		estimates_apply(&sampling->estimates, snap, s->config.top, s->config.min_size);
	return snap;
}

static int add_process(struct session *s, struct build *b, struct watched *w, bool last)
{
	struct governor_state governor = {0};
	struct hw_proc counters = {0};
	struct drain_state state;
	struct snapshot *snap;
	int err;

	if (!w->exited)
		watched__refresh(w, s->probes, s->tables, s->names, s->drain);
	if (!w->exited)
		inspection_update(&w->inspection, s->drain, w->modules,
				  last && inspection_is_cheap(&w->inspection));
	/* Counters after the snapshot: a loss in between is told too early, never too late. */
	snap = take_snapshot(s, w, &state);
	if (!snap)
		return -ENOMEM;
	governor__state(s->governor, w->pid, &governor);
	learn_codes(s);
	probes__counters(s->probes, w->pid, &counters);
	if (last)
		log_counters(w, &state, &counters);
	w->exited |= state.exited;
	err = build__add(
	    b, s->names,
	    &(struct build_input){.watched = w,
				  .snapshot = snap,
				  .state = &state,
				  .counters = &counters,
				  .governor = &governor,
				  .user_probes = s->config.share < 0
						     ? "none"
						     : user_kind_name(probes__user(s->probes)),
				  .kernel_probes = kernel_kind_name(probes__kernel(s->probes))});
	snapshot__free(snap);
	return err;
}

const struct report *session__report(struct session *s, bool last)
{
	uint64_t bad, stray;
	int err;

	build__free(s->build);
	s->build = build__new(s->nwatched);
	err = s->build ? 0 : -ENOMEM;
	if (!err)
		drain__sync(s->drain);
	for (size_t i = 0; i < s->nwatched && !err; i++)
		err = add_process(s, s->build, s->watched[i], last);
	drain__defects(s->drain, &bad, &stray);
	if (last && (bad || stray))
		log_warn(
		    "%llu malformed records and %llu of unknown processes were dropped; please "
		    "report this",
		    (unsigned long long)bad, (unsigned long long)stray);
	if (err) {
		log_error("cannot make a report: %s", strerror(-err));
		return NULL;
	}
	return build__report(s->build, clock_now_ns() - s->start_ns, last);
}
