/* SPDX-License-Identifier: GPL-2.0 */
/* batch.h: the machine written down once, for scripts: as top -b does. */
#ifndef OUT_BATCH_H
#define OUT_BATCH_H

#include <stdio.h>

#include "model/machine.h"
#include "model/machine_columns.h"
#include "model/machine_rows.h"

enum batch_format { BATCH_TEXT, BATCH_CSV, BATCH_JSON };

struct batch {
	enum batch_format format;
	struct machine_columns columns;
	bool heading; /* of CSV: with the first one */
};

/* 0, or -EIO, -ENOMEM. */
int batch_write(FILE *f, const struct batch *b, const struct machine *m,
		const struct machine_rows *rows);

#endif
