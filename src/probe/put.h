/* SPDX-License-Identifier: GPL-2.0 */
/* put.h: our programs, put on places of one file, by whatever kind of link the kernel has. */
#ifndef PROBE_PUT_H
#define PROBE_PUT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "probe/kinds.h"

struct bpf_program;
struct heapwatch_bpf;
struct links;

/* Places of one program, with their attach cookies. */
struct put_at {
	size_t n;
	const uint64_t *offset, *cookie; /* in the file; heapwatch/event.h */
};

struct put_file {
	const struct heapwatch_bpf *skel; /* put()'s: loaded, with the programs for this kind */
	enum user_kind kind;
	pid_t pid;	  /* 0: whoever maps it */
	const char *path; /* what the kernel opens */
};

/*
 * At entry and return of calls, at the entry of frees, and at places behind the thread cache.
 * links takes over what was attached, also where an error is returned.  0 or -errno.
 */
int put(const struct put_file *f, struct links *links, const struct put_at *calls,
	const struct put_at *frees, const struct put_at *behind);

enum put_how {
	PUT_ENTRY,   /* where the instructions at these places are reached */
	PUT_RETURN,  /* where the functions that begin there return */
	PUT_SESSION, /* at both; USER_SESSION's alone */
};

/* One program, loaded for this kind and that purpose.  links and result as above. */
int put_program(const struct put_file *f, struct links *links, struct bpf_program *prog,
		enum put_how how, const struct put_at *at);

#endif
