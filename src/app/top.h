/* SPDX-License-Identifier: GPL-2.0 */
/* top.h: the command line of the system-wide view, and its two forms. */
#ifndef APP_TOP_H
#define APP_TOP_H

#include <stdbool.h>
#include <stdint.h>

#include "model/machine_columns.h"
#include "model/machine_rows.h"
#include "out/batch.h"
#include "probe/kinds.h"

struct top_options {
	bool batch;
	enum batch_format format;
	unsigned long iterations; /* of a batch; 0: until it is stopped */
	uint64_t interval_ns;
	enum kernel_kind kernel;
	double share; /* of a process's run time, for the probes of w, as session.h has it */
	bool columns_chosen;
	struct machine_columns columns;
	struct machine_order order; /* its user points to argv */
	bool help;
};

/* 0 or -errno, logged. */
int top_batch(const struct top_options *o);
int top_live(const struct top_options *o);

#endif
