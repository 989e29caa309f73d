/* SPDX-License-Identifier: GPL-2.0 */
/*
 * feature.h: what this kernel and these privileges permit, tried, never guessed from a version.
 * A probe counts as working when it has seen an event.
 */
#ifndef PROBE_FEATURE_H
#define PROBE_FEATURE_H

#include <stdbool.h>

#include "probe/kinds.h"

/* Can this kind be used?  0, or -errno of what refused it (-ENODATA: attached, but saw nothing). */
int feature_user(enum user_kind kind);
int feature_kernel(enum kernel_kind kind);

/* The first of each that works; USER_AUTO resp. KERNEL_NONE where none does. */
enum user_kind feature_best_user(void);
enum kernel_kind feature_best_kernel(void);

bool feature_btf(void);
bool feature_ringbuf(void);

/* Is the calling process in the initial pid namespace?  Only there do pids mean to the kernel's
 * side what they mean to us. */
bool feature_initial_pidns(void);

/*
 * See to it that tracefs can be read: where nobody mounted it, mount it in a mount namespace of our
 * own, which ends with us.  Call while there is one thread.  0 or -errno.
 */
int feature_tracefs(void);

/* ns of one trap, measured on ourselves. */
struct feature_costs {
	double emulated;     /* an entry at an instruction that the kernel emulates */
	double stepped;	     /* ... that it must single-step */
	double entry_return; /* entry and return, by the best user kind, at an emulated place */
};
int feature_costs(enum user_kind kind, struct feature_costs *out);

#endif
