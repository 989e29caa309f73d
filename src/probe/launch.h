/* SPDX-License-Identifier: GPL-2.0 */
/*
 * launch.h: start a command so that its whole tree can be watched from the first instruction, and
 * nobody else pays.  The command gets a mount namespace of its own in which a private copy of each
 * allocator's library lies over the library: only that tree maps the copies' inodes, so probes on
 * them need no filter and cover forks, execs and threads.  Copies and mounts are in that namespace
 * alone; the mounts vanish with the tree's last process, the copies then and when heapwatch has
 * ended, however it does: it keeps them open, to put probes on them again.
 */
#ifndef PROBE_LAUNCH_H
#define PROBE_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LAUNCH_MAX_FILES 24

struct launch_config {
	char *const *argv;	  /* the command, up to a NULL; looked for in PATH */
	const char *const *files; /* allocators' libraries, as realpath(3) gives them */
	size_t nfiles;		  /* more than LAUNCH_MAX_FILES are left out */
	bool as_caller;		  /* as the user who called sudo, if there is one */
};

/* One of config.files as the command's tree sees it. */
struct launch_file {
	const char *path;    /* config's */
	char open_path[64];  /* what others open: through /proc/PID/fd */
	uint64_t dev, inode; /* dev: major << 32 | minor, as in /proc/PID/maps */
	bool copied;	     /* false: the original, that others map too */
};

struct launch;

/*
 * Fork the command's process, which sets its namespace up and then waits, before its exec, for
 * launch__go.  Not an error where there can be no namespace: then no file is copied.  0, or -errno,
 * logged.
 */
int launch__new(const struct launch_config *config, struct launch **out);
/* Kills the process if it was not let go.  Does not wait for one that was. */
void launch__free(struct launch *l);

pid_t launch__pid(const struct launch *l);
/* n of them, valid until launch__free. */
const struct launch_file *launch__files(const struct launch *l, size_t *n);
/* Why there is no namespace (errno), or 0. */
int launch__refused(const struct launch *l);

/* Let it exec.  0, or -errno of the exec, logged: -ENOENT, -EACCES ... */
int launch__go(struct launch *l);
/* Its exit status as wait(2) gives it: waits for it. */
int launch__wait(struct launch *l);

#endif
