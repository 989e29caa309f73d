// SPDX-License-Identifier: GPL-2.0
#include "probe/place.h"

#include <capstone/capstone.h>
#include <errno.h>
#include <stdbool.h>

/* How far down the line; a prologue is shorter. */
#define MAX_BYTES 64
#define MAX_INSNS 16

struct decoder {
	csh cs;
	cs_insn *insn;
	const uint8_t *code;
	size_t len;
	uint64_t vaddr;
	unsigned int args; /* registers with arguments */
};

static bool is_bad_prefix(uint8_t byte)
{
	/* The kernel refuses a probe on these (is_prefix_bad); `notrack` and `cs nopw` are such. */
	return byte == 0x26 || byte == 0x2e || byte == 0x36 || byte == 0x3e || byte == 0xf0;
}

static bool is_prefix(uint8_t byte)
{
	return byte == 0x64 || byte == 0x65 || byte == 0x66 || byte == 0x67 || byte == 0xf2 ||
	       byte == 0xf3;
}

static bool is_refused(const uint8_t *insn, size_t len)
{
	for (size_t i = 0; i < len && (is_prefix(insn[i]) || is_bad_prefix(insn[i])); i++)
		if (is_bad_prefix(insn[i]))
			return true;
	return false;
}

static bool is_jcc(uint8_t opcode)
{
	return opcode >= 0x70 && opcode <= 0x7f;
}

/*
 * Where kernels differ, the dearer: 0x90 with f3 (pause) or REX.B (xchg) was a nop to old ones.
 * But 0f 1f counts as emulated, which it is from Linux 6.16 on: stepped, it is no dearer than
 * the entry.
 */
enum place_cost place_cost_of(const uint8_t *insn, size_t len)
{
	bool opsize = false, other = false;
	uint8_t rex = 0, op;
	size_t i = 0;

	for (; i < len && is_prefix(insn[i]); i++) {
		if (insn[i] == 0x66)
			opsize = true;
		else
			other = true;
	}
	if (i < len && (insn[i] & 0xf0) == 0x40)
		rex = insn[i++];
	if (i >= len || is_bad_prefix(insn[i]))
		return PLACE_STEPPED;
	op = insn[i++];
	len -= i;

	/* push_setup_xol_ops: at most two bytes, the only prefix it knows is 0x41. */
	if (op >= 0x50 && op <= 0x57)
		return i == 1 || (i == 2 && rex == 0x41) ? PLACE_EMULATED : PLACE_STEPPED;
	if (op == 0x90)
		return other || (rex & 1) ? PLACE_STEPPED : PLACE_EMULATED;
	if (op == 0x0f && len >= 2 && insn[i] == 0x1f) /* only /0 is architecturally a nop */
		return other || rex || (insn[i + 1] & 0x38) ? PLACE_STEPPED : PLACE_EMULATED;
	/* A branch with 0x66 means different things to Intel and AMD: the kernel refuses it. */
	if (opsize)
		return PLACE_STEPPED;
	if (op == 0xeb || is_jcc(op))
		return len >= 1 ? PLACE_EMULATED : PLACE_STEPPED;
	if (op == 0xe8 || op == 0xe9)
		return len >= 4 ? PLACE_EMULATED : PLACE_STEPPED;
	if (op == 0x0f && len >= 5 && is_jcc((uint8_t)(insn[i] - 0x10)))
		return PLACE_EMULATED;
	return PLACE_STEPPED;
}

/* Decode the instruction at this offset; false where there is none. */
static bool decode(struct decoder *d, size_t at)
{
	const uint8_t *code = d->code + at;
	size_t left = d->len - at;
	uint64_t vaddr = d->vaddr + at;

	return left && cs_disasm_iter(d->cs, &code, &left, &vaddr, d->insn) && d->insn->size;
}

