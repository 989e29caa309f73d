/* SPDX-License-Identifier: GPL-2.0 */
/* rows.h: the rows (heapwatch/unwind.h) of one ELF file, from its .eh_frame.  The file can be
 * hostile: libdw and we check, counts are bounded. */
#ifndef UNWIND_ROWS_H
#define UNWIND_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "base/segments.h"
#include "heapwatch/unwind.h"

/* 64 MiB of rows: four times what the largest library that we know of has. */
#define ROWS_MAX (8u << 20)

struct rows {
	struct hw_row *row; /* by pc; the first may stand at 0 with HW_ROW_NONE */
	size_t n;
	struct segments segments;
	uint16_t machine;	   /* e_machine */
	uint64_t entries, skipped; /* frame description entries; of those, not understood */
};

/* 0; -ENOEXEC (not an ELF file of x86-64 or arm64), -ENODATA (it has no .eh_frame), -ENOMEM.
 * rows_free even after a failure. */
int rows_read(int fd, struct rows *out);
void rows_free(struct rows *r);

/* The row that holds for a link-time address; one of kind HW_ROW_NONE where there is none. */
struct hw_row rows_find(const struct rows *r, uint64_t pc);

#endif
