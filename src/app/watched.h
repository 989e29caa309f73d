/* SPDX-License-Identifier: GPL-2.0 */
/* watched.h: one watched process as the daemon knows it: who it is, its modules, its allocators. */
#ifndef APP_WATCHED_H
#define APP_WATCHED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "app/inspection.h"
#include "inspect/procfs.h"

struct drain;
struct modules;
struct names;
struct probes;
struct tables;

struct watched {
	pid_t pid;
	int pidfd; /* readable when the process has ended; -1: that was seen */
	bool exited;
	struct procfs_stat stat;
	char exe[4096];
	/* The one that a call of malloc reaches first: "glibc 2.36", "jemalloc + glibc 2.36"; "" */
	char allocator[256];
	char searched[1024]; /* the files that were looked through for it */
	struct modules *modules;
	struct procfs_memory memory; /* the last that could be read */
	struct inspection inspection;
	uint32_t execs, code_maps; /* up to which modules and probes are up to date */
	struct watched_file {
		uint64_t dev, inode;
		char allocator[64]; /* "" where it is none */
		bool replaces;	    /* ... the C library's */
	} * files;		    /* ELF files looked at; those with an allocator have probes */
	size_t nfiles;
};

/* Find out who pid is; refuse what cannot be watched.  Logs, with the remedy. */
int watched__new(pid_t pid, struct watched **out);
void watched__free(struct watched *w);
/* Has it ended?  Asks the pidfd. */
bool watched__ended(const struct watched *w);

/*
 * Look through the files it maps, put probes on each allocator that has none yet (probes NULL: only
 * learn their names; tables and names NULL: nothing is to be walked or named).  Logs.
 * -ENOENT where no file with an allocator was found, which the caller judges: mappings can be
 * watched all the same.
 */
int watched__attach(struct watched *w, struct probes *probes, struct tables *tables,
		    struct names *names);

/* Start to record: a ledger for the drain, seeded with the mappings that are there. */
int watched__arm(struct watched *w, struct probes *probes, struct drain *drain, unsigned int ring);

/* Read RSS, and modules and probes after an exec or a dlopen.  Not an error where it has ended. */
void watched__refresh(struct watched *w, struct probes *probes, struct tables *tables,
		      struct names *names, struct drain *drain);

#endif
