/* SPDX-License-Identifier: GPL-2.0 */
/*
 * python.bpf.h: the frames of a CPython interpreter, read from its memory (heapwatch/python.h) and
 * put in the place of those of its eval function.  Each run of that function has a mark on the C
 * stack, which says which of its C frames the run is, wherever the compiler has put its code.
 * Nothing is trusted: what is read is either an object of type "code", or no frame.
 */
#ifndef HW_PYTHON_BPF_H
#define HW_PYTHON_BPF_H

#include "pycode.bpf.h"

/* Any frame of the eval function: where the mark is further up than we look. */
#define HW_PY_ANYWHERE 1

/* In place of a thread's state: there was none. */
#define HW_PY_LOOKED 1

/* Turns of a walk's loop at most, with those of looking for the state of one of many threads. */
#define HW_PY_TURNS 8192

static __always_inline void hw_py_none(struct hw_walk *w)
{
	w->py_at = 0;
	w->py_frame = 0;
}

/* The run that this cframe is the mark of is the next. */
static __always_inline void hw_py_cframe(struct hw_ctx *c, __u64 cframe)
{
	const struct hw_python *py = &c->space->python;
	struct hw_walk *w = &c->t->walk;

	if (!hw_py_read(c->t, cframe, py->cframe_size)) {
		hw_py_none(w);
		return;
	}
	w->py_at = cframe;
	w->py_cframe = hw_py_word(c->t, py->cframe_previous);
	if (py->style != HW_PYTHON_CFRAME)
		w->py_frame = hw_py_word(c->t, py->cframe_frame);
	if (!w->py_frame)
		w->py_at = 0;
}

/* The run starts with py_frame; where it belongs is to be seen. */
static __always_inline void hw_py_scan_from(struct hw_walk *w)
{
	w->py_then = w->mode;
	w->py_at = 0;
	w->py_scan = w->py_frame;
	w->py_steps = 0;
	if (w->py_scan)
		w->mode = HW_WALK_SCAN;
}

/* The frames of a thread's state, if it is this thread's. */
static __always_inline bool hw_py_begin(struct hw_ctx *c, __u64 state)
{
	const struct hw_python *py = &c->space->python;
	struct hw_thread *t = c->t;
	struct hw_walk *w = &t->walk;

	if (!hw_py_read(t, state, py->thread_size) ||
	    hw_py_word(t, py->thread_id) != hw_thread_pointer())
		return false;
	w->py_frame = hw_py_word(t, py->thread_frame);
	if (py->style == HW_PYTHON_CSTACK)
		hw_py_scan_from(w);
	else if (py->style != HW_PYTHON_FRAMES)
		hw_py_cframe(c, hw_py_word(t, py->thread_cframe));
	return true;
}

/* To the run after this one. */
static __always_inline void hw_py_next_run(struct hw_ctx *c)
{
	struct hw_walk *w = &c->t->walk;

	if (c->space->python.style == HW_PYTHON_CSTACK)
		hw_py_scan_from(w);
	else if (c->space->python.style != HW_PYTHON_FRAMES)
		hw_py_cframe(c, w->py_cframe);
}

static __always_inline long hw_py_resume(struct hw_thread *t)
{
	struct hw_walk *w = &t->walk;

	return hw_resume(t, w->ip_after, w->sp_after, w->bp_after);
}

/* No frames of the interpreter's in this walk: the eval function's frame stays as it is. */
static __always_inline long hw_py_fail(struct hw_ctx *c)
{
	struct hw_walk *w = &c->t->walk;

	w->flags |= HW_STACK_NOPYTHON;
	if (w->mode == HW_WALK_PYTHON && w->n == w->py_first)
		hw_push(c->t, w->py_pc);
	w->mode = HW_WALK_NATIVE;
	w->py_searched = true;
	hw_py_none(w);
	return hw_py_resume(c->t);
}

