/* SPDX-License-Identifier: GPL-2.0 */
/*
 * touches.h: the perf events behind hw_touch (bpf/touch.bpf.c): page faults, of each CPU.  They
 * belong to this process: when it ends, however it ends, the kernel closes them.
 *
 * All processes' faults are counted, watched or not, which costs each some ten ns; each so many
 * comes to the program, which costs a tenth of a microsecond: so many that this is a few thousand a
 * second.
 */
#ifndef PROBE_TOUCHES_H
#define PROBE_TOUCHES_H

struct bpf_program;
struct touches;

/* Does such an event see a page fault of our own?  0, or -errno (-ENODATA: it saw nothing). */
int touches_try(void);

/* counter_fd: of the map hw_faults.  0; -errno: the kernel has no such event, or not for us. */
int touches__new(struct bpf_program *prog, int counter_fd, struct touches **out);
/* Closes them.  NULL is fine. */
void touches__free(struct touches *t);

/* To be called some times a second, from one thread: sets how many faults one stands for. */
void touches__adjust(struct touches *t);

#endif
