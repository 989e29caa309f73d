// SPDX-License-Identifier: GPL-2.0
#include "unwind/cfi.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>

#include "unwind/rule.h"

/* DW_CFA_remember_state nests 1 or 2 deep in what compilers write. */
#define DEPTH 16

struct run {
	const struct cfi_entry *e;
	const uint8_t *p, *end;
	struct rule now, initial, saved[DEPTH];
	const struct rule_machine *machine;
	unsigned int depth;
	uint64_t pc;
	cfi_row_fn fn;
	void *arg;
	bool bad;
	bool changed; /* the rule, since the last row */
};

static uint8_t byte(struct run *r)
{
	if (r->p >= r->end) {
		r->bad = true;
		return 0;
	}
	return *r->p++;
}

static uint64_t uleb(struct run *r)
{
	uint64_t v = 0;

	for (unsigned int shift = 0;; shift += 7) {
		uint8_t b = byte(r);

		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80) || r->bad)
			return v;
	}
}

static int64_t sleb(struct run *r)
{
	uint64_t v = 0;

	for (unsigned int shift = 0;; shift += 7) {
		uint8_t b = byte(r);

		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		if ((b & 0x80) && !r->bad)
			continue;
		if ((b & 0x40) && shift + 7 < 64)
			v |= ~0ull << (shift + 7);
		return (int64_t)v;
	}
}

static uint64_t fixed(struct run *r, unsigned int n)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < n; i++)
		v |= (uint64_t)byte(r) << (8 * i);
	return v;
}

/* An expression's bytes; NULL where they do not lie within the instructions. */
static const uint8_t *block(struct run *r, uint64_t *len)
{
	const uint8_t *p;

	*len = uleb(r);
	if (r->bad || *len > (uint64_t)(r->end - r->p)) {
		r->bad = true;
		return NULL;
	}
	p = r->p;
	r->p += *len;
	return p;
}

static int emit(struct run *r)
{
	struct hw_row row = {.pc = (uint32_t)r->pc, .kind = HW_ROW_SIGNAL};

	/* The same as before: it need not be said. */
	if (!r->changed)
		return 0;
	r->changed = false;
	if (!r->e->signal)
		row = rule_row(&r->now, r->machine, (uint32_t)r->pc);
	return r->fn(r->arg, &row);
}

static int advance(struct run *r, uint64_t by)
{
	uint64_t rest = r->e->pc + r->e->size - r->pc;
	int err = 0;

	if (!by)
		return 0;
	/* Beyond the function nothing holds. */
	if (by > rest) {
		r->bad = true;
		return 0;
	}
	err = emit(r);
	r->pc += by;
	return err;
}

static int64_t factored(const struct run *r, int64_t v)
{
	int64_t out;

	return __builtin_mul_overflow(v, r->e->data_align, &out) ? INT64_MAX : out;
}

/* Where that register's value is kept, or NULL: nobody asks for it. */
static struct rule_place *place(const struct run *r, struct rule *rule, uint64_t reg)
{
	return reg == r->machine->bp ? &rule->bp : reg == r->machine->ra ? &rule->ra : NULL;
}

static void set_rule(struct run *r, uint64_t reg, int where, int64_t at)
{
	struct rule_place *to = place(r, &r->now, reg);

	if (!to)
		return;
	r->changed = true;
	*to = (struct rule_place){.where = where, .at = at};
}

static void restore(struct run *r, uint64_t reg)
{
	struct rule_place *to = place(r, &r->now, reg);

	if (!to)
		return;
	r->changed = true;
	*to = *place(r, &r->initial, reg);
}

static void set_cfa(struct run *r, uint64_t reg, int64_t offset)
{
	r->now.kind = reg == r->machine->sp   ? HW_ROW_SP
		      : reg == r->machine->bp ? HW_ROW_BP
					      : HW_ROW_UNKNOWN;
	r->now.cfa = offset;
}

/*
 * The expressions that compilers and linkers write for a CFA on x86-64:
 * PLT: rsp + 8 + (((rip & 15) >= N) << 3), N 11 for lazy entries and 9 or 5 for others, and
 * rbp-based: *(rbp + n), of functions that align their stack.
 */
static void cfa_expression(struct run *r, const uint8_t *p, uint64_t len)
{
	static const uint8_t plt[] = {DW_OP_breg7, 8,	      DW_OP_breg16, 0,
				      DW_OP_lit15, DW_OP_and, DW_OP_lit11,  DW_OP_ge,
				      DW_OP_lit3,  DW_OP_shl, DW_OP_plus};

	r->now.kind = HW_ROW_UNKNOWN;
	r->now.cfa = 0;
	if (r->machine->link)
		return;
	if (len == sizeof(plt) && !memcmp(p, plt, len)) {
		r->now.kind = HW_ROW_PLT;
		r->now.cfa = 8;
	} else if (len == 3 && p[0] == DW_OP_breg6 && !(p[1] & 0x80) && p[2] == DW_OP_deref) {
		r->now.kind = HW_ROW_BP_DEREF;
		r->now.cfa = p[1] & 0x40 ? (int64_t)p[1] - 0x80 : p[1];
	}
}

static void expression(struct run *r, uint64_t reg)
{
	uint64_t len;
	const uint8_t *p = block(r, &len);

	/* "at *rbp": what gcc writes for functions that align their stack. */
	if (p && reg == r->machine->bp && !r->machine->link && len == 2 && p[0] == DW_OP_breg6 &&
	    p[1] == 0) {
		set_rule(r, reg, RULE_AT_BP, 0);
		return;
	}
	set_rule(r, reg, RULE_LOST, 0);
}

