/* SPDX-License-Identifier: GPL-2.0 */
/* export.h: the exporter: what it holds, and what is done at a tick and at a reload. */
#ifndef APP_EXPORT_H
#define APP_EXPORT_H

#include "app/export_options.h"

struct exporter;

/*
 * Everything in an order in which a mistake of the user costs nobody a probe: files, certificate
 * and address first, then the first look, the server, and last the probes.  0, or -errno, logged.
 */
int exporter__new(const struct export_options *o, struct exporter **out);
/* Ends the server, detaches everything. */
void exporter__free(struct exporter *e);

/* Look at the machine, write the pages.  0 or -errno, logged: the pages before stay. */
int exporter__tick(struct exporter *e);
/* Read the rules and the web config again; what has an error stays as it was, and is said to.
 * -errno: nobody is served any more. */
int exporter__reload(struct exporter *e);

/* To be polled; -1: nothing (yet).  When it is readable: exporter__step. */
int exporter__fd(const struct exporter *e);
int exporter__step(struct exporter *e);

/* "http://127.0.0.1:9753" */
void exporter__url(const struct exporter *e, char *buf, size_t len);
/* Groups, processes, watched ones, for a status line. */
void exporter__figures(const struct exporter *e, size_t *groups, size_t *processes,
		       size_t *watched);

#endif
