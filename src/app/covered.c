// SPDX-License-Identifier: GPL-2.0
#include "app/covered.h"

#include <errno.h>
#include <stdio.h>

int covered_add(struct covered *c, uint64_t dev, uint64_t inode, const char *allocator,
		bool replaces)
{
	struct covered_file *f = &c->file[c->n];

	if (c->n == COVERED_MAX)
		return -ENOSPC;
	*f = (struct covered_file){.dev = dev, .inode = inode, .replaces = replaces};
	snprintf(f->allocator, sizeof(f->allocator), "%s", allocator);
	c->n++;
	return 0;
}

const struct covered_file *covered_find(const struct covered *c, uint64_t dev, uint64_t inode)
{
	for (size_t i = 0; c && i < c->n; i++)
		if (c->file[i].dev == dev && c->file[i].inode == inode)
			return &c->file[i];
	return NULL;
}
