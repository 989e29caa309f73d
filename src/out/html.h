/* SPDX-License-Identifier: GPL-2.0 */
/*
 * html.h: reports of many instants as one page for a browser: no network, no other file.  The page
 * is src/out/html/; the instants are in it as deflated JSON, in base64, so nothing that a name says
 * can be taken for markup.  Each callsite and frame is there once, per instant what changed.
 */
#ifndef OUT_HTML_H
#define OUT_HTML_H

#include <stdint.h>
#include <stdio.h>

struct html;
struct report;

/* NULL: no memory. */
struct html *html__new(void);
void html__free(struct html *h);

/* Add an instant, later than those before; its sites as the page is to show them.  0, -ENOMEM. */
int html__add(struct html *h, const struct report *r);
/* What was said, or which program was exec'd by pid (0: none), at a time after the attach. */
int html__mark(struct html *h, uint64_t elapsed_ns, uint32_t pid, const char *text);
/* A line under the title. */
int html__note(struct html *h, const char *key, const char *value);

/* Write the page.  0, -EIO, -ENOMEM. */
int html__write(struct html *h, const char *title, FILE *f);

#endif
