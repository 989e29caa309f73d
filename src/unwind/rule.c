// SPDX-License-Identifier: GPL-2.0
#include "unwind/rule.h"

#include <elf.h>
#include <stddef.h>

const struct rule_machine *rule_machine(uint16_t e_machine)
{
	static const struct rule_machine x86 = {.bp = 6, .sp = 7, .ra = 16};
	static const struct rule_machine arm64 = {.bp = 29, .sp = 31, .ra = 30, .link = true};

	return e_machine == EM_X86_64 ? &x86 : e_machine == EM_AARCH64 ? &arm64 : NULL;
}

struct rule rule_blank(const struct rule_machine *m)
{
	return (struct rule){.kind = HW_ROW_UNKNOWN, .ra.where = m->link ? RULE_SAME : RULE_LOST};
}

static bool fits(int64_t v, int64_t min, int64_t max)
{
	return v % 8 == 0 && v / 8 >= min && v / 8 <= max;
}

/* The caller's BP, where `bp` has no other use. */
static int8_t bp_of(const struct rule *r)
{
	if (r->bp.where == RULE_SAME)
		return HW_ROW_BP_SAME;
	if (r->bp.where == RULE_AT_CFA && fits(r->bp.at, -127, 126) && r->bp.at)
		return (int8_t)(r->bp.at / 8);
	if (r->bp.where == RULE_AT_BP)
		return HW_ROW_BP_AT_BP;
	return HW_ROW_BP_LOST;
}

/* A return address in memory, from the CFA or from what that counts from. */
static bool stored(const struct rule *r, struct hw_row *row)
{
	bool pair = r->bp.where == RULE_AT_CFA && r->bp.at == r->ra.at - 8;
	int64_t at = pair ? r->bp.at : r->ra.at, low;

	row->ra = pair			     ? HW_ROW_RA_PAIR
		  : r->bp.where == RULE_SAME ? HW_ROW_RA_ALONE
					     : HW_ROW_RA_ONLY;
	if (fits(at, INT8_MIN, INT8_MAX)) {
		row->bp = (int8_t)(at / 8);
		return true;
	}
	if (__builtin_add_overflow(at, r->cfa, &low) || !fits(low, INT8_MIN, INT8_MAX))
		return false;
	row->ra |= HW_ROW_RA_LOW;
	row->bp = (int8_t)(low / 8);
	return true;
}

struct hw_row rule_row(const struct rule *r, const struct rule_machine *m, uint32_t pc)
{
	struct hw_row row = {.pc = pc, .kind = r->kind},
		      unknown = {.pc = pc, .kind = HW_ROW_UNKNOWN};

	if (r->ra.where == RULE_NONE)
		return (struct hw_row){.pc = pc, .kind = HW_ROW_OUTERMOST};
	if (r->kind == HW_ROW_UNKNOWN || !fits(r->cfa, INT16_MIN, INT16_MAX))
		return unknown;
	row.cfa = (int16_t)(r->cfa / 8);
	if (m->link && r->ra.where == RULE_AT_CFA)
		return stored(r, &row) ? row : unknown;
	row.bp = bp_of(r);
	if (m->link && r->ra.where == RULE_SAME)
		row.ra = HW_ROW_RA_LR;
	else if (m->link || r->ra.where != RULE_AT_CFA || r->ra.at != -8)
		return unknown;
	return row;
}
