/* SPDX-License-Identifier: GPL-2.0 */
/*
 * behind.h: places behind glibc's thread cache: instructions that run only when a block leaves an
 * arena or goes back to one, found by decoding and proven on a child of our own.  A place that is
 * not proven is not used: it differs from build to build.
 */
#ifndef PROBE_BEHIND_H
#define PROBE_BEHIND_H

#include <stddef.h>
#include <stdint.h>

#include "probe/kinds.h"

#define BEHIND_MAX 32

struct behind {
	size_t n;
	struct behind_place {
		uint64_t offset; /* in the file */
		uint64_t cookie; /* HW_FN_LARGE_*, HW_COOKIE_* (heapwatch/event.h) */
	} places[BEHIND_MAX];
};

#endif
