/* SPDX-License-Identifier: GPL-2.0 */
/*
 * glibc_find.h: where a libc file keeps main_arena and mp_, without debug symbols.
 * main_arena: its initialiser has .next = &main_arena, so among the relative relocations exactly
 * one has r_offset - addend == offsetof(struct malloc_state, next).  mp_: its initialiser starts
 * with trim_threshold, top_pad, mmap_threshold (128 KiB each) and arena_test (8).
 * .symtab decides where there is one (a static program has no relocation to look for).
 */
#ifndef INSPECT_GLIBC_FIND_H
#define INSPECT_GLIBC_FIND_H

#include <stdint.h>

#include "base/segments.h"

struct glibc_file {
	unsigned int minor;	  /* of version 2.minor, from its banner */
	uint64_t main_arena, par; /* link-time addresses */
	struct segments segments;
};

/*
 * Read the ELF file open as fd.  0; -ENOEXEC (not an ELF file of 64 bits), -ENOENT (not glibc),
 * -ENOTSUP (a version whose layout is not known: minor is filled), -ENODATA (main_arena or mp_ not
 * found, or more than one place fits), or -errno.  Not logged.
 */
int glibc_find(int fd, struct glibc_file *out);

#endif
