/* SPDX-License-Identifier: GPL-2.0 */
/*
 * machine_table.h: every process that /proc lists, and what was read of it, kept from tick to tick.
 * Private to machine_*.c.
 */
#ifndef INSPECT_MACHINE_TABLE_H
#define INSPECT_MACHINE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inspect/machine_files.h"
#include "inspect/machine_heap.h"
#include "inspect/machine_sampler.h"

/* Samples kept of each process: six minutes at 2 s. */
#define MACHINE_HISTORY	     180
#define MACHINE_HISTORY_STEP 2000000000ull

struct machine_record {
	uint32_t pid;
	int statm_fd; /* -1: opened anew each time */
	bool seen, shown, watched, fresh;
	struct machine_stat stat;
	struct machine_statm statm;
	struct machine_status status;
	uint64_t stat_tick, slow_tick; /* when stat, and status with what goes with it, were read */
	char *cmdline, *exe, *cgroup, *unit; /* NULL: "" */
	bool container, denied;
	bool has_pss;
	uint64_t pss, pss_ns;
	struct machine_heap_reader heap;

	bool has_events;
	struct machine_events events;
	uint64_t site, site_bytes, named_site;
	char callsite[96];

	uint64_t first_sample;		/* number of its first sample in the history */
	uint32_t rss[MACHINE_HISTORY];	/* KiB; sample n is at n % MACHINE_HISTORY */
	uint32_t held[MACHINE_HISTORY]; /* KiB that malloc holds; 0: not known */
};

struct machine_table {
	int proc_fd;
	uint64_t tick;
	bool eager; /* nothing is left for later ticks */
	size_t n, room;
	struct machine_record **records; /* by pid */
	size_t nfds, max_fds;		 /* statm_fds that are kept */
	uint32_t *pids;			 /* of /proc's list */
	size_t npids, pids_room;
	size_t refused; /* of these: nothing of them may be read (hidepid) */
};

int machine_table_init(struct machine_table *t, const char *proc);
void machine_table_free(struct machine_table *t);

/* Read what every tick reads.  0, -ENOMEM, or -errno of /proc itself. */
int machine_table_tick(struct machine_table *t);

/* The record of a process, or NULL. */
struct machine_record *machine_table_find(const struct machine_table *t, uint32_t pid);

/* A whole file under proc, NUL-terminated; cut at len - 1.  How many bytes, or -errno. */
long machine_table_read(const struct machine_table *t, const char *path, char *buf, size_t len);

#endif
