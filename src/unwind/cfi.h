/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cfi.h: the instructions of one frame description entry, run to rows (DWARF 5, 6.4; the x86-64
 * psABI, 3.7; "DWARF for the Arm 64-bit Architecture").  Only what a stack walk needs is kept: CFA,
 * frame pointer, return address.  The bytes can
 * be hostile: every read is checked, every stack bounded.
 */
#ifndef UNWIND_CFI_H
#define UNWIND_CFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heapwatch/unwind.h"

struct cfi_entry {
	const uint8_t *initial, *initial_end; /* of the CIE */
	const uint8_t *start, *end;	      /* of the FDE */
	uint64_t code_align;
	int64_t data_align;
	uint64_t return_register;
	uint16_t machine;  /* EM_X86_64 or EM_AARCH64 */
	uint8_t encoding;  /* of DW_CFA_set_loc, DW_EH_PE_* */
	bool signal;	   /* augmentation "S" */
	uint64_t pc, size; /* link-time addresses that it holds for */
};

/* Called for each row, pcs not descending, the first one at e->pc; non-zero ends it. */
typedef int (*cfi_row_fn)(void *arg, const struct hw_row *row);

/*
 * 0; -EBADMSG (bytes that are no such instructions: the rows up to there were handed out, then one
 * of HW_ROW_NONE for the rest of the function), or what fn returned.
 */
int cfi_run(const struct cfi_entry *e, cfi_row_fn fn, void *arg);

#endif
