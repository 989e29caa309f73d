// SPDX-License-Identifier: GPL-2.0
#include "app/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "app/build.h"
#include "app/drain.h"
#include "app/options.h"
#include "app/watched.h"
#include "base/clock.h"
#include "base/log.h"
#include "model/ledger.h"
#include "probe/feature.h"
#include "probe/probes.h"
#include "symbol/names.h"
#include "unwind/tables.h"

#define NAMES_FILES 64

/* Descriptors of the loop; the processes' pidfds follow. */
enum { FD_SIGNAL, FD_NOTIFY, FD_TICK, FD_END, FDS };

struct session {
	const struct options *options;
	struct probes *probes;
	struct drain *drain;
	struct names *names;
	struct tables *tables;
	struct watched **watched;
	size_t nwatched;
	struct pollfd *fds;
	uint64_t start_ns;
};

/* Everything that needs no probe comes first: a wrong pid costs nobody a trap. */
static int find_processes(struct session *s)
{
	int err = 0;

	s->watched = calloc(s->options->npids, sizeof(*s->watched));
	if (!s->watched)
		return -ENOMEM;
	for (size_t i = 0; i < s->options->npids && !err; i++) {
		err = watched__new(s->options->pids[i], &s->watched[i]);
		if (!err)
			s->nwatched++;
	}
	return err;
}

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

static int attach_one(struct session *s, struct watched *w, unsigned int ring)
{
	char searched[2048];
	int err = watched__attach(w, s->probes, s->tables, s->names, searched, sizeof(searched));

	if (err == -ENOENT)
		log_error("process %d (%s) has no known allocator: no malloc and free in %s; if it "
			  "has one of its own, heapwatch cannot see it",
			  w->pid, w->stat.comm, searched);
	if (err == -ESRCH)
		log_error("process %d (%s) has ended", w->pid, w->stat.comm);
	if (!err)
		err = watched__arm(w, s->probes, s->drain, ring);
	if (err)
		return err;
	log_note("watching %d (%s): %s by %s, mappings by %s", w->pid, w->stat.comm, w->allocator,
		 user_kind_name(probes__user(s->probes)),
		 kernel_kind_name(probes__kernel(s->probes)));
	return 0;
}

static int attach_all(struct session *s)
{
	const struct options *o = s->options;
	struct probes_config config = {.user = o->user,
				       .kernel = o->kernel,
				       .ring_bytes = o->ring_bytes,
				       .rings = o->rings,
				       .threads = o->threads,
				       .processes = OPTIONS_MAX_PIDS};
	struct probes_unwind maps;
	int err = probes__new(&config, &s->probes);

	if (!err)
		err = drain__new(s->probes, s->fds[FD_NOTIFY].fd, &s->drain);
	s->names = err ? NULL : names__new(NAMES_FILES);
	if (!err) {
		maps = probes__unwind(s->probes);
		s->tables =
		    tables__new(maps.rows_fd, maps.pages, maps.spaces_fd, procfs_open_mapping);
	}
	if (!err && (!s->names || !s->tables))
		err = -ENOMEM;
	s->start_ns = clock_now_ns();
	for (size_t i = 0; i < s->nwatched && !err; i++)
		err = attach_one(s, s->watched[i], (unsigned int)i % o->rings);
	return err;
}

