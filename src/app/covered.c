// SPDX-License-Identifier: GPL-2.0
#include "app/covered.h"

#include <errno.h>

int covered_add(struct covered *c, const struct covered_file *f)
{
	if (c->n == COVERED_MAX)
		return -ENOSPC;
	c->file[c->n++] = *f;
	return 0;
}

const struct covered_file *covered_find(const struct covered *c, uint64_t dev, uint64_t inode)
{
	for (size_t i = 0; c && i < c->n; i++)
		if (c->file[i].dev == dev && c->file[i].inode == inode)
			return &c->file[i];
	return NULL;
}

void covered_free(struct covered *c)
{
	while (c->n)
		code_free(&c->file[--c->n].code);
}
