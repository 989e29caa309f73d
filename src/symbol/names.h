/* SPDX-License-Identifier: GPL-2.0 */
/*
 * names.h: addresses to names.  A cache of ELF files by (device, inode, build-id), shared between
 * processes, and of answers, bounded.  libdw finds .symtab, .dynsym, .gnu_debugdata, separate
 * debug files by build-id and debuglink, and asks debuginfod where DEBUGINFOD_URLS is set.
 * Slow (disk, DWARF): never call it on the drain thread.  Not thread-safe.
 */
#ifndef SYMBOL_NAMES_H
#define SYMBOL_NAMES_H

#include <stdint.h>
#include <sys/types.h>

#include "model/modules.h"

struct hw_code;
struct names;

struct name {
	const char *function; /* demangled, or NULL */
	const char *file;     /* or NULL */
	uint32_t line;	      /* or 0 */
	const char *module;   /* as in struct module; "[jit]" for executable anonymous memory;
				 "[python]" for a Python function; NULL: none */
	uint64_t offset;      /* in the module's file; in a Python function's bytecode */
};

/* files: how many ELF files stay open at most (64 is good). */
struct names *names__new(unsigned int files);
void names__free(struct names *n);

/*
 * Open the files behind the executable ranges of m now, while pid lives: through
 * /proc/PID/map_files/ (the very inode, also deleted ones), else /proc/PID/root/PATH.  Only the
 * descriptors: parsing waits for the first look-up.  Returns 0 or -ENOMEM.
 */
int names__prepare(struct names *n, pid_t pid, const struct modules *m);

/* Learn a code object of an interpreter: a record that was checked (decode.h).  0, or -errno: its
 * frames stay without names. */
int names__learn(struct names *n, const struct hw_code *code);

/* Take over a descriptor of the file of this device and inode, for when none that maps it is alive.
 * One that is known is closed.  0 or -ENOMEM. */
int names__take(struct names *n, uint32_t dev_major, uint32_t dev_minor, uint64_t inode, int fd,
		const char *path);

/*
 * Name pc, or an interpreter's frame (heapwatch/python.h).  is_return: it is a return address, so
 * the call before it (pc - 1) is looked up. Strings belong to n and live as long as it does. Always
 * fills *out; unknown parts are NULL.
 */
void names__find(struct names *n, const struct modules *m, uint64_t pc, int is_return,
		 struct name *out);

#endif
