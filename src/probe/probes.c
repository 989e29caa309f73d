// SPDX-License-Identifier: GPL-2.0
#include "probe/probes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "heapwatch.skel.h"
#include "probe/attach.h"
#include "probe/feature.h"
#include "probe/links.h"
#include "probe/multi.h"
#include "probe/probes_parts.h"
#include "probe/rings.h"
#include "probe/seccomp.h"
#include "probe/sweeper.h"
#include "probe/syscalls.h"
#include "probe/touches.h"

/* libbpf's own messages: they name the map or the program that failed, and hold all that the
 * kernel's verifier said of it, which is thousands of lines. */
static int print_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char *text;

	if (log_get_level() < LOG_DEBUG || level == LIBBPF_DEBUG)
		return 0;
	if (vasprintf(&text, fmt, ap) < 0)
		return 0;
	log_lines(LOG_DEBUG, text);
	free(text);
	return 0;
}

static void want(struct probes *p, const char *name, int attach_type)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(p->skel->obj, name);

	bpf_program__set_autoload(prog, true);
	if (attach_type)
		bpf_program__set_expected_attach_type(prog, (enum bpf_attach_type)attach_type);
}

static int attach_named(struct probes *p, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(p->skel->obj, name);
	struct bpf_link *link = bpf_program__attach(prog);
	int err = libbpf_get_error(link);

	if (err) {
		log_error("cannot attach %s: %s; see 'heapwatch doctor'", name, strerror(-err));
		return err;
	}
	err = links__add(p->links, 0, link, -1);
	if (err)
		bpf_link__destroy(link);
	return err;
}

static int attach_syscalls(struct probes *p, const struct probes_config *c)
{
	char name[32];
	int err = syscalls_attach(p->skel->obj, p->kernel, p->links, name);

	if (!err)
		return 0;
	if (c->kernel == KERNEL_AUTO && p->kernel == KERNEL_TRACEPOINT) {
		/* The last resort, which was not tried before. */
		log_warn("cannot attach %s: %s: mappings are not seen (see 'heapwatch doctor')",
			 name, strerror(-err));
		p->kernel = KERNEL_NONE;
		return 0;
	}
	log_error("cannot attach %s: %s; try --kernel-probes with another kind, or see "
		  "'heapwatch doctor'",
		  name, strerror(-err));
	return err;
}

/* Without them a heap that grows says nothing of callsites; all else is as it would be. */
static void attach_touches(struct probes *p)
{
	struct bpf_program *prog = p->skel->progs.hw_touch;
	int err = p->kernel != KERNEL_NONE && bpf_program__autoload(prog)
		      ? touches__new(prog, bpf_map__fd(p->skel->maps.hw_faults), &p->touches)
		      : 0;

	if (err)
		log_warn("page faults cannot be counted: %s: of what is allocated without a probe "
			 "on malloc no callsites are told (see 'heapwatch doctor')",
			 strerror(-err));
}

void probes__adjust(struct probes *p)
{
	if (p->touches)
		touches__adjust(p->touches);
}

static int choose(struct probes *p, const struct probes_config *c)
{
	p->returns = seccomp_try_return();
	p->user = c->user == USER_AUTO ? feature_best_user(p->trials) : c->user;
	if (p->user == USER_AUTO) {
		log_error("this kernel takes no uprobe of any kind%s; see 'heapwatch doctor'",
			  feature_user(USER_PERF, NULL) == -EACCES
			      ? " from us: before Linux 6.6 that needs CAP_SYS_ADMIN"
			      : "");
		return -ENOTSUP;
	}
	p->kernel = c->kernel == KERNEL_AUTO ? feature_best_kernel(p->trials) : c->kernel;
	if (c->kernel == KERNEL_AUTO && p->kernel == KERNEL_NONE)
		log_warn("no kernel-side probe works here: mappings are not seen (see 'heapwatch "
			 "doctor')");
	return 0;
}

static int open_skeleton(struct probes *p, const struct probes_config *c, unsigned int touches)
{
	const int multi = p->user == USER_PERF ? 0 : MULTI_ATTACH;

	p->skel = heapwatch_bpf__open();
	if (!p->skel)
		return -errno;
	p->skel->rodata->hw_wake_bytes = c->ring_bytes >= 4 * 65536  ? 65536
					 : c->ring_bytes / 4 >= 1024 ? c->ring_bytes / 4
								     : 1024;
	bpf_map__set_max_entries(p->skel->maps.hw_threads, c->threads);
	bpf_map__set_max_entries(p->skel->maps.hw_procs, c->processes);
	bpf_map__set_max_entries(p->skel->maps.hw_spaces, c->processes);
	if (p->user == USER_SESSION) {
		want(p, "hw_session", MULTI_ATTACH_SESSION);
	} else {
		want(p, "hw_entry", multi);
		want(p, "hw_return", multi);
	}
	want(p, "hw_frees", multi);
	if (c->large)
		want(p, "hw_large", multi);
	if (p->user != USER_PERF)
		want(p, "hw_pass", multi);
	want(p, "hw_set_level", 0);
	syscalls_want(p->skel->obj, p->kernel);
	if (touches) {
		want(p, "hw_touch", 0);
		p->skel->rodata->hw_touch_rate = touches;
		p->skel->rodata->hw_page = (unsigned int)sysconf(_SC_PAGESIZE);
	}
	return bpf_map__reuse_fd(p->skel->maps.hw_rings, rings__map(p->rings));
}