static int timer(uint64_t first_ns, uint64_t every_ns)
{
	struct itimerspec t = {
	    .it_value = {(time_t)(first_ns / 1000000000u), (long)(first_ns % 1000000000u)},
	    .it_interval = {(time_t)(every_ns / 1000000000u), (long)(every_ns % 1000000000u)}};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0 && timerfd_settime(fd, 0, &t, NULL)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int open_fds(struct session *s)
{
	sigset_t set;

	s->fds = calloc(FDS + s->options->npids, sizeof(*s->fds));
	if (!s->fds)
		return -ENOMEM;
	for (size_t i = 0; i < FDS + s->options->npids; i++)
		s->fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* A reader that went away is an error of write(), which ends us in order. */
	signal(SIGPIPE, SIG_IGN);
	s->fds[FD_SIGNAL].fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->fds[FD_NOTIFY].fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return s->fds[FD_SIGNAL].fd < 0 || s->fds[FD_NOTIFY].fd < 0 ? -errno : 0;
}

static int start_clocks(struct session *s)
{
	const struct options *o = s->options;

	if (!o->once) {
		s->fds[FD_TICK].fd = timer(o->interval_ns, o->interval_ns);
		if (s->fds[FD_TICK].fd < 0)
			return -errno;
	}
	if (o->duration_ns) {
		s->fds[FD_END].fd = timer(o->duration_ns, 0);
		if (s->fds[FD_END].fd < 0)
			return -errno;
	}
	for (size_t i = 0; i < s->nwatched; i++)
		s->fds[FDS + i].fd = s->watched[i]->pidfd;
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

static int add_process(struct session *s, struct build *b, struct watched *w, int last)
{
	struct hw_proc counters = {0};
	struct drain_state state;
	struct snapshot *snap;
	int err;

	if (!w->exited)
		watched__refresh(w, s->probes, s->tables, s->names, s->drain);
	if (!w->exited)
		inspection_update(&w->inspection, s->drain, w->modules, false);
	/* Counters after the snapshot: a loss in between is told too early, never too late. */
	snap = drain__snapshot(s->drain, w->pid, s->options->top, s->options->min_size, &state);
	if (!snap)
		return -ENOMEM;
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
				  .user_probes = user_kind_name(probes__user(s->probes)),
				  .kernel_probes = kernel_kind_name(probes__kernel(s->probes))});
	snapshot__free(snap);
	return err;
}

static int report(struct session *s, int last, session_report_fn fn, void *arg)
{
	struct build *b = build__new(s->nwatched);
	uint64_t bad, stray;
	int err = b ? 0 : -ENOMEM;

	if (!err)
		drain__sync(s->drain);
	for (size_t i = 0; i < s->nwatched && !err; i++)
		err = add_process(s, b, s->watched[i], last);
	if (!err)
		err = fn(arg, build__report(b, clock_now_ns() - s->start_ns, last));
	build__free(b);
	drain__defects(s->drain, &bad, &stray);
	if (last && (bad || stray))
		log_warn(
		    "%llu malformed records and %llu of unknown processes were dropped; please "
		    "report this",
		    (unsigned long long)bad, (unsigned long long)stray);
	return err;
}

static bool take(struct pollfd *fd)
{
	struct signalfd_siginfo si;
	bool ready = fd->fd >= 0 && (fd->revents & POLLIN);

	/* All that is read is how often: once is enough. */
	while (ready && read(fd->fd, &si, sizeof(si)) > 0)
		;
	return ready;
}

static int loop(struct session *s, session_report_fn fn, void *arg)
{
	size_t alive = s->nwatched;
	int err = 0;

	while (alive && !err) {
		if (poll(s->fds, FDS + s->nwatched, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (take(&s->fds[FD_SIGNAL]) || take(&s->fds[FD_END]))
			break;
		if (take(&s->fds[FD_NOTIFY]))
			for (size_t i = 0; i < s->nwatched; i++)
				if (!s->watched[i]->exited)
					watched__refresh(s->watched[i], s->probes, s->tables,
							 s->names, s->drain);
		for (size_t i = 0; i < s->nwatched; i++)
			if (s->fds[FDS + i].fd >= 0 && s->fds[FDS + i].revents) {
				s->watched[i]->exited = true;
				s->fds[FDS + i].fd = -1;
				alive--;
			}
		if (alive && take(&s->fds[FD_TICK]))
			err = report(s, 0, fn, arg);
	}
	return err ? err : report(s, 1, fn, arg);
}

int session_run(const struct options *o, session_report_fn fn, void *arg)
{
	struct session s = {.options = o};
	int err = check_kernel();

	if (!err)
		err = open_fds(&s);
	if (!err)
		err = find_processes(&s);
	if (!err)
		err = attach_all(&s);
	if (!err)
		err = start_clocks(&s);
	if (!err)
		err = loop(&s, fn, arg);

	drain__free(s.drain);
	probes__free(s.probes);
	tables__free(s.tables);
	names__free(s.names);
	for (size_t i = 0; i < s.nwatched; i++)
		watched__free(s.watched[i]);
	free(s.watched);
	for (int i = 0; s.fds && i < FDS; i++)
		if (s.fds[i].fd >= 0)
			close(s.fds[i].fd);
	free(s.fds);
	return err;
}
