// SPDX-License-Identifier: GPL-2.0
#include "probe/put.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <unistd.h>

#include "heapwatch.skel.h"
#include "probe/links.h"
#include "probe/multi.h"

static int put_multi(const struct put_file *f, struct links *links, struct bpf_program *prog,
		     int type, int on_return, const struct put_at *at)
{
	const struct multi_spec spec = {.prog_fd = bpf_program__fd(prog),
					.attach_type = type,
					.on_return = on_return,
					.path = f->path,
					.pid = f->pid,
					.n = at->n,
					.offsets = at->offset,
					.cookies = at->cookie};
	int fd, err;

	if (!at->n)
		return 0;
	fd = multi_attach(&spec);
	if (fd < 0)
		return fd;
	err = links__add(links, f->pid, NULL, fd);
	if (err)
		close(fd);
	return err;
}

static int put_perf(const struct put_file *f, struct links *links, struct bpf_program *prog,
		    int on_return, const struct put_at *at)
{
	/* Everybody who maps it: -1 here, where 0 is ourselves. */
	pid_t pid = f->pid ? f->pid : -1;

	for (size_t i = 0; i < at->n; i++) {
		DECLARE_LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = on_return,
				    .bpf_cookie = at->cookie[i]);
		struct bpf_link *link =
		    bpf_program__attach_uprobe_opts(prog, pid, f->path, at->offset[i], &opts);
		int err = libbpf_get_error(link);

		if (err)
			return err;
		err = links__add(links, f->pid, link, -1);
		if (err) {
			bpf_link__destroy(link);
			return err;
		}
	}
	return 0;
}

int put_program(const struct put_file *f, struct links *links, struct bpf_program *prog,
		enum put_how how, const struct put_at *at)
{
	if (f->kind == USER_PERF)
		return put_perf(f, links, prog, how == PUT_RETURN, at);
	return put_multi(f, links, prog, how == PUT_SESSION ? MULTI_ATTACH_SESSION : MULTI_ATTACH,
			 how == PUT_RETURN, at);
}

/* Returns before entries: an entry whose return is not seen would stay under way. */
int put(const struct put_file *f, struct links *links, const struct put_at *calls,
	const struct put_at *frees, const struct put_at *behind)
{
	const struct heapwatch_bpf *s = f->skel;
	int err = put_program(f, links, s->progs.hw_large, PUT_ENTRY, behind);

	if (!err)
		err = put_program(f, links, s->progs.hw_frees, PUT_ENTRY, frees);
	if (!err && f->kind == USER_SESSION)
		return put_program(f, links, s->progs.hw_session, PUT_SESSION, calls);
	if (!err)
		err = put_program(f, links, s->progs.hw_return, PUT_RETURN, calls);
	return err ? err : put_program(f, links, s->progs.hw_entry, PUT_ENTRY, calls);
}
