/* SPDX-License-Identifier: GPL-2.0 */
/* codefile.h: the bytes behind a mapping of code, while its process lives. */
#ifndef SYMBOL_CODEFILE_H
#define SYMBOL_CODEFILE_H

#include <sys/types.h>

struct module;

/* The very file that is mapped, in whatever mount namespace, deleted or not; never a device or a
 * pipe.  A descriptor, or -errno. */
int codefile_open(pid_t pid, const struct module *m);

/* A copy of the kernel's own library in this process.  A descriptor, or -errno. */
int codefile_vdso(pid_t pid, const struct module *m);

#endif
