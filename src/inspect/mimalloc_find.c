// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/allocator_file.h"
#include "inspect/mimalloc.h"
#include "inspect/mimalloc_layout.h"
#include "inspect/procfs.h"
#include "model/modules.h"

/* Of a file's initialised data: more is not looked through. */
#define DATA_MOST (64ull << 20)
#define WINDOW	  (256u << 10)

uint64_t mi_bin_size(unsigned int bin)
{
	uint64_t words = bin;

	if (!bin)
		words = 1;
	else if (bin >= MI_BINS - 2)
		words = 16384 + bin - (MI_BINS - 3);
	else if (bin > 8)
		words = (uint64_t)(5 + (bin - 9) % 4) << ((bin - 9) / 4 + 1);
	return words * 8;
}

static int fits(const unsigned char *at)
{
	struct mi_heap h;

	memcpy(&h, at, sizeof(h));
	for (unsigned int b = 0; b < MI_BINS; b++)
		if (h.bins[b].block_size != mi_bin_size(b))
			return 0;
	return 1;
}

int mimalloc_find(const struct memory *m, const struct allocator_range *r, uint64_t *heap_main)
{
	unsigned char *buf = malloc(WINDOW);
	unsigned int found = 0;
	uint64_t cookie = 0, end = r->end;
	int err = buf ? 0 : -ENOMEM;

	if (end - r->start > DATA_MOST)
		end = r->start + DATA_MOST;
	for (uint64_t at = r->start; !err && end - at >= sizeof(struct mi_heap);) {
		uint64_t n = end - at < WINDOW ? end - at : WINDOW;

		err = memory_read(m, at, buf, n);
		for (uint64_t i = 0; !err && i + sizeof(struct mi_heap) <= n; i += 8) {
			if (!fits(buf + i))
				continue;
			*heap_main = at + i;
			memcpy(&cookie, buf + i + offsetof(struct mi_heap, cookie), sizeof(cookie));
			found++;
		}
		if (n < WINDOW)
			break;
		/* One that is cut by the window's end is whole in the next. */
		at += WINDOW - sizeof(struct mi_heap);
		at = (at + 7) & ~7ull;
	}
	free(buf);
	if (err)
		return err;
	return !found ? -ENOENT : found > 1 || !cookie ? -ENODATA : 0;
}

static int find_main(pid_t pid, const struct modules *m, struct mimalloc *out)
{
	char exe[PATH_MAX] = "";
	int err = -ENOENT;

	if (procfs_exe(pid, exe, sizeof(exe)) < 0)
		exe[0] = 0;
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < modules__count(m); i++) {
			const struct module *x = modules__at(m, i);
			struct allocator_range r = {x->start, x->end};

			if (!x->inode || !x->write || x->shared ||
			    !(pass ? !strcmp(x->path, exe) : allocator_file_is(x, "libmimalloc")))
				continue;
			err = mimalloc_find(&out->mem, &r, &out->heap_main);
			if (err != -ENOENT)
				return err;
		}
	return err;
}

int mimalloc_locate(pid_t pid, const struct modules *m, struct mimalloc *out)
{
	*out = (struct mimalloc){.mem = memory_of(pid)};
	return find_main(pid, m, out);
}

int mimalloc_survey(struct mimalloc *mi, const struct modules *m)
{
	int err = 0;

	mimalloc_release(mi);
	for (size_t i = 0; i < modules__count(m) && !err; i++) {
		const struct module *x = modules__at(m, i);

		if (!x->inode && x->read && x->write && !x->shared && !x->path[0])
			err = allocator_ranges_add(&mi->ranges, x->start, x->end);
	}
	return err;
}

void mimalloc_release(struct mimalloc *m)
{
	allocator_ranges_free(&m->ranges);
}
