/* SPDX-License-Identifier: GPL-2.0 */
/* prom.h: metrics in the formats that Prometheus reads. */
#ifndef OUT_PROM_H
#define OUT_PROM_H

#include <stdio.h>

struct metrics;

enum prom_format {
	PROM_TEXT,	  /* Prometheus's text format 0.0.4 */
	PROM_OPENMETRICS, /* OpenMetrics 1.0.0 */
};

/* The value of Content-Type. */
const char *prom_content_type(enum prom_format format);

/* What a client prefers by its Accept header (NULL: it sent none). */
enum prom_format prom_negotiate(const char *accept);

/* All families that have samples.  Labels may hold any bytes: what is not UTF-8 becomes U+FFFD.
 * 0, or -EIO where f cannot be written. */
int prom_write(FILE *f, const struct metrics *m, enum prom_format format);

/* The page of documentation: every family there is, in Markdown.  0 or -EIO. */
int prom_document(FILE *f);

#endif