/* A list of what is harmless, not of what is harmful: what capstone gets wrong can't hurt. */
static bool is_plain(unsigned int id)
{
	switch (id) {
	case X86_INS_ENDBR64:
	case X86_INS_NOP:
	case X86_INS_TEST:
	case X86_INS_CMP:
	case X86_INS_MOV:
	case X86_INS_MOVABS:
	case X86_INS_MOVZX:
	case X86_INS_MOVSX:
	case X86_INS_MOVSXD:
	case X86_INS_LEA:
	case X86_INS_XOR:
	case X86_INS_AND:
	case X86_INS_OR:
	case X86_INS_ADD:
	case X86_INS_SUB:
	case X86_INS_XADD:
	case X86_INS_ADC:
	case X86_INS_SBB:
	case X86_INS_INC:
	case X86_INS_DEC:
	case X86_INS_NEG:
	case X86_INS_NOT:
	case X86_INS_SHL:
	case X86_INS_SHR:
	case X86_INS_SAR:
	case X86_INS_BT:
	case X86_INS_CDQE:
	case X86_INS_SETA:
	case X86_INS_SETAE:
	case X86_INS_SETB:
	case X86_INS_SETBE:
	case X86_INS_SETE:
	case X86_INS_SETNE:
		return true;
	default:
		return false;
	}
}

/* Registers that neither hold one of so many arguments nor lead up the stack. */
static bool is_spare(unsigned int reg, unsigned int args)
{
	switch (reg) {
	case X86_REG_RCX:
	case X86_REG_ECX:
	case X86_REG_CX:
	case X86_REG_CH:
	case X86_REG_CL:
		return args < 4;
	case X86_REG_RDX:
	case X86_REG_EDX:
	case X86_REG_DX:
	case X86_REG_DH:
	case X86_REG_DL:
		return args < 3;
	case X86_REG_RSI:
	case X86_REG_ESI:
	case X86_REG_SI:
	case X86_REG_SIL:
		return args < 2;
	case X86_REG_EFLAGS:
	case X86_REG_RAX:
	case X86_REG_EAX:
	case X86_REG_AX:
	case X86_REG_AH:
	case X86_REG_AL:
	case X86_REG_RBX:
	case X86_REG_EBX:
	case X86_REG_BX:
	case X86_REG_BH:
	case X86_REG_BL:
		return true;
	default:
		return (reg >= X86_REG_R8 && reg <= X86_REG_R15) ||
		       (reg >= X86_REG_R8B && reg <= X86_REG_R15B) ||
		       (reg >= X86_REG_R8D && reg <= X86_REG_R15D) ||
		       (reg >= X86_REG_R8W && reg <= X86_REG_R15W);
	}
}

/* What the decoded instruction writes first, whatever the library's tables say; or NULL. */
static const cs_x86_op *destination(const struct decoder *d)
{
	const cs_x86 *x86 = &d->insn->detail->x86;

	return d->insn->id == X86_INS_TEST || d->insn->id == X86_INS_CMP ||
		       d->insn->id == X86_INS_BT || d->insn->id == X86_INS_NOP || !x86->op_count
		   ? NULL
		   : &x86->operands[0];
}

/* The decoded instruction may run before the probe: the entry's state survives it.  Memory may be
 * read, and written where it is not the stack: no argument and no return address is there. */
static bool may_skip(const struct decoder *d)
{
	const cs_x86_op *to = destination(d);
	cs_regs reads, writes;
	uint8_t nreads, nwrites;
	unsigned int i;

	if (!is_plain(d->insn->id))
		return false;
	if (d->insn->id == X86_INS_NOP)
		return true;
	if (cs_regs_access(d->cs, d->insn, reads, &nreads, writes, &nwrites) != CS_ERR_OK)
		return false;
	for (i = 0; i < nwrites; i++) {
		if (!is_spare(writes[i], d->args))
			return false;
	}
	if (to && to->type == X86_OP_REG)
		return is_spare(to->reg, d->args);
	/* By another register than these it could be the stack too, but no compiler does that. */
	return !to || to->type != X86_OP_MEM ||
	       (to->mem.base != X86_REG_RSP && to->mem.base != X86_REG_RBP &&
		to->mem.base != X86_REG_ESP && to->mem.base != X86_REG_EBP);
}

