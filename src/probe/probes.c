// SPDX-License-Identifier: GPL-2.0
#include "probe/probes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "heapwatch.skel.h"
#include "probe/feature.h"
#include "probe/links.h"
#include "probe/multi.h"

/* Of 512 rows each: 16 MiB, room for 70 libraries as large as glibc. */
#define ROW_PAGES 4096

struct probes {
	struct heapwatch_bpf *skel;
	struct ring_buffer *rings;
	struct links *links;
	enum user_kind user;
	enum kernel_kind kernel;
	probes_event_fn fn; /* of the drain under way */
	void *fn_arg;
	int drained;
};

/* libbpf's own messages: they name the map or the program that failed. */
static int print_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[512];
	size_t len;

	if (log_get_level() < LOG_DEBUG)
		return 0;
	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), fmt, ap);
	len = strlen(line);
	if (len && line[len - 1] == '\n')
		line[len - 1] = 0;
	log_debug("%s", line);
	return 0;
}

static void want(struct probes *p, const char *name, int attach_type)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(p->skel->obj, name);

	bpf_program__set_autoload(prog, true);
	if (attach_type)
		bpf_program__set_expected_attach_type(prog, (enum bpf_attach_type)attach_type);
}

static const char *const vm_exits[] = {"mmap", "munmap", "mremap", "brk", "madvise"};
static const char *const vm_enters[] = {"munmap", "mremap"};

static void vm_name(char *buf, size_t len, enum kernel_kind kind, int enter, const char *call)
{
	static const char letter[KERNEL_KINDS] = {
	    [KERNEL_FENTRY] = 'f', [KERNEL_KPROBE] = 'k', [KERNEL_TRACEPOINT] = 't'};

	snprintf(buf, len, "hw_%c%c_%s", letter[kind], enter ? 'e' : 'x', call);
}

/* Call fn for each kernel-side program of the kind in use, those at entry first: while only half is
 * attached, an entry without an exit does no harm. */
static int each_vm(struct probes *p, int (*fn)(struct probes *p, const char *name))
{
	char name[32];
	int err = 0;

	if (p->kernel == KERNEL_NONE)
		return 0;
	for (size_t i = 0; i < sizeof(vm_enters) / sizeof(*vm_enters) && !err; i++) {
		vm_name(name, sizeof(name), p->kernel, 1, vm_enters[i]);
		err = fn(p, name);
	}
	for (size_t i = 0; i < sizeof(vm_exits) / sizeof(*vm_exits) && !err; i++) {
		vm_name(name, sizeof(name), p->kernel, 0, vm_exits[i]);
		err = fn(p, name);
	}
	return err;
}

static int want_vm(struct probes *p, const char *name)
{
	want(p, name, 0);
	return 0;
}

static int attach_named(struct probes *p, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(p->skel->obj, name);
	struct bpf_link *link = bpf_program__attach(prog);
	int err = libbpf_get_error(link);

	if (err) {
		log_error("cannot attach %s: %s; try --kernel-probes with another kind, or see "
			  "'heapwatch doctor'",
			  name, strerror(-err));
		return err;
	}
	err = links__add(p->links, 0, link, -1);
	if (err)
		bpf_link__destroy(link);
	return err;
}

static int choose(struct probes *p, const struct probes_config *c)
{
	p->user = c->user == USER_AUTO ? feature_best_user() : c->user;
	if (p->user == USER_AUTO) {
		log_error("this kernel takes no uprobe of any kind; see 'heapwatch doctor'");
		return -ENOTSUP;
	}
	p->kernel = c->kernel == KERNEL_AUTO ? feature_best_kernel() : c->kernel;
	if (c->kernel == KERNEL_AUTO && p->kernel == KERNEL_NONE)
		log_warn("no kernel-side probe works here: mappings are not seen (see 'heapwatch "
			 "doctor')");
	return 0;
}

