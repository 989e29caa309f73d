/* SPDX-License-Identifier: GPL-2.0 */
/* delta.h: what changed between two reports of the same processes, callsite by callsite. */
#ifndef OUT_DELTA_H
#define OUT_DELTA_H

#include <stddef.h>
#include <stdint.h>

#include "model/report.h"

/* A callsite of both; what one of them does not have counts as 0 there. */
struct delta_site {
	const struct report_site *site; /* the later one where there is one */
	int64_t bytes, blocks;
	int64_t allocated_bytes, allocated_blocks;
};

/* The process of that pid and start time, or NULL; r may be NULL. */
const struct report_process *delta_find(const struct report *r, const struct report_process *p);

/*
 * Pair the sites of now and before, either of which may be NULL (nothing).  *out: as many as
 * returned, by bytes, the largest growth first, ties by kind and stack; the caller's to free.
 * Those that are equal are there too.  -ENOMEM.
 */
int64_t delta_sites(const struct report_process *now, const struct report_process *before,
		    struct delta_site **out);

#endif