static __always_inline bool hw_py_in_eval(const struct hw_python *py, const struct hw_walk *w)
{
	__u64 pc = w->exact ? w->ip : w->ip - 1;

	return pc >= py->eval && pc < py->eval_end;
}

/* Is the frame between w->sp and sp the one of the run that is next? */
static __always_inline bool hw_py_is_next(const struct hw_python *py, const struct hw_walk *w,
					  __u64 sp)
{
	if (py->style == HW_PYTHON_FRAMES)
		return w->py_frame && hw_py_in_eval(py, w);
	if (w->py_at == HW_PY_ANYWHERE)
		return hw_py_in_eval(py, w);
	return w->py_at && w->py_at >= w->sp && w->py_at < sp;
}

/* The run takes the place of the frame that was pushed last. */
static __always_inline void hw_py_replace(struct hw_thread *t)
{
	struct hw_walk *w = &t->walk;

	w->py_pc = hw_pop(t);
	w->py_first = w->n;
	w->mode = HW_WALK_PYTHON;
}

/* Look for the thread's state, and go on with that mode. */
static __always_inline void hw_py_find_then(struct hw_ctx *c, __u8 mode)
{
	const struct hw_python *py = &c->space->python;
	struct hw_walk *w = &c->t->walk;

	w->py_interp = hw_py_pointer(c->t, py->runtime + py->interpreters_head);
	w->py_scan = w->py_interp ? hw_py_pointer(c->t, w->py_interp + py->threads_head) : 0;
	w->py_then = mode;
	w->mode = HW_WALK_FIND;
}

/* Stepping from a C frame to its caller (ip, sp, bp): true where the interpreter's frames come
 * first. */
static __always_inline bool hw_py_here(struct hw_ctx *c, __u64 ip, __u64 sp, __u64 bp)
{
	const struct hw_python *py = &c->space->python;
	struct hw_walk *w = &c->t->walk;
	bool next = hw_py_is_next(py, w, sp);

	if (!next) {
		if (!hw_py_in_eval(py, w))
			return false;
		if (w->py_searched) {
			w->flags |= HW_STACK_NOPYTHON;
			return false;
		}
	}
	w->ip_after = ip;
	w->sp_after = sp;
	w->bp_after = bp;
	if (next) {
		hw_py_replace(c->t);
		return true;
	}
	w->py_searched = true;
	hw_py_find_then(c, HW_WALK_MATCH);
	return true;
}

/*
 * At the begin of a walk.  A thread's state is looked for once; where there is none, as in a thread
 * that has not begun yet or is none of Python's, again when the eval function is met.
 */
static __always_inline void hw_py_start(struct hw_ctx *c)
{
	struct hw_thread *t = c->t;

	if (!t->py_state)
		hw_py_find_then(c, HW_WALK_NATIVE);
	else if (t->py_state != HW_PY_LOOKED && !hw_py_begin(c, t->py_state))
		t->py_state = HW_PY_LOOKED;
}

/* ---- turns of the walk's loop ---- */

/* How many code units are behind the function's begin, plus 1. */
static __always_inline __u64 hw_py_unit(const struct hw_python *py, __u64 instr, __u64 code)
{
	if (py->style == HW_PYTHON_FRAMES || py->style == HW_PYTHON_CFRAME) {
		if (py->frame_instr & 4)
			instr >>= 32;
		if (instr & 0x80000000)
			return 0;
		/* Bytes in 3.9, code units in 3.10. */
		return ((__u32)instr >> (py->style == HW_PYTHON_FRAMES)) + 1;
	}
	code += py->code_size;
	return instr < code ? 0 : ((instr - code) >> 1) + 1;
}