static int load(struct probes *p, const struct probes_config *c)
{
	int err;

	p->skel = heapwatch_bpf__open();
	if (!p->skel) {
		err = -errno;
		log_error("cannot open the BPF object: %s", strerror(-err));
		return err;
	}
	p->skel->rodata->hw_wake_bytes = c->ring_bytes >= 4 * 65536  ? 65536
					 : c->ring_bytes / 4 >= 1024 ? c->ring_bytes / 4
								     : 1024;
	bpf_map__set_max_entries(p->skel->maps.hw_threads, c->threads);
	bpf_map__set_max_entries(p->skel->maps.hw_procs, c->processes);
	bpf_map__set_max_entries(p->skel->maps.hw_spaces, c->processes);
	bpf_map__set_max_entries(p->skel->maps.hw_rows, ROW_PAGES);
	if (p->user == USER_SESSION)
		want(p, "hw_session", MULTI_ATTACH_SESSION);
	else
		want(p, "hw_return", p->user == USER_MULTI ? MULTI_ATTACH : 0);
	want(p, "hw_entry", p->user == USER_PERF ? 0 : MULTI_ATTACH);
	each_vm(p, want_vm);
	err = heapwatch_bpf__load(p->skel);
	if (err) {
		log_error("the kernel refuses the BPF programs: %s; -v shows its reasons, "
			  "'heapwatch doctor' what is missing",
			  strerror(-err));
		return err;
	}
	return 0;
}

static int on_record(void *arg, void *data, size_t len)
{
	struct probes *p = arg;

	p->drained++;
	/* libbpf stops after this record where we return less than 0. */
	return p->fn(p->fn_arg, data, len) ? -EINTR : 0;
}

static int make_rings(struct probes *p, const struct probes_config *c)
{
	int outer = bpf_map__fd(p->skel->maps.hw_rings), err = 0;

	for (unsigned int i = 0; i < c->rings && !err; i++) {
		int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "hw_ring", 0, 0,
					(unsigned int)c->ring_bytes, NULL);

		if (fd < 0) {
			err = -errno;
			log_error("cannot make a ring buffer of %zu bytes: %s; --ring-size takes a "
				  "power of two of at least a page",
				  c->ring_bytes, strerror(-err));
			return err;
		}
		if (bpf_map_update_elem(outer, &i, &fd, BPF_ANY))
			err = -errno;
		else if (!p->rings) {
			p->rings = ring_buffer__new(fd, on_record, p, NULL);
			err = p->rings ? 0 : -errno;
		} else {
			err = ring_buffer__add(p->rings, fd, on_record, p);
		}
		close(fd); /* the outer map and libbpf's mapping hold it */
		if (err)
			log_error("cannot set up ring %u: %s", i, strerror(-err));
	}
	return err;
}

int probes__new(const struct probes_config *config, struct probes **out)
{
	struct probes *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	libbpf_set_print(print_libbpf);
	p->links = links__new();
	err = p->links ? choose(p, config) : -ENOMEM;
	if (!err)
		err = load(p, config);
	if (!err)
		err = make_rings(p, config);
	if (!err)
		err = attach_named(p, "hw_exec");
	if (!err)
		err = attach_named(p, "hw_exit");
	if (!err)
		err = each_vm(p, attach_named);
	if (err) {
		probes__free(p);
		return err;
	}
	*out = p;
	return 0;
}

void probes__free(struct probes *p)
{
	if (!p)
		return;
	links__free(p->links);
	ring_buffer__free(p->rings);
	heapwatch_bpf__destroy(p->skel);
	free(p);
}

enum user_kind probes__user(const struct probes *p)
{
	return p->user;
}

enum kernel_kind probes__kernel(const struct probes *p)
{
	return p->kernel;
}

static int attach_multi(struct probes *p, struct multi_spec *spec, pid_t pid)
{
	int fd, err;

	if (!spec->n)
		return 0;
	fd = multi_attach(spec);
	if (fd < 0)
		return fd;
	err = links__add(p->links, pid, NULL, fd);
	if (err)
		close(fd);
	return err;
}

static int attach_perf(struct probes *p, pid_t pid, const char *path, const struct target_fn *fn,
		       int on_return)
{
	DECLARE_LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = on_return, .bpf_cookie = fn->fn);
	struct bpf_program *prog = on_return ? p->skel->progs.hw_return : p->skel->progs.hw_entry;
	struct bpf_link *link =
	    bpf_program__attach_uprobe_opts(prog, pid, path, fn->place.offset, &opts);
	int err = libbpf_get_error(link);

	if (err)
		return err;
	err = links__add(p->links, pid, link, -1);
	if (err)
		bpf_link__destroy(link);
	return err;
}

