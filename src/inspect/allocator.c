// SPDX-License-Identifier: GPL-2.0
#include "inspect/allocator.h"

#include <errno.h>
#include <stddef.h>

#include "inspect/mimalloc.h"
#include "inspect/tcmalloc.h"

static int look_tcmalloc(pid_t pid, const struct modules *m, struct allocator_figures *out)
{
	struct tcmalloc_state s;
	struct tcmalloc t;
	int err = tcmalloc_locate(pid, m, &t);

	if (!err)
		err = tcmalloc_read(&t, &s);
	if (!err) {
		out->system = s.system - s.unmapped;
		out->in_use = s.in_use;
		out->steady = s.steady;
	}
	return err;
}

static int look_mimalloc(pid_t pid, const struct modules *m, struct allocator_figures *out)
{
	struct mimalloc_state s;
	struct mimalloc mi;
	int err = mimalloc_locate(pid, m, &mi);

	if (!err)
		err = mimalloc_read(&mi, &s);
	if (!err) {
		/* Read one after the other: a page may have been committed in between. */
		out->system = s.system > s.in_use ? s.system : s.in_use;
		out->in_use = s.in_use;
		out->steady = s.steady;
	}
	mimalloc_release(&mi);
	return err;
}

static const struct row {
	const char *name;
	/* 0, or -ENOENT where it is not this one, or why it cannot be read. */
	int (*look)(pid_t pid, const struct modules *m, struct allocator_figures *out);
} rows[] = {
    {"tcmalloc", look_tcmalloc},
    {"mimalloc", look_mimalloc},
};

int allocator_look(pid_t pid, const struct modules *m, struct allocator_figures *out)
{
	int err = -ENOENT;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows) && err == -ENOENT; i++) {
		*out = (struct allocator_figures){.name = rows[i].name};
		err = rows[i].look(pid, m, out);
	}
	return err;
}
