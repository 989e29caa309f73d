/* SPDX-License-Identifier: GPL-2.0 */
/* export_metrics.h: from groups and the watched processes' report to metrics. */
#ifndef APP_EXPORT_METRICS_H
#define APP_EXPORT_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct callsites;
struct export_options;
struct groups;
struct http;
struct machine;
struct metrics;
struct report;
struct watcher;

/* Add each process's counters and outstanding figures to its group, its callsites to c (whose names
 * of groups are those of g).  0 or -ENOMEM. */
int export_account(struct groups *g, struct callsites *c, const struct report *r);

/* What the exporter knows about itself. */
struct export_self {
	const struct export_options *options;
	const struct machine *machine;
	const struct watcher *watcher;
	const struct http *http;
	uint64_t render_ns; /* that the last rendering took */
	double started;	    /* seconds since 1970, as what follows */
	bool reload_ok;
	double reloaded; /* the last time without an error */
};

void export_groups(struct metrics *m, const struct groups *g, const struct machine *machine);
void export_self(struct metrics *m, const struct groups *g, const struct export_self *self);

#endif
