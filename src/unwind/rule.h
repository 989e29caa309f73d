/* SPDX-License-Identifier: GPL-2.0 */
/* rule.h: what call frame instructions have said of one place so far, and the row of it. */
#ifndef UNWIND_RULE_H
#define UNWIND_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "heapwatch/unwind.h"

/* A register's number in DWARF: x86-64 psABI, figure 3.36; "DWARF for the Arm 64-bit
 * Architecture", 4.1. */
struct rule_machine {
	uint8_t bp, sp, ra;
	bool link; /* a call leaves the return address in a register */
};

/* Of an ELF file's e_machine; NULL: one whose registers are not known. */
const struct rule_machine *rule_machine(uint16_t e_machine);

struct rule_place {
	enum { RULE_SAME, RULE_AT_CFA, RULE_AT_BP, RULE_LOST, RULE_NONE } where;
	int64_t at; /* from the CFA */
};

struct rule {
	uint8_t kind; /* of the CFA: HW_ROW_UNKNOWN, _SP, _BP, _BP_DEREF, _PLT */
	int64_t cfa;
	struct rule_place bp, ra;
};

/* Before the first instruction. */
struct rule rule_blank(const struct rule_machine *m);

/* HW_ROW_UNKNOWN where a row can't say it. */
struct hw_row rule_row(const struct rule *r, const struct rule_machine *m, uint32_t pc);

#endif