static __always_inline long hw_py_frame(struct hw_ctx *c)
{
	const struct hw_python *py = &c->space->python;
	struct hw_thread *t = c->t;
	struct hw_walk *w = &t->walk;
	__u64 code, end;

	if (w->n >= HW_MAX_FRAMES)
		return hw_stop(t, HW_STACK_FULL);
	if (!hw_py_read(t, w->py_frame, py->frame_size))
		return hw_py_fail(c);
	code = hw_py_word(t, py->frame_code);
	end = hw_py_word(t, py->frame_end) >> ((py->frame_end & 7) * 8) & 0xff;
	w->py_frame = hw_py_word(t, py->frame_back);
	if (py->style < HW_PYTHON_CFRAME_CSTACK || end != HW_PYTHON_OWNER_CSTACK) {
		if (!hw_py_push(c, code, hw_py_unit(py, hw_py_word(t, py->frame_instr), code)))
			return hw_py_fail(c);
		if (w->py_frame && (py->style >= HW_PYTHON_CFRAME_CSTACK ||
				    (py->style == HW_PYTHON_CFRAME_ENTRY && !end)))
			return 0;
	}
	w->mode = HW_WALK_NATIVE;
	hw_py_next_run(c);
	return hw_py_resume(t);
}

static __always_inline long hw_py_scan(struct hw_ctx *c)
{
	const struct hw_python *py = &c->space->python;
	struct hw_thread *t = c->t;
	struct hw_walk *w = &t->walk;
	__u64 end;

	if (w->py_steps++ >= HW_MAX_FRAMES) {
		w->py_at = HW_PY_ANYWHERE;
		w->mode = w->py_then;
		return 0;
	}
	if (!hw_py_read(t, w->py_scan, py->frame_size)) {
		w->mode = w->py_then;
		return 0;
	}
	end = hw_py_word(t, py->frame_end) >> ((py->frame_end & 7) * 8) & 0xff;
	if (end == HW_PYTHON_OWNER_CSTACK) {
		w->py_at = w->py_scan;
		w->mode = w->py_then;
	}
	w->py_scan = hw_py_word(t, py->frame_back);
	return 0;
}

static __always_inline long hw_py_find(struct hw_ctx *c)
{
	const struct hw_python *py = &c->space->python;
	struct hw_thread *t = c->t;
	struct hw_walk *w = &t->walk;

	if (!w->py_scan) {
		if (w->py_interp)
			w->py_interp = hw_py_pointer(t, w->py_interp + py->interpreter_next);
		if (!w->py_interp && w->py_then == HW_WALK_NATIVE) {
			t->py_state = HW_PY_LOOKED;
			w->mode = HW_WALK_NATIVE;
			return 0;
		}
		if (!w->py_interp)
			return hw_py_fail(c);
		w->py_scan = hw_py_pointer(t, w->py_interp + py->threads_head);
		return 0;
	}
	t->py_state = w->py_scan;
	w->mode = w->py_then;
	if (hw_py_begin(c, t->py_state))
		return 0;
	t->py_state = HW_PY_LOOKED;
	w->mode = HW_WALK_FIND;
	w->py_scan = hw_py_pointer(t, w->py_scan + py->thread_next);
	return 0;
}

/* After the state was found in the midst of a walk: runs of C frames that were passed already. */
static __always_inline long hw_py_match(struct hw_ctx *c)
{
	struct hw_walk *w = &c->t->walk;

	if (hw_py_is_next(&c->space->python, w, w->sp_after)) {
		hw_py_replace(c->t);
		return 0;
	}
	if (!w->py_at || w->py_at >= w->sp)
		return hw_py_fail(c);
	w->flags |= HW_STACK_NOPYTHON;
	if (c->space->python.style != HW_PYTHON_CSTACK) {
		hw_py_next_run(c);
		return 0;
	}
	/* The mark is the run's last frame. */
	w->py_frame = hw_py_pointer(c->t, w->py_at + c->space->python.frame_back);
	hw_py_next_run(c);
	return 0;
}

static __noinline long hw_py_step(struct hw_ctx *c)
{
	switch (c->t->walk.mode) {
	case HW_WALK_PYTHON:
		return hw_py_frame(c);
	case HW_WALK_SCAN:
		return hw_py_scan(c);
	case HW_WALK_FIND:
		return hw_py_find(c);
	default:
		return hw_py_match(c);
	}
}

#endif
