/* SPDX-License-Identifier: GPL-2.0 */
/* limits.h: the bounds that kernel and daemon agree on. */
#ifndef HEAPWATCH_LIMITS_H
#define HEAPWATCH_LIMITS_H

/* Frames kept of a user stack, the leaf included. */
#define HW_MAX_FRAMES 128

/* Ring buffers at most; a process's events always go to the same one. */
#define HW_MAX_RINGS 16

/* A frame-pointer chain that steps further than this in one frame is not a chain. */
#define HW_MAX_FRAME_SIZE (1 << 20)

/* A process's name (TASK_COMM_LEN), and what is kept of the path that exec was given. */
#define HW_COMM	     16
#define HW_EXEC_PATH 256

#endif
