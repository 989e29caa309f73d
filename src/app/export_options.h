/* SPDX-License-Identifier: GPL-2.0 */
/* export_options.h: the command line of heapwatch export. */
#ifndef APP_EXPORT_OPTIONS_H
#define APP_EXPORT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/groups.h"
#include "probe/kinds.h"

#define EXPORT_MAX_WATCHES 64

struct export_options {
	const char *listen, *web_config, *rules; /* files: NULL where not given */
	const char *watches[EXPORT_MAX_WATCHES]; /* "comm=redis-server" */
	size_t nwatches;
	enum groups_by by;
	size_t max_groups, max_watched, top;
	double max_overhead; /* 0.01: 1 %; 0: no limit */
	uint64_t interval_ns, expire_ns;
	bool pss;
	bool list_metrics, help;
	enum kernel_kind system; /* of the probes on the mapping calls of every process */
	enum user_kind user;	 /* of those on the watched ones */
	enum kernel_kind kernel;
	size_t ring_bytes;
};

/* 0, or -EINVAL after one line on stderr.  Strings are argv's.  Also sets the log level (-v). */
int export_options_parse(int argc, char **argv, struct export_options *out);
void export_options_help(void);

#endif