static int attach_all_perf(struct probes *p, pid_t pid, const char *path, const struct target *t)
{
	int err = 0;

	for (size_t i = 0; i < t->nfns && !err; i++) {
		if (t->fns[i].fn != HW_FN_FREE)
			err = attach_perf(p, pid, path, &t->fns[i], 1);
		if (!err)
			err = attach_perf(p, pid, path, &t->fns[i], 0);
	}
	return err;
}

/* A session's program serves entry and return; who needs no return gets the plain entry program. */
static int attach_all_multi(struct probes *p, pid_t pid, const char *path, const struct target *t)
{
	uint64_t off[2][TARGET_MAX_FNS], cookie[2][TARGET_MAX_FNS];
	size_t n[2] = {0, 0};
	int session = p->user == USER_SESSION, err;

	for (size_t i = 0; i < t->nfns; i++) {
		int k = t->fns[i].fn != HW_FN_FREE;

		off[k][n[k]] = t->fns[i].place.offset;
		cookie[k][n[k]++] = t->fns[i].fn;
	}
	struct multi_spec frees = {.prog_fd = bpf_program__fd(p->skel->progs.hw_entry),
				   .attach_type = MULTI_ATTACH,
				   .path = path,
				   .pid = pid,
				   .n = n[0],
				   .offsets = off[0],
				   .cookies = cookie[0]};
	struct multi_spec allocs = frees, returns;

	allocs.n = n[1];
	allocs.offsets = off[1];
	allocs.cookies = cookie[1];
	returns = allocs;
	if (session) {
		allocs.prog_fd = bpf_program__fd(p->skel->progs.hw_session);
		allocs.attach_type = MULTI_ATTACH_SESSION;
		returns.n = 0;
	} else {
		returns.prog_fd = bpf_program__fd(p->skel->progs.hw_return);
		returns.on_return = 1;
	}
	err = attach_multi(p, &frees, pid);
	if (!err)
		err = attach_multi(p, &returns, pid);
	if (!err)
		err = attach_multi(p, &allocs, pid);
	return err;
}

int probes__attach(struct probes *p, pid_t pid, const char *path, const struct target *target)
{
	int err;

	if (p->user == USER_PERF)
		err = attach_all_perf(p, pid, path, target);
	else
		err = attach_all_multi(p, pid, path, target);
	if (err && err != -ESRCH)
		log_error(
		    "cannot put probes on %s in process %d: %s; try --user-probes with another "
		    "kind, or see 'heapwatch doctor'",
		    target->allocator, pid, strerror(-err));
	return err;
}

int probes__arm(struct probes *p, pid_t pid, unsigned int ring)
{
	struct hw_proc proc = {.ring = ring};
	unsigned int key = (unsigned int)pid;
	int fd = bpf_map__fd(p->skel->maps.hw_procs);

	if (!bpf_map_update_elem(fd, &key, &proc, BPF_ANY))
		return 0;
	log_error("cannot watch process %d: %s", pid, strerror(errno));
	return -errno;
}

void probes__detach(struct probes *p, pid_t pid)
{
	unsigned int key = (unsigned int)pid;

	links__drop(p->links, pid);
	bpf_map_delete_elem(bpf_map__fd(p->skel->maps.hw_procs), &key);
}

int probes__counters(const struct probes *p, pid_t pid, struct hw_proc *out)
{
	unsigned int key = (unsigned int)pid;

	return bpf_map_lookup_elem(bpf_map__fd(p->skel->maps.hw_procs), &key, out) ? -errno : 0;
}

struct probes_unwind probes__unwind(const struct probes *p)
{
	return (struct probes_unwind){.rows_fd = bpf_map__fd(p->skel->maps.hw_rows),
				      .spaces_fd = bpf_map__fd(p->skel->maps.hw_spaces),
				      .pages = ROW_PAGES};
}

int probes__epoll_fd(const struct probes *p)
{
	return ring_buffer__epoll_fd(p->rings);
}

int probes__drain(struct probes *p, probes_event_fn fn, void *arg)
{
	int err;

	p->fn = fn;
	p->fn_arg = arg;
	p->drained = 0;
	err = ring_buffer__consume(p->rings);
	return err < 0 && err != -EINTR ? err : p->drained;
}
