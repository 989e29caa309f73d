/* SPDX-License-Identifier: GPL-2.0 */
/*
 * folded.h: one line a callsite, "comm-pid;outermost;...;innermost BYTES": what flamegraph.pl,
 * inferno and speedscope read.
 */
#ifndef OUT_FOLDED_H
#define OUT_FOLDED_H

#include <stdio.h>

struct report;

/*
 * Outstanding bytes; with `before`, lines of "stack BYTES_BEFORE BYTES_NOW" as difffolded.pl makes
 * them, for flamegraph.pl.  Sites of one stack are one line; those of 0 bytes are left out.
 * Returns 0, -EIO or -ENOMEM.
 */
int folded_write(FILE *f, const struct report *r, const struct report *before);

#endif
