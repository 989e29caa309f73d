/* SPDX-License-Identifier: GPL-2.0 */
/* options.h: the command line of the watching commands. */
#ifndef APP_OPTIONS_H
#define APP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/budget.h"
#include "probe/kinds.h"

#define OPTIONS_MAX_PIDS 256

struct options {
	pid_t pids[OPTIONS_MAX_PIDS];
	size_t npids;
	const char *comm;	/* every process of this name; or NULL */
	const char *cgroup;	/* every process of this control group; or NULL */
	char *const *command;	/* what follows "--", up to a NULL; or NULL */
	bool as_root;		/* the command is not run as the user who called sudo */
	bool no_follow;		/* leave children alone */
	const char *output;	/* where reports go; NULL: stdout */
	unsigned int processes; /* watched at once, at most */
	uint64_t interval_ns;	/* between reports */
	uint64_t duration_ns;	/* 0: until the processes end or Ctrl-C */
	bool once; /* one report, at the end; so it is with a command and no --interval */
	bool json;
	unsigned int detail; /* processes told in full; 0: all */
	size_t ended;	     /* processes that ended, told each: session.h */
	size_t top;	     /* callsites per process; 0: all */
	uint64_t min_size;   /* callsites with less are not shown, bytes */
	unsigned int depth;  /* frames shown per callsite; 0: all */
	size_t ring_bytes;
	unsigned int rings;
	unsigned int threads;
	double share; /* of a process's run time, as session.h has it */
	enum budget_level most;
	enum user_kind user;
	enum kernel_kind kernel;
	bool help, version;
};

/*
 * Parse argv into *out, defaults filled in.  Returns 0, or -EINVAL after one line on stderr that
 * names the option and what it takes.  Also sets the log level (-v).
 */
int options_parse(int argc, char **argv, struct options *out);
/* What --max-overhead takes, a percentage, to the share that session.h takes.  0, or -EINVAL,
 * logged. */
int options_overhead(const char *word, double *out);
/* One screen. */
void options_help(void);

#endif
