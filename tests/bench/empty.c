// SPDX-License-Identifier: GPL-2.0
/*
 * empty.c: puts programs that do nothing at the places that heapwatch would choose in process PID:
 * what any observer at these places has to pay.  Says "ready" and holds them to the end of stdin.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "feature.skel.h"
#include "probe/multi.h"
#include "probe/target.h"
#include "inspect/procfs.h"
#include "model/modules.h"

static struct feature_bpf *load(const char *name, int attach_type)
{
	struct feature_bpf *skel = feature_bpf__open();
	struct bpf_program *p;

	if (!skel)
		return NULL;
	p = bpf_object__find_program_by_name(skel->obj, name);
	bpf_program__set_autoload(p, true);
	bpf_program__set_expected_attach_type(p, (enum bpf_attach_type)attach_type);
	return feature_bpf__load(skel) ? NULL : skel;
}

static int attach(pid_t pid, const char *path, const struct target *t, struct feature_bpf *session,
		  struct feature_bpf *entry)
{
	for (size_t i = 0; i < t->nfns; i++) {
		int is_free = t->fns[i].fn == HW_FN_FREE;
		uint64_t offset = t->fns[i].place.offset, cookie = 0;
		struct multi_spec spec = {
		    .prog_fd = bpf_program__fd(is_free ? entry->progs.hw_t_empty
						       : session->progs.hw_t_empty),
		    .attach_type = is_free ? MULTI_ATTACH : MULTI_ATTACH_SESSION,
		    .path = path,
		    .pid = pid,
		    .n = 1,
		    .offsets = &offset,
		    .cookies = &cookie};

		if (multi_attach(&spec) < 0)
			return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	pid_t pid = argc > 1 ? atoi(argv[1]) : 0;
	struct modules *m = modules__new();
	struct feature_bpf *session = load("hw_t_empty", MULTI_ATTACH_SESSION);
	struct feature_bpf *entry = load("hw_t_empty", MULTI_ATTACH);
	static struct target t;
	char path[128], byte;

	if (!m || !session || !entry || procfs_modules(pid, m) < 0) {
		fprintf(stderr, "empty: cannot load session programs or read process %d\n", pid);
		return 1;
	}
	for (size_t i = 0; i < modules__count(m); i++) {
		const struct module *mod = modules__at(m, i);
		int fd;

		if (!mod->exec || !mod->inode)
			continue;
		procfs_mapping_path(path, sizeof(path), pid, mod->start, mod->end);
		fd = procfs_open_mapping(pid, mod->start, mod->end);
		if (fd < 0 || target_read(fd, mod->path, &t) || !t.has_malloc)
			continue;
		if (attach(pid, path, &t, session, entry)) {
			fprintf(stderr, "empty: cannot attach to %s: %s\n", mod->path,
				strerror(errno));
			return 1;
		}
	}
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
