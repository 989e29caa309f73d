/* SPDX-License-Identifier: GPL-2.0 */
/*
 * entries.h: the frame description entries of an ELF file, by address: which function has which
 * call frame instructions.  The file can be hostile: what is read is checked, counts are bounded.
 */
#ifndef UNWIND_ENTRIES_H
#define UNWIND_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct Elf;
struct cfi_entry;

/* What entries have in common: a CIE. */
struct entries_common {
	const uint8_t *initial, *initial_end;
	uint64_t offset; /* in the section */
	uint64_t code_align;
	int64_t data_align;
	uint64_t return_register;
	uint8_t encoding; /* of addresses, DW_EH_PE_* */
	bool known;	  /* false: entries that have it are not understood */
	bool signal;
	bool sized; /* augmentation "z": its entries say how long theirs is */
};

struct entry {
	uint32_t pc, size; /* link-time addresses */
	uint32_t common, len;
	const uint8_t *start; /* of len bytes of instructions, in the ELF file's memory */
};

struct entries {
	struct entry *v;
	size_t n, room;
	struct entries_common *common;
	size_t ncommon, common_room;
	uint16_t machine;	/* e_machine */
	uint64_t read, skipped; /* all; of those, not understood: they are left out */
};

/* 0; -ENODATA (the file has no .eh_frame), -E2BIG, -EBADMSG, -ENOMEM.  Those for one pc stay in the
 * order in which the file has them.  entries_free even after a failure; before elf_end. */
int entries_read(struct Elf *elf, uint16_t machine, struct entries *out);
void entries_free(struct entries *e);

/* The i-th, as cfi_run wants it. */
struct cfi_entry entries_at(const struct entries *e, size_t i);

#endif
