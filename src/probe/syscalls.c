// SPDX-License-Identifier: GPL-2.0
#include "probe/syscalls.h"

#include <bpf/libbpf.h>
#include <stdio.h>

#include "probe/links.h"

/* Entries first: while only half is attached, an entry without an exit does no harm. */
static const struct {
	char when; /* e: entry, x: exit */
	const char *call;
} programs[] = {
    {'e', "munmap"}, {'e', "mremap"}, {'x', "mmap"},	{'x', "munmap"},
    {'x', "mremap"}, {'x', "brk"},    {'x', "madvise"},
};

#define PROGRAMS (sizeof(programs) / sizeof(*programs))

static struct bpf_program *program(struct bpf_object *obj, enum kernel_kind kind, size_t i,
				   char name[32])
{
	static const char letter[KERNEL_KINDS] = {
	    [KERNEL_FENTRY] = 'f', [KERNEL_KPROBE] = 'k', [KERNEL_TRACEPOINT] = 't'};

	snprintf(name, 32, "hw_%c%c_%s", letter[kind], programs[i].when, programs[i].call);
	return bpf_object__find_program_by_name(obj, name);
}

void syscalls_want(struct bpf_object *obj, enum kernel_kind kind)
{
	char name[32];

	for (size_t i = 0; kind != KERNEL_NONE && i < PROGRAMS; i++)
		bpf_program__set_autoload(program(obj, kind, i, name), true);
}

int syscalls_attach(struct bpf_object *obj, enum kernel_kind kind, struct links *links,
		    char name[32])
{
	int err = 0;

	for (size_t i = 0; kind != KERNEL_NONE && i < PROGRAMS && !err; i++) {
		struct bpf_link *link = bpf_program__attach(program(obj, kind, i, name));

		err = libbpf_get_error(link);
		if (err)
			break;
		err = links__add(links, SYSCALLS_OWNER, link, -1);
		if (err)
			bpf_link__destroy(link);
	}
	if (err)
		links__drop(links, SYSCALLS_OWNER);
	return err;
}
