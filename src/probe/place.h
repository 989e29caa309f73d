/* SPDX-License-Identifier: GPL-2.0 */
/*
 * place.h: the cheapest instruction of a function's prologue to put a probe on.
 * A probe may move from the entry down the straight line as long as nothing before it writes a
 * register with an argument that matters (rdi, rsi, rdx, rcx) or rsp or rbp, writes to the stack,
 * leaves the line, or can be jumped over or into: then the arguments, the return address at *rsp
 * and the caller's rbp are still what they were at the entry.  The instruction probed may itself do
 * any of that.
 */
#ifndef PROBE_PLACE_H
#define PROBE_PLACE_H

#include <stddef.h>
#include <stdint.h>

#include "probe/target.h"

/*
 * code: the function's bytes, len of them (its whole body where its size is known: a jump from
 * further down into the skipped part forbids the move; with an unknown size only the prologue is
 * at hand and `whole` is 0: then the entry is the only place).  vaddr: of code[0].  args: how many
 * arguments, from the first, are read at the probe (1 to 4).
 * Fills *out except offset, which the caller adds (moved).  x86-64; any other machine gets the
 * entry and PLACE_STEPPED.  Returns 0, or -EINVAL where the first instruction can't be decoded, or
 * the kernel takes no probe on it (a lock prefix) and no other place is safe.
 */
int place_choose(const uint8_t *code, size_t len, uint64_t vaddr, unsigned int args, int whole,
		 int is_x86_64, struct place *out);

/* What Linux emulates (arch/x86/kernel/uprobes.c: branch_setup_xol_ops, push_setup_xol_ops). */
enum place_cost place_cost_of(const uint8_t *insn, size_t len);

#endif
