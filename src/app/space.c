// SPDX-License-Identifier: GPL-2.0
#include "app/space.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/modules.h"
#include "unwind/tables.h"

/* A JIT compiler has its code in many small mappings, with others in between: they are one range as
 * far as no file's code lies among them, or the ranges would not suffice. */
#define JIT_GAP (1ull << 30)

/* "[anon:...]" is what a program calls its own memory. */
static bool is_generated(const struct module *m)
{
	return m->exec && !m->inode && (!m->path[0] || !strncmp(m->path, "[anon", 5));
}

static size_t add_generated(struct tables_range *ranges, size_t n, const struct module *m)
{
	if (n && !ranges[n - 1].inode && m->start - ranges[n - 1].end < JIT_GAP) {
		ranges[n - 1].end = m->end;
		return n;
	}
	ranges[n] = (struct tables_range){.start = m->start, .end = m->end};
	return n + 1;
}

int space_load(struct tables *t, pid_t pid, const struct modules *modules)
{
	size_t n = 0, all = modules__count(modules);
	struct tables_range *ranges = calloc(all + 1, sizeof(*ranges));
	int err;

	if (!ranges)
		return -ENOMEM;
	for (size_t i = 0; i < all; i++) {
		const struct module *m = modules__at(modules, i);

		if (is_generated(m))
			n = add_generated(ranges, n, m);
		else if (m->exec && m->inode)
			ranges[n++] = (struct tables_range){.start = m->start,
							    .end = m->end,
							    .offset = m->offset,
							    .dev = modules_dev(m),
							    .inode = m->inode};
	}
	err = tables__load(t, pid, ranges, n);
	free(ranges);
	return err;
}
