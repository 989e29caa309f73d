/* SPDX-License-Identifier: GPL-2.0 */
/*
 * candidates.h: the conditional jumps in glibc's malloc, calloc and free and in what malloc and
 * free call: the kernel emulates them, so a probe there is cheap, and compilers put one wherever an
 * allocator has to decide something about a block.  Which of them see what is for a trial to tell.
 */
#ifndef PROBE_CANDIDATES_H
#define PROBE_CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CANDIDATES_MAX 1024

struct candidates {
	size_t n;
	struct candidate {
		uint64_t offset; /* in the file */
		bool allocs;	 /* in malloc or calloc */
		bool frees;	 /* in free, or in what it calls */
		bool requests;	 /* in what malloc calls, which asks arenas; free may call it too */
	} at[CANDIDATES_MAX];
};

/*
 * Of an ELF file, which stays the caller's and is not moved by others meanwhile.  x86-64 only.
 * 0; -ENOEXEC: not such a file; -ENOENT: it has no malloc, calloc and free; -ENOMEM.
 */
int candidates_read(int fd, struct candidates *out);

#endif
