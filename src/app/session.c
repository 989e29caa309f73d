// SPDX-License-Identifier: GPL-2.0
#include "app/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "app/barren.h"
#include "app/build.h"
#include "app/drain.h"
#include "app/foresight.h"
#include "app/glimpse.h"
#include "app/governor.h"
#include "app/images.h"
#include "app/session_parts.h"
#include "app/start.h"
#include "app/tree.h"
#include "base/clock.h"
#include "base/log.h"
#include "probe/feature.h"
#include "probe/launch.h"
#include "symbol/names.h"
#include "unwind/tables.h"

#define NAMES_FILES 64

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
	if (!feature_reads()) {
		log_error("this kernel lets no BPF program read its memory: boot it without "
			  "lockdown=confidentiality (/sys/kernel/security/lockdown)");
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

int session_poll(struct session *s, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN};

	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int open_fds(struct session *s)
{
	int err;

	s->notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	err = s->notify_fd < 0 || s->epoll_fd < 0 ? -errno : session_poll(s, s->notify_fd);
	if (err)
		log_error("cannot open an epoll: %s", strerror(-err));
	return err;
}

/* Whoever is watched, and all that it starts, may get a filter at any time. */
static void check_returns(struct session *s)
{
	int err = probes__returns(s->probes);

	if (!err || s->config.share < 0)
		return;
	log_warn("no probe is put on malloc: %s%s; see 'heapwatch doctor'",
		 err == -EKEYREJECTED
		     ? "on this kernel a return probe kills who has a seccomp filter"
		     : "whether a return probe kills who has a seccomp filter cannot be tried: ",
		 err == -EKEYREJECTED ? "" : strerror(-err));
	s->config.share = -1;
	s->unsafe = true;
}

const char *session_user_probes(const struct session *s)
{
	return s->unsafe	     ? "unsafe"
	       : s->config.share < 0 ? "none"
				     : user_kind_name(probes__user(s->probes));
}

static int start_governor(struct session *s)
{
	const struct governor_config config = {.share = session_share(s),
					       .most = s->config.most,
					       .together = s->config.together,
					       .notify_fd = s->notify_fd,
					       .glimpses = s->glimpses};

	return governor__new(s->probes, &config, &s->governor);
}

static int load(struct session *s)
{
	struct probes_unwind maps;
	int err;

	s->config.probes.touches = budget_touches(session_share(s));
	s->config.probes.large = s->config.share > 0;
	err = probes__new(&s->config.probes, &s->probes);

	if (!err)
		check_returns(s);
	if (!err)
		err = drain__new(s->probes, s->notify_fd, &s->drain);
	if (!err)
		err = glimpses__new(s->drain, &s->glimpses);
	if (!err)
		err = start_governor(s);
	if (err)
		return err;
	maps = probes__unwind(s->probes);
	s->names = names__new(NAMES_FILES);
	s->tables = tables__new(maps.rows_fd, maps.spaces_fd, procfs_open_mapping);
	s->tree = tree__new(s->start_ns);
	s->images = images__new();
	s->barren = barren__new();
	s->tools = (struct watch_tools){.probes = s->probes,
					.tables = s->tables,
					.names = s->names,
					.drain = s->drain,
					.covered = &s->covered,
					.barren = s->barren};
	return s->names && s->tables && s->tree && s->images && s->barren ? 0 : -ENOMEM;
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
	s->foresight = foresight__new(config->command, config->pids, config->npids);
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
	glimpses__free(s->glimpses);
	drain__free(s->drain);
	probes__free(s->probes);
	foresight__free(s->foresight);
	tables__free(s->tables);
	build__free(s->build);
	names__free(s->names);
	images__free(s->images);
	barren__free(s->barren);
	tree__free(s->tree);
	for (size_t i = 0; i < s->nwatched; i++) {
		built__free(s->watched[i]->built);
		watched__free(s->watched[i]);
	}
	free(s->watched);
	covered_free(&s->covered);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	if (s->notify_fd >= 0)
		close(s->notify_fd);
	free(s);
}

void session__leave(struct session *s)
{
	if (!s || session__alive(s))
		return;
	/* It puts probes on and takes them away. */
	governor__free(s->governor);
	s->governor = NULL;
	if (s->probes)
		probes__leave(s->probes);
}

static int arm(struct session *s, struct watched *w)
{
	int err =
	    watched__arm(w, &s->tools, s->next_ring++ % s->config.probes.rings, s->config.follow);

	if (!err)
		err = session_poll(s, w->pidfd);
	return err;
}

static int attach(struct session *s, struct watched *w)
{
	int err = governor__prepare(s->governor, w->pid);

	if (!err && s->config.share != 0 && procfs_modules(w->pid, w->modules) >= 0)
		inspection_baseline(&w->inspection, w->modules);
	if (!err)
		err = watched__attach(w, &s->tools);
	/* What it maps is seen all the same, and the report begins with this. */
	if (err == -ENOENT)
		err = 0;
	if (!err)
		err = arm(s, w);
	if (!err)
		err = governor__add(s->governor, w->pid);
	if (err) {
		if (err == -ESRCH)
			log_error("process %d (%s) has ended", w->pid, w->stat.comm);
		governor__drop(s->governor, w->pid);
		probes__detach(s->probes, w->pid);
		if (w->id)
			drain__drop(s->drain, w->id);
		return err;
	}
	w->looked = true;
	if (!s->config.quiet)
		log_note("watching %d (%s): %s by %s, mappings by %s", w->pid, w->stat.comm,
			 w->allocator[0] ? w->allocator : "no allocator", session_user_probes(s),
			 kernel_kind_name(probes__kernel(s->probes)));
	return 0;
}

/* The last one that had this pid: nwatched where there is none. */
static size_t index_of(const struct session *s, pid_t pid)
{
	for (size_t i = s->nwatched; i-- > 0;)
		if (s->watched[i]->pid == pid)
			return i;
	return s->nwatched;
}

int session_keep(struct session *s, struct watched *w)
{
	if (s->nwatched == s->room) {
		size_t room = s->room ? 2 * s->room : 16;
		struct watched **all = reallocarray(s->watched, room, sizeof(struct watched *));

		if (!all) {
			watched__free(w);
			return -ENOMEM;
		}
		s->watched = all;
		s->room = room;
	}
	s->watched[s->nwatched++] = w;
	return 0;
}

static void take_foresight(struct session *s)
{
	foresight__give(s->foresight, s->tables, s->barren);
	foresight__free(s->foresight);
	s->foresight = NULL;
}

int session__watch(struct session *s, pid_t pid)
{
	size_t i = index_of(s, pid);
	struct watched *w;
	int err;

	if (i < s->nwatched && !s->watched[i]->exited)
		return -EEXIST;
	/* What needs no probe comes first: a wrong pid costs nobody a trap. */
	err = watched__new(pid, &w);
	if (err)
		return err;
	take_foresight(s);
	err = attach(s, w);
	if (err) {
		watched__free(w);
		return err;
	}
	return session_keep(s, w);
}

int session__launch(struct session *s, char *const *argv, bool as_caller, struct launch **out)
{
	struct launch *l;
	struct watched *w;
	int err = start_command(argv, as_caller, s->probes, &s->covered, &l);

	if (err)
		return err;
	err = watched__new(launch__pid(l), &w);
	if (!err) {
		w->launched = true;
		err = governor__prepare(s->governor, w->pid);
		if (!err)
			err = arm(s, w);
		if (!err)
			err = governor__add(s->governor, w->pid);
		if (err)
			watched__free(w);
		else
			err = session_keep(s, w);
	}
	if (!err) {
		take_foresight(s);
		err = launch__go(l);
	}
	if (err) {
		log_error("cannot start %s: %s", argv[0], strerror(-err));
		launch__free(l);
		return err;
	}
	if (!s->config.quiet)
		log_note("watching %d (%s) and its tree: %s, mappings by %s", launch__pid(l),
			 argv[0], session_user_probes(s),
			 kernel_kind_name(probes__kernel(s->probes)));
	*out = l;
	return 0;
}

void session_remove(struct session *s, size_t i)
{
	struct watched *w = s->watched[i];

	drain__drop(s->drain, w->id);
	built__free(w->built);
	s->ended -= w->exited;
	watched__free(w);
	memmove(&s->watched[i], &s->watched[i + 1],
		(s->nwatched - i - 1) * sizeof(struct watched *));
	s->nwatched--;
}

void session__unwatch(struct session *s, pid_t pid)
{
	size_t i = index_of(s, pid);

	if (i == s->nwatched)
		return;
	governor__drop(s->governor, pid);
	probes__detach(s->probes, pid);
	tables__drop(s->tables, pid);
	/* What the last report has of it is freed with it. */
	build__free(s->build);
	s->build = NULL;
	session_remove(s, i);
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

bool session__alive_pid(const struct session *s, pid_t pid)
{
	size_t i = index_of(s, pid);

	return i < s->nwatched && !s->watched[i]->exited;
}
