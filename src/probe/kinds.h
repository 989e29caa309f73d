/* SPDX-License-Identifier: GPL-2.0 */
/* kinds.h: the ways to put a probe into a user's function and on a system call, best first. */
#ifndef PROBE_KINDS_H
#define PROBE_KINDS_H

enum user_kind {
	USER_AUTO,
	USER_SESSION, /* uprobe_multi, one program for entry and return: kernel 6.13 */
	USER_MULTI,   /* uprobe_multi, two links: kernel 6.6 */
	USER_PERF,    /* a perf event per function */
	USER_KINDS,
};

enum kernel_kind {
	KERNEL_AUTO,
	KERNEL_FENTRY,
	KERNEL_KPROBE,
	KERNEL_TRACEPOINT,
	KERNEL_NONE, /* asked for, or nothing works: mappings are not seen */
	KERNEL_KINDS,
};

/* "session", "uprobe_multi", "perf_event" ... as reports and options name them. */
const char *user_kind_name(enum user_kind kind);
const char *kernel_kind_name(enum kernel_kind kind);
/* The option's words: session, multi, perf; fentry, kprobe, tracepoint, none; auto.  -EINVAL. */
int user_kind_parse(const char *word, enum user_kind *out);
int kernel_kind_parse(const char *word, enum kernel_kind *out);

#endif
