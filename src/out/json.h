/* SPDX-License-Identifier: GPL-2.0 */
/* json.h: a report for programs: one JSON document on one line, then a newline. */
#ifndef OUT_JSON_H
#define OUT_JSON_H

#include <stdio.h>

struct json_t;
struct report;

/* The document of r, the caller's to give back (json_decref).  NULL: no memory. */
struct json_t *json_report(const struct report *r);
/* Write r to f and flush it.  Returns 0, -EIO, -ENOMEM. */
int json_write(FILE *f, const struct report *r);

#endif
