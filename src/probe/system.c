// SPDX-License-Identifier: GPL-2.0
#include "probe/system.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "probe/feature.h"
#include "system.skel.h"

/* Entries read with one system call. */
#define BATCH 1024

struct system {
	struct system_bpf *skel;
	enum kernel_kind kind;
	struct bpf_link *links[8];
	size_t nlinks;
	struct system_process *processes;
	struct system_site *sites;
	/* Room for a batch of either map. */
	struct hw_site_key *keys;
	struct hw_site *values;
};

static const char *const calls[] = {"mmap", "munmap", "mremap", "brk"};

static struct bpf_program *program(const struct system *s, size_t i)
{
	static const char letter[KERNEL_KINDS] = {
	    [KERNEL_FENTRY] = 'f', [KERNEL_KPROBE] = 'k', [KERNEL_TRACEPOINT] = 't'};
	char name[32];

	snprintf(name, sizeof(name), "hw_s%c_%s", letter[s->kind], calls[i]);
	return bpf_object__find_program_by_name(s->skel->obj, name);
}

static int attach(struct system *s, struct bpf_program *p)
{
	struct bpf_link *link = bpf_program__attach(p);
	int err = libbpf_get_error(link);

	if (!err)
		s->links[s->nlinks++] = link;
	return err;
}

static int start(struct system *s)
{
	int err;

	s->skel = system_bpf__open();
	if (!s->skel)
		return -errno;
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		bpf_program__set_autoload(program(s, i), true);
	err = system_bpf__load(s->skel);
	/* Ends first: an entry that was made is taken away again. */
	if (!err)
		err = attach(s, s->skel->progs.hw_sys_exit);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls) && !err; i++)
		err = attach(s, program(s, i));
	return err;
}

int system__new(enum kernel_kind kind, struct system **out, const char **why)
{
	struct system *s;
	int err;

	*why = "";
	if (geteuid()) {
		*why = "needs root";
		return -EPERM;
	}
	if (!feature_btf()) {
		*why = "this kernel has no BTF";
		return -ENOTSUP;
	}
	if (!feature_initial_pidns()) {
		*why = "not in the initial pid namespace";
		return -ENOTSUP;
	}
	/* What the trials of kinds and libbpf itself would say is told by *why. */
	libbpf_set_print(NULL);
	if (kind == KERNEL_AUTO)
		kind = feature_best_kernel(NULL);
	if (kind == KERNEL_NONE) {
		*why = "no kernel-side probe works here, see 'heapwatch doctor'";
		return -ENOTSUP;
	}
	s = calloc(1, sizeof(*s));
	if (s) {
		s->kind = kind;
		s->keys = calloc(BATCH, sizeof(*s->keys));
		s->values = calloc(BATCH, sizeof(*s->values));
	}
	err = s && s->keys && s->values ? start(s) : -ENOMEM;
	if (err) {
		*why = "the kernel refuses the programs, see 'heapwatch doctor'";
		system__free(s);
		return err;
	}
	*out = s;
	return 0;
}

void system__free(struct system *s)
{
	if (!s)
		return;
	while (s->nlinks)
		bpf_link__destroy(s->links[--s->nlinks]);
	system_bpf__destroy(s->skel);
	free(s->processes);
	free(s->sites);
	free(s->keys);
	free(s->values);
	free(s);
}

enum kernel_kind system__kind(const struct system *s)
{
	return s->kind;
}

/*
 * Hand each entry of a hash to fn.  Entries that come and go meanwhile are shown or not; none is
 * shown twice (a bucket is copied under its lock).
 */
static int each(struct system *s, int fd, void *keys, void *values,
		int (*fn)(struct system *s, uint32_t i, void *arg), void *arg)
{
	__u32 at = 0, n;
	void *from = NULL;
	int err, end = 0;

	while (!end) {
		n = BATCH;
		err = bpf_map_lookup_batch(fd, from, &at, keys, values, &n, NULL);
		/* The last batch is told by -ENOENT, with what is in it. */
		if (err && errno != ENOENT)
			return -errno;
		end = err;
		for (__u32 i = 0; i < n; i++) {
			err = fn(s, i, arg);
			if (err)
				return err;
		}
		from = &at;
	}
	return 0;
}

struct taking {
	uint32_t pid, exec;
	size_t n, room;
};

static void *grow(void *v, size_t size, struct taking *t)
{
	size_t room = t->room ? 2 * t->room : 256;
	void *more = reallocarray(v, room, size);

	if (more)
		t->room = room;
	return more;
}

static int take_process(struct system *s, uint32_t i, void *arg)
{
	const struct hw_system *values = (const void *)s->values;
	const uint32_t *keys = (const void *)s->keys;
	struct taking *t = arg;

	if (t->n == t->room) {
		void *more = grow(s->processes, sizeof(*s->processes), t);

		if (!more)
			return -ENOMEM;
		s->processes = more;
	}
	s->processes[t->n++] = (struct system_process){.pid = keys[i], .figures = values[i]};
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	const struct system_process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

_Static_assert(sizeof(struct hw_system) <= sizeof(struct hw_site), "values[] holds either");

int system__read(struct system *s, const struct system_process **out, size_t *n)
{
	struct taking t = {0};
	int err;

	free(s->processes);
	s->processes = NULL;
	err = each(s, bpf_map__fd(s->skel->maps.hw_system), s->keys, s->values, take_process, &t);
	if (err)
		return err;
	if (t.n)
		qsort(s->processes, t.n, sizeof(*s->processes), by_pid);
	*out = s->processes;
	*n = t.n;
	return 0;
}

static int take_site(struct system *s, uint32_t i, void *arg)
{
	struct taking *t = arg;

	if (s->keys[i].tgid != t->pid || s->keys[i].exec != t->exec)
		return 0;
	if (t->n == t->room) {
		void *more = grow(s->sites, sizeof(*s->sites), t);

		if (!more)
			return -ENOMEM;
		s->sites = more;
	}
	s->sites[t->n++] = (struct system_site){.site = s->keys[i].site, .figures = s->values[i]};
	return 0;
}

static int by_bytes(const void *a, const void *b)
{
	const struct system_site *x = a, *y = b;

	return (x->figures.bytes < y->figures.bytes) - (x->figures.bytes > y->figures.bytes);
}

static int exec_of(const struct system *s, uint32_t pid, uint32_t *exec)
{
	struct hw_system p;

	if (bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.hw_system), &pid, &p))
		return -errno;
	*exec = p.exec;
	return 0;
}

int system__sites(struct system *s, uint32_t pid, const struct system_site **out, size_t *n)
{
	struct taking t = {.pid = pid};
	int err;

	free(s->sites);
	s->sites = NULL;
	*n = 0;
	/* Nothing was mapped since the start. */
	if (exec_of(s, pid, &t.exec))
		return 0;
	err = each(s, bpf_map__fd(s->skel->maps.hw_sites), s->keys, s->values, take_site, &t);
	if (err)
		return err;
	if (t.n)
		qsort(s->sites, t.n, sizeof(*s->sites), by_bytes);
	*out = s->sites;
	*n = t.n;
	return 0;
}

int system__site(struct system *s, uint32_t pid, uint64_t site, struct hw_site *out)
{
	struct hw_site_key key = {.site = site, .tgid = pid};
	int err = exec_of(s, pid, &key.exec);

	if (!err && bpf_map_lookup_elem(bpf_map__fd(s->skel->maps.hw_sites), &key, out))
		err = -errno;
	return err;
}
