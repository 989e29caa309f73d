/* SPDX-License-Identifier: GPL-2.0 */
/*
 * behind.h: places behind glibc's thread cache: instructions that run only when a block leaves an
 * arena or goes back to one.  They differ from build to build: candidates.h finds what may be one,
 * trial.h has a child of our own come by, choice.h takes those that saw each large block once.
 */
#ifndef PROBE_BEHIND_H
#define PROBE_BEHIND_H

#include <stddef.h>
#include <stdint.h>

#define BEHIND_MAX 16

struct behind {
	char build_id[41]; /* of the file, hex */
	size_t n;
	struct behind_place {
		uint64_t offset; /* in the file */
		uint64_t cookie; /* HW_FN_LARGE_*, HW_COOKIE_* (heapwatch/event.h) */
	} places[BEHIND_MAX];
	/* Where an arena is asked for large chunks, and for no others (HW_FN_REQUEST): cookie 0:
	 * there is none. */
	struct behind_place request;
};

#endif
