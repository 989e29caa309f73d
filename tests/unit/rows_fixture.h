/* SPDX-License-Identifier: GPL-2.0 */
/* rows_fixture.h: what a row says as registers and offsets, and what libdw says of the same pc. */
#ifndef TESTS_ROWS_FIXTURE_H
#define TESTS_ROWS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unwind/cfi.h"
#include "unwind/rows.h"
#include "unwind/rule.h"

/* Where a register's value is: at an offset from the CFA, or still in it. */
struct place {
	bool stored;
	long at;
};

struct places {
	uint8_t kind; /* HW_ROW_SP, HW_ROW_BP; HW_ROW_UNKNOWN is all else */
	long cfa;
	struct place bp, ra;
};

static inline bool places_equal(const struct places *a, const struct places *b)
{
	return a->kind == b->kind && a->cfa == b->cfa && a->bp.stored == b->bp.stored &&
	       a->bp.at == b->bp.at && a->ra.stored == b->ra.stored && a->ra.at == b->ra.at;
}

/* False where x29 or rbp is lost in it, or it has no registers at all. */
static inline bool places_of_row(const struct hw_row *row, struct places *out)
{
	unsigned int ra = row->ra & ~HW_ROW_RA_LOW;
	long at = row->bp * 8L;

	*out = (struct places){.kind = row->kind, .cfa = row->cfa * 8L};
	if (row->kind != HW_ROW_SP && row->kind != HW_ROW_BP)
		return false;
	if (row->ra == HW_ROW_RA_CALL || row->ra == HW_ROW_RA_LR) {
		if (row->bp == HW_ROW_BP_LOST || row->bp == HW_ROW_BP_AT_BP)
			return false;
		out->bp = (struct place){row->bp, at};
		if (row->ra == HW_ROW_RA_CALL)
			out->ra = (struct place){true, -8};
		return true;
	}
	if (row->ra & HW_ROW_RA_LOW)
		at -= out->cfa;
	if (ra == HW_ROW_RA_PAIR)
		out->bp = (struct place){true, at};
	out->ra = (struct place){true, ra == HW_ROW_RA_PAIR ? at + 8 : at};
	return ra == HW_ROW_RA_PAIR || ra == HW_ROW_RA_ALONE;
}

static inline struct place place_by_libdw(Dwarf_Frame *frame, int reg)
{
	struct place p = {0};
	Dwarf_Op mem[3], *ops;
	size_t n;

	/* At an offset from the CFA (call_frame_cfa, plus_uconst), or as it is. */
	if (!dwarf_frame_register(frame, reg, mem, &ops, &n) && n >= 1 &&
	    ops[0].atom == DW_OP_call_frame_cfa)
		p = (struct place){true, n == 2 ? (long)ops[1].number : 0};
	return p;
}

/* What libdw says of a pc; false where it says nothing. */
static inline bool places_by_libdw(Dwarf_CFI *cfi, const struct rule_machine *m, uint64_t pc,
				   struct places *out)
{
	Dwarf_Frame *frame;
	Dwarf_Op *ops;
	size_t n;

	if (dwarf_cfi_addrframe(cfi, pc, &frame))
		return false;
	*out = (struct places){.kind = HW_ROW_UNKNOWN};
	if (!dwarf_frame_cfa(frame, &ops, &n) && n == 1 &&
	    (ops[0].atom == DW_OP_bregx ||
	     (ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31))) {
		bool x = ops[0].atom == DW_OP_bregx;
		uint64_t reg = x ? ops[0].number : (uint64_t)ops[0].atom - DW_OP_breg0;

		out->kind = reg == m->sp ? HW_ROW_SP : reg == m->bp ? HW_ROW_BP : HW_ROW_UNKNOWN;
		out->cfa = (long)(x ? ops[0].number2 : ops[0].number);
	}
	out->bp = place_by_libdw(frame, m->bp);
	out->ra = place_by_libdw(frame, m->ra);
	free(frame);
	return true;
}

/* All rows of a file against libdw's.  least: how many can be compared. */
static inline void compare_with_libdw(const char *path, size_t least)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const struct rule_machine *m;
	size_t same = 0, refused = 0;
	struct rows r;
	Dwarf_CFI *cfi;
	Elf *elf;

	if (fd < 0) {
		printf("skip: no %s here\n", path);
		return;
	}
	assert_int_equal(rows_read(fd, &r), 0);
	m = rule_machine(r.machine);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	cfi = dwarf_getcfi_elf(elf);
	assert_non_null(cfi);
	for (size_t i = 0; i < r.n; i++) {
		const struct hw_row *row = &r.row[i];
		struct places want, got;
		bool known = places_by_libdw(cfi, m, row->pc, &want);

		assert_true(!i || row[-1].pc < row->pc);
		if (row->kind == HW_ROW_NONE) {
			refused += known;
			continue;
		}
		if (!places_of_row(row, &got))
			continue;
		if (!known) {
			/* The table of a PLT is ours. */
			assert_true(m->link && got.cfa <= 16);
			continue;
		}
		if (!places_equal(&got, &want))
			fail_msg("%s at 0x%x: %u %ld, %d %ld, %d %ld; libdw %u %ld, %d %ld, %d %ld",
				 path, row->pc, got.kind, got.cfa, got.bp.stored, got.bp.at,
				 got.ra.stored, got.ra.at, want.kind, want.cfa, want.bp.stored,
				 want.bp.at, want.ra.stored, want.ra.at);
		same++;
		/* It holds up to the next row. */
		assert_true(i + 1 == r.n ||
			    places_by_libdw(cfi, m, r.row[i + 1].pc - (m->link ? 4 : 1), &want));
		assert_true(places_equal(&got, &want));
	}
	/* arm64's glibc has a function that returns to x15. */
	assert_true(refused <= r.skipped && r.skipped <= m->link);
	if (same < least)
		fail_msg("%s: only %zu rows to compare", path, same);
	dwarf_cfi_end(cfi);
	elf_end(elf);
	rows_free(&r);
	close(fd);
}

#endif
