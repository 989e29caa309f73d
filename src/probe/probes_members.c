// SPDX-License-Identifier: GPL-2.0
/* probes_members.c: who is watched, as the kernel's side has it. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "heapwatch.skel.h"
#include "probe/probes.h"
#include "probe/probes_parts.h"

int probes__arm(struct probes *p, pid_t pid, unsigned int ring, int follow)
{
	struct hw_proc proc = {.ring = ring, .flags = follow ? HW_PROC_FOLLOW : 0};
	unsigned int key = (unsigned int)pid;
	int fd = bpf_map__fd(p->skel->maps.hw_procs);

	if (!bpf_map_update_elem(fd, &key, &proc, BPF_ANY))
		return 0;
	log_error("cannot watch process %d: %s", pid, strerror(errno));
	return -errno;
}

int probes__counters(const struct probes *p, pid_t pid, struct hw_proc *out)
{
	unsigned int key = (unsigned int)pid;

	return bpf_map_lookup_elem(bpf_map__fd(p->skel->maps.hw_procs), &key, out) ? -errno : 0;
}

/* By the map's buckets, as the kernel's htab_map_lookup_batch() goes: stepping from key to key
 * starts over where the last one was deleted, and would count others twice. */
int probes__each(const struct probes *p, probes_member_fn fn, void *arg)
{
	struct batch {
		unsigned int key[128];
		struct hw_proc proc[128];
	} *b = malloc(sizeof(*b));
	unsigned int token, n;
	bool first = true;
	int err = b ? 0 : -ENOMEM, end = 0;

	while (!err && !end) {
		n = 128;
		end =
		    bpf_map_lookup_batch(bpf_map__fd(p->skel->maps.hw_procs), first ? NULL : &token,
					 &token, b->key, b->proc, &n, NULL);
		first = false;
		if (end && end != -ENOENT)
			err = end;
		for (unsigned int i = 0; i < n && !err; i++)
			if (!(b->proc[i].flags & HW_PROC_GONE))
				err = fn(arg, (pid_t)b->key[i], &b->proc[i]);
	}
	free(b);
	return err;
}

int probes__gone(const struct probes *p, struct hw_gone *out)
{
	unsigned int zero = 0;

	return bpf_map_lookup_elem(bpf_map__fd(p->skel->maps.hw_gone), &zero, out) ? -errno : 0;
}

void probes__window(struct probes *p, bool opened)
{
	if (opened)
		__atomic_add_fetch(&p->skel->bss->hw_windows, 1, __ATOMIC_RELAXED);
	else
		__atomic_sub_fetch(&p->skel->bss->hw_windows, 1, __ATOMIC_RELAXED);
}

int probes__level(struct probes *p, pid_t pid, const struct probes_level *level)
{
	/* struct hw_level_call in bpf/large.bpf.c */
	struct {
		uint32_t tgid;
		uint16_t seen, window;
		uint32_t weight, turn;
		uint16_t muted, requests;
	} call = {(uint32_t)pid, (uint16_t)level->seen, level->window,	level->weight,
		  level->turn,	 level->muted,		level->requests};
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &call, .ctx_size_in = sizeof(call));
	int err = bpf_prog_test_run_opts(bpf_program__fd(p->skel->progs.hw_set_level), &opts);

	return err ? -errno : opts.retval ? -ENOENT : 0;
}
