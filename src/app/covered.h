/* SPDX-License-Identifier: GPL-2.0 */
/* covered.h: files whose probes serve whoever maps them: nobody has to attach to them again. */
#ifndef APP_COVERED_H
#define APP_COVERED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/code.h"

#define COVERED_MAX 32

struct covered {
	size_t n;
	struct covered_file {
		uint64_t dev, inode; /* dev: major << 32 | minor, as in /proc/PID/maps */
		char path[64];	     /* by which its probes were put on: launch.h */
		char allocator[64];
		bool replaces; /* the C library's: target.h */
		struct code code;
	} file[COVERED_MAX];
};

/* Takes over its code; -ENOSPC where it is full. */
int covered_add(struct covered *c, const struct covered_file *f);
/* NULL where it is none of them.  c may be NULL. */
const struct covered_file *covered_find(const struct covered *c, uint64_t dev, uint64_t inode);
void covered_free(struct covered *c);

#endif
