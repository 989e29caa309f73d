// SPDX-License-Identifier: GPL-2.0
#include "probe/trial.h"

#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "probe/links.h"
#include "probe/multi.h"
#include "probe/put.h"
#include "probe/target.h"
#include "trial.skel.h"

#define SECOND	 1000000000ull
#define HITS_MAX 120000

struct hits {
	size_t n;
	struct hw_trial_hit at[HITS_MAX];
};

struct trial {
	const char *path;
	const struct candidates *candidates;
	struct trial_bpf *skel;
	struct ring_buffer *ring;
	struct links *links;
	struct trial_log *log;
	int log_fd, self, his; /* a pair of sockets */
	pid_t pid;
	struct hits *hits;
};

int trial_libc(char *path, size_t len, char build_id[41])
{
	struct target *t;
	Dl_info where;
	int fd, err;

#ifndef __x86_64__
	return -ENOTSUP;
#endif
	if (!dladdr((void *)gnu_get_libc_version, &where) || !where.dli_fname ||
	    !strstr(where.dli_fname, "libc.so") || strlen(where.dli_fname) >= len)
		return -ENOTSUP;
	strcpy(path, where.dli_fname);
	t = malloc(sizeof(*t));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	err = !t ? -ENOMEM : fd < 0 ? -errno : target_read(fd, path, t);
	if (fd >= 0)
		close(fd);
	if (!err && (!t->has_malloc || strncmp(t->allocator, "glibc", 5) || !t->build_id[0]))
		err = -ENOTSUP;
	if (!err)
		strcpy(build_id, t->build_id);
	free(t);
	return err;
}

static int take_hit(void *arg, void *data, size_t len)
{
	struct hits *hits = arg;

	if (len < sizeof(struct hw_trial_hit) || hits->n == HITS_MAX)
		return -ENOSPC;
	memcpy(&hits->at[hits->n++], data, sizeof(struct hw_trial_hit));
	return 0;
}

static int load(struct trial *t, enum user_kind kind)
{
	int err;

	t->skel = trial_bpf__open();
	if (!t->skel)
		return -errno;
	bpf_program__set_autoload(t->skel->progs.hw_trial, true);
	if (kind != USER_PERF)
		bpf_program__set_expected_attach_type(t->skel->progs.hw_trial,
						      (enum bpf_attach_type)MULTI_ATTACH);
	err = trial_bpf__load(t->skel);
	if (err)
		return err;
	t->ring =
	    ring_buffer__new(bpf_map__fd(t->skel->maps.hw_hits_ring), take_hit, t->hits, NULL);
	return t->ring ? 0 : -errno;
}

/* With an empty environment: nothing of ours is to change how it allocates. */
static int start(struct trial *t)
{
	char *const argv[] = {"heapwatch", "trial", NULL}, *const env[] = {NULL};
	posix_spawn_file_actions_t acts;
	struct pollfd poll_self;
	int pair[2], err;
	char byte;

	t->log_fd = memfd_create("heapwatch-trial", MFD_CLOEXEC);
	if (t->log_fd < 0 || ftruncate(t->log_fd, sizeof(*t->log)) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	t->self = pair[0];
	t->his = pair[1];
	t->log = mmap(NULL, sizeof(*t->log), PROT_READ, MAP_SHARED, t->log_fd, 0);
	if (t->log == MAP_FAILED) {
		t->log = NULL;
		return -errno;
	}
	posix_spawn_file_actions_init(&acts);
	/* In two steps: either may stand where the other is to be. */
	err = posix_spawn_file_actions_adddup2(&acts, t->log_fd, TRIAL_SELF_FD + 1);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&acts, t->his, TRIAL_SELF_FD);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&acts, TRIAL_SELF_FD + 1, TRIAL_LOG_FD);
	if (!err)
		err = posix_spawn(&t->pid, "/proc/self/exe", &acts, NULL, argv, env);
	posix_spawn_file_actions_destroy(&acts);
	if (err) {
		t->pid = 0;
		return -err;
	}
	close(t->his);
	t->his = -1;
	poll_self = (struct pollfd){.fd = t->self, .events = POLLIN};
	if (poll(&poll_self, 1, 5000) != 1 || read(t->self, &byte, 1) != 1)
		return -ENODATA;
	return 0;
}

static int attach(struct trial *t, enum user_kind kind)
{
	const struct put_file where = {.kind = kind, .pid = t->pid, .path = t->path};
	uint64_t offsets[CANDIDATES_MAX], cookies[CANDIDATES_MAX];
	const struct put_at at = {t->candidates->n, offsets, cookies};

	for (size_t i = 0; i < at.n; i++) {
		offsets[i] = t->candidates->at[i].offset;
		cookies[i] = i;
	}
	return put_program(&where, t->links, t->skel->progs.hw_trial, PUT_ENTRY, &at);
}

/* Let it go and take in what it comes by, until it has ended. */
static int watch(struct trial *t)
{
	uint64_t end = clock_now_ns() + 10 * SECOND;
	int status = 0, err = 0;
	char byte = 0;

	if (write(t->self, &byte, 1) != 1)
		return -ENODATA;
	while (err >= 0 && clock_now_ns() < end && !waitpid(t->pid, &status, WNOHANG))
		err = ring_buffer__poll(t->ring, 2);
	if (err >= 0 && clock_now_ns() < end) {
		t->pid = 0;
		err = ring_buffer__consume(t->ring);
	}
	if (err < 0)
		return err;
	if (t->pid || !WIFEXITED(status) || WEXITSTATUS(status) || !t->log->done)
		return -ENODATA;
	return t->skel->bss->hw_missed ? -ENOSPC : 0;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void end(struct trial *t)
{
	if (t->pid > 0) {
		kill(t->pid, SIGKILL);
		waitpid(t->pid, NULL, 0);
	}
	links__free(t->links);
	ring_buffer__free(t->ring);
	trial_bpf__destroy(t->skel);
	if (t->log)
		munmap(t->log, sizeof(*t->log));
	close_if_open(t->log_fd);
	close_if_open(t->self);
	close_if_open(t->his);
	free(t->hits);
	free(t);
}

int trial_run(enum user_kind kind, const char *path, const struct candidates *c, struct behind *out)
{
	struct trial *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	t->path = path;
	t->candidates = c;
	t->log_fd = t->self = t->his = -1;
	t->links = links__new();
	t->hits = malloc(sizeof(*t->hits));
	if (t->hits)
		t->hits->n = 0;
	err = t->links && t->hits ? load(t, kind) : -ENOMEM;
	if (!err)
		err = start(t);
	if (!err)
		err = attach(t, kind);
	if (!err)
		err = watch(t);
	if (!err)
		err = choice_make(t->candidates, t->log->calls, t->log->n, t->hits->at, t->hits->n,
				  out);
	end(t);
	return err;
}