static int load(struct probes *p, const struct probes_config *c)
{
	const unsigned int touches = p->kernel == KERNEL_NONE ? 0 : c->touches;
	int err = open_skeleton(p, c, touches);

	if (!err)
		err = heapwatch_bpf__load(p->skel);
	/* Before 6.1 a perf event's program takes no hash that is not made whole at once
	 * ("perf_event programs can only use preallocated hash map", 96da3f7d489d): the others do
	 * without it. */
	if (err == -EINVAL && touches) {
		heapwatch_bpf__destroy(p->skel);
		err = open_skeleton(p, c, 0);
		if (!err)
			err = heapwatch_bpf__load(p->skel);
		if (!err)
			log_warn("this kernel takes no program on page faults: of what is "
				 "allocated without a probe on malloc no callsites are told");
	}
	if (err)
		log_error("the kernel refuses the BPF programs: %s; -v shows its reasons, "
			  "'heapwatch doctor' what is missing",
			  strerror(-err));
	return err;
}

static void *close_trials(void *trials)
{
	links__free(trials);
	return NULL;
}

int probes__new(const struct probes_config *config, struct probes **out)
{
	static const char *const life[] = {"hw_fork", "hw_exec", "hw_exit"};
	struct probes *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	libbpf_set_print(print_libbpf);
	p->links = links__new();
	p->trials = links__new();
	err = p->links && p->trials ? choose(p, config) : -ENOMEM;
	if (!err)
		err = rings__new(config->ring_bytes, config->rings, &p->rings);
	if (!err)
		err = load(p, config);
	if (!err) {
		p->attach = attach__new(p->skel, p->user);
		err = p->attach ? 0 : -ENOMEM;
	}
	/* A perf event's consumer says of a process other than its own that its breakpoint may go.
	 */
	if (!err && p->user != USER_PERF) {
		p->sweeper = sweeper__new(p->attach);
		err = p->sweeper ? 0 : -ENOMEM;
	}
	if (!err)
		err = rings__open(p->rings);
	for (size_t i = 0; i < sizeof(life) / sizeof(*life) && !err; i++)
		err = attach_named(p, life[i]);
	if (!err)
		err = attach_syscalls(p, config);
	if (!err)
		attach_touches(p);
	if (!err)
		err = -pthread_create(&p->closer, NULL, close_trials, p->trials);
	if (err) {
		probes__free(p);
		return err;
	}
	p->closing = true;
	*out = p;
	return 0;
}

void probes__settle(struct probes *p)
{
	if (p->closing)
		pthread_join(p->closer, NULL);
	else
		links__free(p->trials);
	p->closing = false;
	p->trials = NULL;
}

void probes__free(struct probes *p)
{
	if (!p)
		return;
	probes__settle(p);
	sweeper__free(p->sweeper);
	touches__free(p->touches);
	attach__free(p->attach);
	links__free(p->links);
	rings__free(p->rings);
	heapwatch_bpf__destroy(p->skel);
	free(p);
}

int probes__returns(const struct probes *p)
{
	return p->returns;
}

enum user_kind probes__user(const struct probes *p)
{
	return p->user;
}

enum kernel_kind probes__kernel(const struct probes *p)
{
	return p->kernel;
}

int probes__attach(struct probes *p, pid_t pid, const char *path, const struct target *target)
{
	int err = attach__add(p->attach, pid, path, target);

	if (err && err != -ESRCH && err != -ENOENT)
		log_error(
		    "cannot put probes on %s in process %d: %s; try --user-probes with another "
		    "kind, or see 'heapwatch doctor'",
		    target->allocator, pid, strerror(-err));
	return err;
}

void probes__detach(struct probes *p, pid_t pid)
{
	unsigned int key = (unsigned int)pid;

	attach__drop(p->attach, pid);
	bpf_map_delete_elem(bpf_map__fd(p->skel->maps.hw_procs), &key);
}

void probes__leave(struct probes *p)
{
	/* These first, which all of the machine meets: the kernel has one lock for all perf events
	 * that go, and is held up by the others. */
	probes__settle(p);
	touches__free(p->touches);
	p->touches = NULL;
	links__free(p->links);
	p->links = NULL;
	attach__leave(p->attach);
}

void probes__forget(struct probes *p, pid_t pid)
{
	struct hw_proc now;

	links__drop(p->links, pid);
	if (!probes__counters(p, pid, &now) && (now.flags & HW_PROC_GONE))
		probes__detach(p, pid);
}

int probes__switch(struct probes *p, pid_t pid, unsigned int sets)
{
	return attach__switch(p->attach, pid, sets);
}

struct sweeper *probes__sweeper(struct probes *p)
{
	return p->sweeper;
}

bool probes__has_large(struct probes *p, pid_t pid)
{
	return attach__has_large(p->attach, pid);
}

bool probes__has_requests(struct probes *p, pid_t pid)
{
	return attach__has_requests(p->attach, pid);
}

int probes__prove(struct probes *p, const struct behind *behind)
{
	return attach__prove(p->attach, behind);
}

void probes__spoil(struct probes *p, pid_t pid)
{
	attach__spoil(p->attach, pid);
}

void probes__mapped(struct probes *p, const char *path)
{
	attach__mapped(p->attach, path);
}

struct probes_unwind probes__unwind(const struct probes *p)
{
	return (struct probes_unwind){.rows_fd = bpf_map__fd(p->skel->maps.hw_rows),
				      .spaces_fd = bpf_map__fd(p->skel->maps.hw_spaces)};
}

int probes__epoll_fd(const struct probes *p)
{
	return rings__epoll_fd(p->rings);
}

int probes__drain(struct probes *p, probes_event_fn fn, void *arg)
{
	return rings__drain(p->rings, fn, arg);
}