/* How far down the line the first emulated instruction is; 0: none in reach.  *first: the first
 * that the kernel takes a probe on, if it is not the entry. */
static size_t find_emulated(struct decoder *d, size_t *first)
{
	size_t at = 0;
	int n;

	for (n = 0; n < MAX_INSNS && at < MAX_BYTES && at < d->len; n++) {
		if (!decode(d, at))
			return 0;
		if (place_cost_of(d->code + at, d->insn->size) == PLACE_EMULATED)
			return at;
		if (at && !*first && !is_refused(d->code + at, d->insn->size))
			*first = at;
		if (!may_skip(d))
			return 0;
		at += d->insn->size;
	}
	return 0;
}

/*
 * The decoded instruction could continue behind the entry, no further down than place.  Place
 * itself counts: reached by a jump, the probe would fire for what is not a call.
 */
static bool leads_into(const struct decoder *d, size_t place)
{
	const cs_x86 *x86 = &d->insn->detail->x86;
	const cs_x86_op *op = &x86->operands[0];
	bool jumps = d->insn->id == X86_INS_XBEGIN || cs_insn_group(d->cs, d->insn, X86_GRP_JUMP) ||
		     cs_insn_group(d->cs, d->insn, X86_GRP_BRANCH_RELATIVE);

	if (!jumps && !cs_insn_group(d->cs, d->insn, X86_GRP_CALL))
		return false;
	if (x86->op_count == 1 && op->type == X86_OP_IMM)
		return (uint64_t)op->imm - d->vaddr - 1 < place;
	/* A call comes back behind itself; jmp *x(%rip) is how a PLT leaves; the rest: anywhere. */
	if (!jumps)
		return false;
	return x86->op_count != 1 || op->type != X86_OP_MEM || op->mem.base != X86_REG_RIP ||
	       op->mem.index != X86_REG_INVALID;
}

static bool is_safe(struct decoder *d, size_t place)
{
	size_t at = 0;

	while (at < d->len) {
		if (!decode(d, at) || leads_into(d, place))
			return false;
		at += d->insn->size;
	}
	return true;
}

static int choose(struct decoder *d, int whole, struct place *out)
{
	size_t place, first = 0;
	bool refused;

	if (!decode(d, 0))
		return -EINVAL;
	out->cost = place_cost_of(d->code, d->insn->size);
	refused = is_refused(d->code, d->insn->size);
	if (out->cost == PLACE_EMULATED || !whole)
		return refused ? -EINVAL : 0;
	place = find_emulated(d, &first);
	if (place && is_safe(d, place)) {
		out->moved = (uint32_t)place;
		out->cost = PLACE_EMULATED;
		return 0;
	}
	if (!refused)
		return 0;
	out->moved = (uint32_t)first;
	return first && is_safe(d, first) ? 0 : -EINVAL;
}

int place_choose(const uint8_t *code, size_t len, uint64_t vaddr, unsigned int args, int whole,
		 int is_x86_64, struct place *out)
{
	struct decoder d = {.code = code, .len = len, .vaddr = vaddr, .args = args};
	int err;

	out->moved = 0;
	out->cost = PLACE_STEPPED;
	if (!is_x86_64)
		return 0;
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &d.cs) != CS_ERR_OK)
		return -ENOMEM;
	cs_option(d.cs, CS_OPT_DETAIL, CS_OPT_ON);
	d.insn = cs_malloc(d.cs);
	err = d.insn ? choose(&d, whole, out) : -ENOMEM;
	if (d.insn)
		cs_free(d.insn, 1);
	cs_close(&d.cs);
	return err;
}
