/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stacks.h: the frames of the distinct stacks of one program image: a stack's key -> a small id and
 * its frames, kept once.  A fork's child has its parent's image, so both use one table, by
 * reference count; an exec starts another.  Stacks are never removed.  Id 0 is the unknown stack.
 * Pure; tables that share belong to one thread.
 */
#ifndef MODEL_STACKS_H
#define MODEL_STACKS_H

#include <stddef.h>
#include <stdint.h>

struct stacks;

struct stack {
	uint64_t key;
	const uint64_t *pc; /* leaf first; valid until the next stacks__add; NULL where none */
	uint32_t nframes;
	uint32_t flags; /* HW_STACK_* */
};

/* One reference, the caller's.  NULL where memory is out. */
struct stacks *stacks__new(void);
struct stacks *stacks__ref(struct stacks *s);
/* Give a reference back; the last frees it.  NULL is legal. */
void stacks__put(struct stacks *s);

/*
 * Make a stack known.  One that is known already keeps its first frames.  Returns 0, -EINVAL
 * (key 0), -ENOMEM, -ENOSPC (as many as a block's entry can name): it stays unknown.
 */
int stacks__add(struct stacks *s, uint64_t key, uint32_t flags, uint32_t nframes,
		const uint64_t *pc);
/* The stack's id, or 0. */
uint32_t stacks__find(const struct stacks *s, uint64_t key);
/* id < stacks__count. */
void stacks__get(const struct stacks *s, uint32_t id, struct stack *out);
/* The key that the stack has without its first frames (heapwatch/mix.h); leave <= nframes.  The
 * same as that of a walk that began there. */
uint64_t stack_key_without(const struct stack *s, uint32_t leave);
/* The unknown one included, so at least 1. */
uint32_t stacks__count(const struct stacks *s);
/* A number that this table gives once. */
uint32_t stacks__serial(struct stacks *s);
/* Heap memory, bytes; to be counted once for all who share it. */
size_t stacks__memory(const struct stacks *s);

#endif
