/* SPDX-License-Identifier: GPL-2.0 */
/*
 * machine_files.h: the texts of /proc/PID/... and of /proc/meminfo, understood.  Pure.  Formats:
 * Documentation/filesystems/proc.rst.  A text that is not what it should be leaves its figures 0
 * and gives -EBADMSG.
 */
#ifndef INSPECT_MACHINE_FILES_H
#define INSPECT_MACHINE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/machine.h"

struct machine_stat {
	char comm[64]; /* made fit to be shown */
	char state;
	bool kernel_thread;
	uint32_t ppid, threads;
	uint64_t start_time, start_code; /* start_code: 0 or 1 where it is kept from us */
};

struct machine_statm {
	uint64_t size, rss, shared, text; /* pages */
};

struct machine_status {
	uint32_t uid;  /* effective */
	uint64_t swap; /* bytes */
};

int machine_parse_stat(const char *text, struct machine_stat *out);
int machine_parse_statm(const char *text, struct machine_statm *out);
int machine_parse_status(const char *text, struct machine_status *out);
int machine_parse_meminfo(const char *text, struct machine_memory *out);
int machine_parse_loadavg(const char *text, double load[3], uint32_t *running, uint32_t *threads);
/* The "Pss:" line of smaps_rollup, bytes. */
int machine_parse_pss(const char *text, uint64_t *pss);

/* The path in the unified hierarchy, else of the memory controller, else "": made fit to be shown.
 */
void machine_parse_cgroup(const char *text, char *path, size_t len);
/*
 * What people call a cgroup: the container, by the engine that made it and the first 12 digits of
 * its id ("docker 0123456789ab"), else the innermost unit or slice.  "" for the root.
 */
void machine_cgroup_unit(const char *path, char *unit, size_t len, bool *container);

/* Arguments as they stand in memory, a NUL behind each, to one line; what is not fit to be shown is
 * replaced.  Returns buf. */
char *machine_join_args(char *buf, size_t len, const char *args, size_t n);

#endif
