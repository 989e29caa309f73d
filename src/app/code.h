/* SPDX-License-Identifier: GPL-2.0 */
/*
 * code.h: where an allocator's functions lie, so that what was mapped inside one is told from what
 * the program mapped itself.  Where each call is probed the records say it (HW_VM_IN_ALLOC); where
 * only large blocks are, or none, the stack does; but not where the function jumped to another that
 * has no name, as glibc's memalign does.
 */
#ifndef APP_CODE_H
#define APP_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snapshot;
struct target;
struct watched;

/* Ranges of a file, by offset. */
struct code {
	size_t n;
	struct code_range {
		uint64_t start, end;
	} * ranges;
};

/* What target says; nothing where memory is out: then mappings stay the program's. */
struct code code_of(const struct target *target);
void code_free(struct code *c);
/* The caller's. */
struct code code_copy(const struct code *c);

/* ledger_leave_fn (ledger.h); watched: the process. */
uint32_t code_leave(void *watched, const uint64_t *pc, uint32_t nframes);

/* Mappings of the program that one of the process's allocators asked for are the allocator's, and
 * no callsites.  s: with all its sites. */
void code_apply(const struct watched *w, struct snapshot *s);

#endif
