/* SPDX-License-Identifier: GPL-2.0 */
/* json.h: a report for programs: one JSON document on one line, then a newline. */
#ifndef OUT_JSON_H
#define OUT_JSON_H

#include <stdio.h>

struct report;

/* Write r to f and flush it.  Returns 0, -EIO, -ENOMEM. */
int json_write(FILE *f, const struct report *r);

#endif
