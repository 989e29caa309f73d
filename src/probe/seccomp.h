/* SPDX-License-Identifier: GPL-2.0 */
/*
 * seccomp.h: does a process live on that has a return probe and then gets a seccomp filter?  On
 * x86-64 a uretprobe's trampoline makes a system call from Linux 6.11 on; until February 2025 a
 * filter that does not know it (Docker's default one) made it fail, and the process died
 * (CVE-2025-21834, mended by commit cf6cb56ef244, "seccomp: passthrough uretprobe systemcall
 * without filtering").
 */
#ifndef PROBE_SECCOMP_H
#define PROBE_SECCOMP_H

#include <stdbool.h>
#include <sys/types.h>

/* Has the process a filter?  As /proc/PID/status says; false where that cannot be read. */
bool seccomp_filtered(pid_t pid);

/*
 * Tried on children of our own with such a filter, which make that call; no probe is needed, nor
 * the right to one, unless we have a filter ourselves.  0: they do not die of it, or there is no
 * such call.  -EKEYREJECTED: they do.  Another -errno: it could not be tried.
 */
int seccomp_try_return(void);

#endif
