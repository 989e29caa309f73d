/* SPDX-License-Identifier: GPL-2.0 */
/* attach_file.h: one file with an allocator, and which of its places get probes.  Private to
 * attach.c. */
#ifndef PROBE_ATTACH_FILE_H
#define PROBE_ATTACH_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "probe/attach.h"
#include "probe/kinds.h"
#include "probe/target.h"

struct behind;
struct heapwatch_bpf;
struct links;

struct attach_file {
	pid_t pid; /* whose probes; 0: everybody's */
	char *path;
	struct target *target;
	bool mapped; /* by pid, or by anybody */
};
/* What it has, not itself. */
void attach_file_free(struct attach_file *f);

/* The programs, loaded for this kind. */
struct attach_with {
	const struct heapwatch_bpf *skel;
	enum user_kind kind;
};
/* Put the probes of one set on it.  behind: its places behind the thread cache, or NULL.  links
 * takes over what was attached, also where an error is returned.  0 or -errno. */
int attach_file_put(const struct attach_file *f, const struct attach_with *with,
		    const struct behind *behind, enum attach_set set, struct links *links);
/* Put hw_pass on all places that these sets have probes on, for pid.  links and result as above. */
int attach_file_pass(const struct attach_file *f, const struct attach_with *with,
		     const struct behind *behind, unsigned int sets, pid_t pid,
		     struct links *links);

#endif
