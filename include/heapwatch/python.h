/* SPDX-License-Identifier: GPL-2.0 */
/*
 * python.h: what the BPF programs must know of a CPython interpreter to read its frames, and how
 * those stand among a stack's pcs.  All offsets are bytes.
 */
#ifndef HEAPWATCH_PYTHON_H
#define HEAPWATCH_PYTHON_H

#include <linux/types.h>

/*
 * A Python frame is one word where pcs are: this bit, which no user address has; the number of the
 * code unit (2 bytes) that is being executed, plus 1, or 0 where the function has not begun yet;
 * the id of the code object (struct hw_code in event.h).
 */
#define HW_PC_PYTHON	 (1ull << 63)
#define HW_PC_UNIT_SHIFT 44
#define HW_PC_UNIT_MAX	 0x7ffffu /* and all that is more */
#define HW_PC_CODE_MASK	 ((1ull << HW_PC_UNIT_SHIFT) - 1)

/* How frames are chained, which differs from version to version. */
enum hw_python_style {
	HW_PYTHON_NONE,
	HW_PYTHON_FRAMES, /* 3.9: one frame object for each run of the eval function */
	/* The eval function has a CFrame on its C stack, which the thread's state points to: */
	HW_PYTHON_CFRAME,	 /* 3.10: ... still one frame object for each run */
	HW_PYTHON_CFRAME_ENTRY,	 /* 3.11: frames up to one with is_entry */
	HW_PYTHON_CFRAME_CSTACK, /* 3.12: ... up to one whose owner is the C stack */
	HW_PYTHON_CSTACK,	 /* 3.13: only that frame, which is on the C stack */
};

/* FRAME_OWNED_BY_CSTACK of 3.12 and 3.13, Include/internal/pycore_frame.h. */
#define HW_PYTHON_OWNER_CSTACK 3

/* What is read of one object at once: at most this. */
#define HW_PYTHON_WORDS 32

struct hw_python {
	__u64 runtime;	      /* the address of _PyRuntime; 0: no interpreter here */
	__u64 eval, eval_end; /* _PyEval_EvalFrameDefault, without parts that stand elsewhere */
	__u64 code_type;      /* PyCode_Type, or 0; a program may have a copy of its own */
	__u16 style;	      /* enum hw_python_style */
	__u16 minor;	      /* of the version: 9 to 13 */
	__u16 interpreters_head;
	__u16 interpreter_next, threads_head;
	__u16 thread_size, thread_next, thread_id;
	__u16 thread_frame, thread_cframe; /* those of the two that its style has */
	__u16 cframe_size, cframe_frame, cframe_previous;
	__u16 frame_size, frame_code, frame_back;
	__u16 frame_instr; /* f_lasti, prev_instr or instr_ptr */
	__u16 frame_end;   /* is_entry or owner; a byte */
	__u16 code_size;   /* up to the instructions, where they are part of it */
	__u16 code_file, code_name;
	__u16 code_shown; /* co_qualname, or co_name where there is none */
	__u16 code_table, code_first_line;
	__u16 ascii_size, compact_size; /* of a str, before its characters */
	__u32 pad;
};
_Static_assert(sizeof(struct hw_python) == 88, "hw_python");

#endif
