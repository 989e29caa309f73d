/* SPDX-License-Identifier: GPL-2.0 */
/*
 * feature.h: what this kernel and these privileges permit, tried, never guessed from a version.
 * A probe counts as working when it has seen an event.
 */
#ifndef PROBE_FEATURE_H
#define PROBE_FEATURE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "probe/kinds.h"

struct links;

/*
 * Can this kind be used?  0, or -errno of what refused it (-ENODATA: attached, but saw nothing;
 * -EKEYREJECTED: we have a seccomp filter, and see seccomp.h).
 * left: takes over what the trial attached to ourselves, for the kernel takes 30 to 100 ms to
 * detach it and nobody has to wait for that; NULL: detached on return.
 */
int feature_user(enum user_kind kind, struct links *left);
int feature_kernel(enum kernel_kind kind, struct links *left);

/*
 * The first of each that works; USER_AUTO resp. KERNEL_NONE where none does.  Tracepoints, the last
 * resort, are only looked for: unlike fentry and kprobes nothing lets them attach and see nothing.
 */
enum user_kind feature_best_user(struct links *left);
enum kernel_kind feature_best_kernel(struct links *left);

bool feature_btf(void);
bool feature_ringbuf(void);
/* May programs read the kernel's memory?  Not under lockdown=confidentiality. */
bool feature_reads(void);

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
/* stop: looked at in between, where nobody may want to know any more; -ECANCELED then.  NULL: none.
 */
int feature_costs(enum user_kind kind, const atomic_bool *stop, struct feature_costs *out);

#endif
