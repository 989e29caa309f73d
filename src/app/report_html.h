/* SPDX-License-Identifier: GPL-2.0 */
/* report_html.h: a recording as a page. */
#ifndef APP_REPORT_HTML_H
#define APP_REPORT_HTML_H

#include <stdio.h>

struct recording;
struct sieve;

/* What the sieve leaves of every instant, or of as many of them as a page can bear.  0 or -errno.
 */
int report_html_write(FILE *f, const char *title, struct recording *r, struct sieve *s);

#endif
