/* SPDX-License-Identifier: GPL-2.0 */
/*
 * account.h: what an inspection comes to: the waterfall, whose lines sum to RSS, and advice, which
 * is given only where the figures carry it.  Pure.
 */
#ifndef INSPECT_ACCOUNT_H
#define INSPECT_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inspect/explain.h"
#include "model/report.h"

#define ACCOUNT_LINES  16
#define ACCOUNT_ADVICE 8
#define ACCOUNT_NAMED  4

struct account_input {
	const struct explain *explain;
	uint32_t pid;
	bool probes;	      /* the ledger knows of blocks */
	bool degraded;	      /* it lost events */
	bool partly;	      /* not every call was seen */
	bool is_glibc;	      /* no other allocator is in the process */
	uint64_t outstanding; /* bytes, by the ledger: for allocators that are not read */
	uint64_t rss;	      /* now, where explain is of some time ago; 0: it is of now */
};

struct account {
	struct report_line lines[ACCOUNT_LINES];
	size_t nlines;
	struct report_advice advice[ACCOUNT_ADVICE];
	size_t nadvice;
	char how[ACCOUNT_ADVICE][256]; /* what advice[].how points to */
	char what[ACCOUNT_ADVICE][256];
	char named[ACCOUNT_NAMED][96]; /* lines with an allocator's name */
};

void account_make(const struct account_input *in, struct account *out);

const char *account_confidence(enum glibc_confidence c);

#endif
