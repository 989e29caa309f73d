// SPDX-License-Identifier: GPL-2.0
#include "probe/multi.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/apart.h"

#define MULTI_RETURN 1u /* BPF_F_UPROBE_MULTI_RETURN */

struct multi_attr {
	uint32_t prog_fd;
	uint32_t target_fd;
	uint32_t attach_type;
	uint32_t flags;
	uint64_t path;
	uint64_t offsets;
	uint64_t ref_ctr_offsets;
	uint64_t cookies;
	uint32_t cnt;
	uint32_t multi_flags;
	uint32_t pid;
	uint32_t pad;
};

_Static_assert(offsetof(struct multi_attr, path) == 16 && sizeof(struct multi_attr) == 64,
	       "as union bpf_attr's link_create.uprobe_multi");

struct call {
	struct multi_attr attr;
	int result;
};

static void create(void *call)
{
	struct call *c = call;
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &c->attr, sizeof(c->attr));

	c->result = fd < 0 ? -errno : (int)fd;
}

int multi_attach(const struct multi_spec *spec)
{
	struct call call;
	struct multi_attr *attr = &call.attr;

	memset(&call, 0, sizeof(call));
	attr->prog_fd = (uint32_t)spec->prog_fd;
	attr->attach_type = (uint32_t)spec->attach_type;
	attr->path = (uintptr_t)spec->path;
	attr->offsets = (uintptr_t)spec->offsets;
	attr->cookies = (uintptr_t)spec->cookies;
	attr->cnt = (uint32_t)spec->n;
	attr->multi_flags = spec->on_return ? MULTI_RETURN : 0;
	attr->pid = (uint32_t)spec->pid;
	/* Of many probes: what is on already has to be taken away where another fails. */
	apart(create, &call, sizeof(call), 1);
	return call.result;
}
