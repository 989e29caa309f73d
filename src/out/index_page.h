/* SPDX-License-Identifier: GPL-2.0 */
/* index_page.h: the exporter's page for people: what is here, and the groups. */
#ifndef OUT_INDEX_PAGE_H
#define OUT_INDEX_PAGE_H

#include <stdio.h>

struct groups;
struct machine;
struct report;

/* HTML with no script and nothing from elsewhere.  r NULL: nobody is watched.  0, -EIO, -ENOMEM. */
int index_page_write(FILE *f, const char *version, const struct groups *g, const struct machine *m,
		     const struct report *r);

#endif
