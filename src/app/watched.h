/* SPDX-License-Identifier: GPL-2.0 */
/* watched.h: one watched process as the daemon knows it: who it is, its modules, its allocators. */
#ifndef APP_WATCHED_H
#define APP_WATCHED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "app/code.h"
#include "app/drain.h"
#include "app/inspection.h"
#include "inspect/procfs.h"

struct barren;
struct covered;
struct modules;
struct names;
struct probes;
struct tables;

/* What a session has for all its processes. */
struct watch_tools {
	struct probes *probes; /* NULL: only look, and so for all that follow */
	struct tables *tables;
	struct names *names;
	struct drain *drain;
	const struct covered *covered; /* files whose probes are there already; may be NULL */
	struct barren *barren;	       /* files without an allocator; may be NULL */
};

struct growth;

struct watched {
	pid_t pid;
	uint32_t id, parent; /* to the drain; parent 0: none that is watched */
	pid_t ppid;	     /* the parent's pid; 0 likewise */
	int pidfd;	     /* readable when the process has ended; -1: that was seen */
	bool exited;
	bool launched;		 /* by us: its probes were there before its first instruction */
	struct drain_state life; /* as of the last refresh */
	struct procfs_stat stat;
	char exe[4096];
	/* The one that a call of malloc reaches first: "glibc 2.36", "jemalloc + glibc 2.36"; "" */
	char allocator[256];
	char searched[1024]; /* the files that were looked through for it */
	struct modules *modules;
	struct procfs_memory memory; /* the last that could be read */
	uint64_t peak_rss;	     /* highest of those, bytes */
	uint64_t peak_pss;	     /* at the tree's peak; 0: not read */
	uint64_t outstanding;	     /* as of the last report, bytes */
	struct built *built;	     /* of one that has ended: its last report */
	uint64_t attached_ns; /* CLOCK_MONOTONIC, the last link of its own; 0: it needed none */
	struct inspection inspection;
	size_t nseen;	       /* of modules: they are in the session's images */
	struct growth *growth; /* of its callsites; NULL: none yet */
	bool looked;
	uint32_t execs, code_maps; /* up to which modules and probes are up to date */
	struct watched_file {
		uint64_t dev, inode;
		char allocator[64]; /* "" where it is none */
		bool replaces;	    /* ... the C library's */
		bool nameless;	    /* it was stripped: there is no telling */
		struct code code;   /* its allocator's functions */
	} * files;		    /* ELF files looked at; those with an allocator have probes */
	size_t nfiles;
};

/* Find out who pid is; refuse what cannot be watched.  Logs, with the remedy. */
int watched__new(pid_t pid, struct watched **out);
/* A child that the records told of, number id; it may have ended.  parent: what is known of its
 * parent, or NULL.  -ENOMEM. */
int watched__child(uint32_t id, const struct drain_state *life, const struct watched *parent,
		   struct watched **out);
void watched__free(struct watched *w);
/* Log why pid cannot be looked at, with the remedy; returns err. */
int watched_refuse(pid_t pid, int err);
/* Has it ended?  Asks the pidfd. */
bool watched__ended(const struct watched *w);

/*
 * Look through the files it maps, put probes on each allocator that has none yet (tools: without
 * probes only learn their names).  Logs.
 * -ENOENT where no file with an allocator was found, which the caller judges.
 */
int watched__attach(struct watched *w, const struct watch_tools *tools);

/* Start to record: a ledger for the drain, seeded with the mappings that are there.  follow: its
 * children will be told of by records. */
int watched__arm(struct watched *w, const struct watch_tools *tools, unsigned int ring,
		 bool follow);

/* Read what records and /proc say of it: memory, modules and probes after an exec or a dlopen, its
 * end: then what was attached for it is taken away. */
void watched__refresh(struct watched *w, const struct watch_tools *tools);
/* Read its memory alone: cheap. */
void watched__sample(struct watched *w);

#endif
