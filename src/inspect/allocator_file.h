/* SPDX-License-Identifier: GPL-2.0 */
/* allocator_file.h: the file in which an allocator is, a library or the program, and where its
 * variables are in the process that has it.  Private to the readers of allocators. */
#ifndef INSPECT_ALLOCATOR_FILE_H
#define INSPECT_ALLOCATOR_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct Elf;
struct module;
struct modules;

#define ALLOCATOR_VARIABLES 3 /* at most; what an allocator does not need is 0 */

/*
 * The link-time addresses of an allocator's variables in a file for x86-64; library: it is one of
 * the allocator's name.  0, -ENOENT (it is not in this file), or why it cannot be read, which is
 * what the search returns where no other file has it.
 */
typedef int (*allocator_file_fn)(struct Elf *elf, bool library, uint64_t at[ALLOCATOR_VARIABLES]);

/* Is the module a library whose name starts with this: "libtcmalloc"? */
bool allocator_file_is(const struct module *m, const char *library);

/*
 * Ask find about the libraries of this name, then about the program, of the process pid, whose
 * mappings are m; at: the run-time addresses.  0, -ENOENT, as find has it, or -EACCES, -ESRCH, ...
 * as open has them.
 */
int allocator_file_locate(pid_t pid, const struct modules *m, const char *library,
			  allocator_file_fn find, uint64_t at[ALLOCATOR_VARIABLES]);

#endif
