/* SPDX-License-Identifier: GPL-2.0 */
/* walk.bpf.h: what the steps of a walk over a user stack share. */
#ifndef HW_WALK_BPF_H
#define HW_WALK_BPF_H

#include "core.bpf.h"
#include "heapwatch/mix.h"
#include "heapwatch/unwind.h"

/* What the next turn of the walk's loop does. */
enum hw_walk_mode {
	HW_WALK_NATIVE, /* step over a frame of the C stack */
	HW_WALK_PYTHON, /* take a frame of the interpreter's */
	HW_WALK_SCAN,	/* look for the end of its run of frames */
	HW_WALK_FIND,	/* look for the thread's state */
	HW_WALK_MATCH,	/* look for the run that belongs to this C frame */
};

/*
 * What the steps share.  All numbers of the walk are in the thread's slot, for what is read from a
 * map is any number to the verifier: then each frame looks to it like the one before, and it has
 * seen all of them after two.  Numbers on the BPF stack it would follow through all 64.
 */
struct hw_ctx {
	struct hw_thread *t;
	struct hw_space *space; /* NULL: no rows for this process */
	struct hw_proc *p;
};

static __always_inline void hw_push(struct hw_thread *t, __u64 pc)
{
	struct hw_walk *w = &t->walk;

	t->rec.pc[w->n & (HW_MAX_FRAMES - 1)] = pc;
	w->n++;
	w->key_before = w->key;
	w->key = hw_mix(w->key, pc);
}

/* Take the last frame back: once after a push. */
static __always_inline __u64 hw_pop(struct hw_thread *t)
{
	struct hw_walk *w = &t->walk;

	w->n--;
	w->key = w->key_before;
	return t->rec.pc[w->n & (HW_MAX_FRAMES - 1)];
}

static __always_inline long hw_stop(struct hw_thread *t, __u32 flag)
{
	t->walk.flags |= flag;
	return 1;
}

/* A frame of the C stack more, and on from there. */
static __always_inline long hw_resume(struct hw_thread *t, __u64 ip, __u64 sp, __u64 bp)
{
	struct hw_walk *w = &t->walk;

	if (w->n >= HW_MAX_FRAMES)
		return hw_stop(t, HW_STACK_FULL);
	hw_push(t, ip);
	w->ip = ip;
	w->sp = sp;
	w->bp = bp;
	w->exact = false;
	return 0;
}

#endif
