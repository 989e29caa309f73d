// SPDX-License-Identifier: GPL-2.0
#include "probe/tail.h"

#include <capstone/capstone.h>

/* mimalloc's longest loads its heap and moves four arguments. */
#define MAX_INSNS 12

static bool is_branch(csh cs, const cs_insn *insn)
{
	return cs_insn_group(cs, insn, X86_GRP_JUMP) || cs_insn_group(cs, insn, X86_GRP_CALL) ||
	       cs_insn_group(cs, insn, X86_GRP_RET) || cs_insn_group(cs, insn, X86_GRP_INT) ||
	       cs_insn_group(cs, insn, X86_GRP_BRANCH_RELATIVE);
}

static bool moves_stack(csh cs, const cs_insn *insn)
{
	cs_regs reads, writes;
	uint8_t nreads, nwrites;

	if (cs_regs_access(cs, insn, reads, &nreads, writes, &nwrites) != CS_ERR_OK)
		return true;
	for (uint8_t i = 0; i < nwrites; i++)
		if (writes[i] == X86_REG_RSP || writes[i] == X86_REG_ESP)
			return true;
	return false;
}

static bool jump_goes(const cs_insn *insn, uint64_t next, struct tail *out)
{
	const cs_x86_op *op = &insn->detail->x86.operands[0];

	if (insn->id != X86_INS_JMP || insn->detail->x86.op_count != 1)
		return false;
	if (op->type == X86_OP_IMM) {
		*out = (struct tail){.vaddr = (uint64_t)op->imm};
		return true;
	}
	if (op->type == X86_OP_MEM && op->mem.base == X86_REG_RIP &&
	    op->mem.index == X86_REG_INVALID && op->mem.segment == X86_REG_INVALID) {
		*out = (struct tail){.vaddr = next + (uint64_t)op->mem.disp, .slot = true};
		return true;
	}
	return false;
}

static bool run(csh cs, cs_insn *insn, const uint8_t *code, size_t len, uint64_t vaddr,
		struct tail *out)
{
	const uint64_t start = vaddr, end = vaddr + len;

	for (int n = 0; n < MAX_INSNS; n++) {
		if (!cs_disasm_iter(cs, &code, &len, &vaddr, insn))
			return false;
		if (insn->id == X86_INS_JMP)
			return jump_goes(insn, vaddr, out) &&
			       (out->slot || out->vaddr < start || out->vaddr >= end);
		if (is_branch(cs, insn) || moves_stack(cs, insn))
			return false;
	}
	return false;
}

bool tail_find(const uint8_t *code, size_t len, uint64_t vaddr, struct tail *out)
{
	bool found = false;
	cs_insn *insn;
	csh cs;

	if (cs_open(CS_ARCH_X86, CS_MODE_64, &cs) != CS_ERR_OK)
		return false;
	cs_option(cs, CS_OPT_DETAIL, CS_OPT_ON);
	insn = cs_malloc(cs);
	if (insn) {
		found = run(cs, insn, code, len, vaddr, out);
		cs_free(insn, 1);
	}
	cs_close(&cs);
	return found;
}
