/* SPDX-License-Identifier: GPL-2.0 */
/* json_groups.h: groups, and the report of those that are watched, for programs. */
#ifndef OUT_JSON_GROUPS_H
#define OUT_JSON_GROUPS_H

#include <stdio.h>

struct groups;
struct machine;
struct report;

/* The document of json.h with groups[] added; r NULL: nobody is watched.  0, -EIO, -ENOMEM. */
int json_groups_write(FILE *f, const struct groups *g, const struct machine *m,
		      const struct report *r);

#endif
