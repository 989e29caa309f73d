/* SPDX-License-Identifier: GPL-2.0 */
/* text.h: a report for people, plain, in at most `width` columns. */
#ifndef OUT_TEXT_H
#define OUT_TEXT_H

#include <stdio.h>

struct report;

struct text_style {
	unsigned int width;	/* columns; 0: no limit */
	int colour;		/* ANSI sequences are welcome */
	unsigned int frames;	/* frames per callsite at most; 0: all */
	unsigned int processes; /* told in full at most, the largest; 0: all */
};

/* Write r to f.  Returns 0 or -EIO. */
int text_write(FILE *f, const struct report *r, const struct text_style *style);

#endif