static int extended(struct run *r, uint8_t op)
{
	uint64_t reg, len;
	const uint8_t *p;

	switch (op) {
	case DW_CFA_advance_loc1:
		return advance(r, fixed(r, 1) * r->e->code_align);
	case DW_CFA_advance_loc2:
		return advance(r, fixed(r, 2) * r->e->code_align);
	case DW_CFA_advance_loc4:
		return advance(r, fixed(r, 4) * r->e->code_align);
	case DW_CFA_def_cfa:
		reg = uleb(r);
		set_cfa(r, reg, (int64_t)uleb(r));
		return 0;
	case DW_CFA_def_cfa_sf:
		reg = uleb(r);
		set_cfa(r, reg, factored(r, sleb(r)));
		return 0;
	case DW_CFA_def_cfa_register:
		set_cfa(r, uleb(r), r->now.cfa);
		return 0;
	case DW_CFA_def_cfa_offset_sf:
		r->now.cfa = factored(r, sleb(r));
		return 0;
	case DW_CFA_def_cfa_expression:
		p = block(r, &len);
		if (p)
			cfa_expression(r, p, len);
		return 0;
	case DW_CFA_expression:
		expression(r, uleb(r));
		return 0;
	case DW_CFA_val_expression:
		reg = uleb(r);
		block(r, &len);
		set_rule(r, reg, RULE_LOST, 0);
		return 0;
	case DW_CFA_offset_extended:
		reg = uleb(r);
		set_rule(r, reg, RULE_AT_CFA, factored(r, (int64_t)uleb(r)));
		return 0;
	case DW_CFA_offset_extended_sf:
		reg = uleb(r);
		set_rule(r, reg, RULE_AT_CFA, factored(r, sleb(r)));
		return 0;
	case DW_CFA_GNU_negative_offset_extended:
		reg = uleb(r);
		set_rule(r, reg, RULE_AT_CFA, factored(r, -(int64_t)uleb(r)));
		return 0;
	case DW_CFA_val_offset:
	case DW_CFA_val_offset_sf:
		reg = uleb(r);
		sleb(r);
		set_rule(r, reg, RULE_LOST, 0);
		return 0;
	case DW_CFA_register:
		reg = uleb(r);
		uleb(r);
		set_rule(r, reg, RULE_LOST, 0);
		return 0;
	case DW_CFA_undefined:
		reg = uleb(r);
		set_rule(r, reg, reg == r->machine->ra ? RULE_NONE : RULE_LOST, 0);
		return 0;
	case DW_CFA_same_value:
		set_rule(r, uleb(r), RULE_SAME, 0);
		return 0;
	case DW_CFA_restore_extended:
		restore(r, uleb(r));
		return 0;
	case DW_CFA_remember_state:
		r->bad |= r->depth == DEPTH;
		if (!r->bad)
			r->saved[r->depth++] = r->now;
		return 0;
	case DW_CFA_restore_state:
		r->bad |= !r->depth;
		if (!r->bad)
			r->now = r->saved[--r->depth];
		return 0;
	case DW_CFA_GNU_args_size:
		uleb(r);
		return 0;
	case DW_CFA_AARCH64_negate_ra_state:
		/* Signed or not: that is taken off all return addresses. */
		r->bad |= !r->machine->link;
		return 0;
	}
	/* DW_CFA_set_loc too: no compiler writes it for this machine. */
	r->bad = true;
	return 0;
}

/* Most numbers are of one byte. */
static inline uint64_t small(struct run *r)
{
	return r->p < r->end && !(*r->p & 0x80) ? *r->p++ : uleb(r);
}

static int instructions(struct run *r, const uint8_t *p, const uint8_t *end)
{
	int err = 0;

	r->p = p;
	r->end = end;
	while (!err && !r->bad && r->p < r->end) {
		uint8_t op = *r->p++, low = op & 0x3f;

		switch (op & 0xc0) {
		case DW_CFA_advance_loc:
			err = advance(r, low * r->e->code_align);
			break;
		case DW_CFA_offset:
			set_rule(r, low, RULE_AT_CFA, factored(r, (int64_t)small(r)));
			break;
		case DW_CFA_restore:
			restore(r, low);
			break;
		default:
			r->changed |= op != DW_CFA_nop;
			if (op == DW_CFA_def_cfa_offset)
				r->now.cfa = (int64_t)small(r);
			else if (op != DW_CFA_nop)
				err = extended(r, op);
		}
	}
	return err;
}

/* From here on nothing is known, which the row before does not say. */
static int refuse(struct run *r)
{
	struct hw_row row = {.pc = (uint32_t)r->pc, .kind = HW_ROW_NONE};
	int err = r->fn(r->arg, &row);

	return err ? err : -EBADMSG;
}

int cfi_run(const struct cfi_entry *e, cfi_row_fn fn, void *arg)
{
	struct run r;
	int err;

	/* All but `saved`, which is larger than the rest. */
	r.e = e;
	r.depth = 0;
	r.pc = e->pc;
	r.fn = fn;
	r.arg = arg;
	r.bad = false;
	r.changed = true;
	r.machine = rule_machine(e->machine);
	if (!r.machine || e->return_register != r.machine->ra)
		return refuse(&r);
	r.now = rule_blank(r.machine);
	r.initial = (struct rule){0};
	err = instructions(&r, e->initial, e->initial_end);
	/* Initial instructions are of no place: one that advances is none. */
	r.bad |= r.pc != e->pc;
	r.initial = r.now;
	if (!err && !r.bad)
		err = instructions(&r, e->start, e->end);
	if (err)
		return err;
	return r.bad ? refuse(&r) : emit(&r);
}
