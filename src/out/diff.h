/* SPDX-License-Identifier: GPL-2.0 */
/* diff.h: two instants of the same processes compared, for people and for programs. */
#ifndef OUT_DIFF_H
#define OUT_DIFF_H

#include <stddef.h>
#include <stdio.h>

struct report;

struct diff_style {
	size_t top;	     /* callsites per process, the largest changes; 0: all */
	unsigned int frames; /* per callsite; 0: all */
};

/* Return 0, -EIO or -ENOMEM. */
int diff_write(FILE *f, const struct report *before, const struct report *now,
	       const struct diff_style *style);
/* One document on one line; keys as in a report's, the numbers are changes. */
int diff_write_json(FILE *f, const struct report *before, const struct report *now);

#endif
