/* SPDX-License-Identifier: GPL-2.0 */
/*
 * target.h: the allocator's functions in an ELF file, and where a probe on each costs least.
 * The file can be hostile: libelf checks, we bound.
 */
#ifndef PROBE_TARGET_H
#define PROBE_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heapwatch/event.h"

/* How the kernel runs the probed instruction after the trap. */
enum place_cost {
	PLACE_EMULATED, /* push, nop, jmp, jcc, call: one exception */
	PLACE_STEPPED,	/* anything else: two exceptions, 3 to 15 times dearer */
};

struct place {
	uint64_t offset; /* in the file */
	uint32_t moved;	 /* bytes behind the function's entry */
	enum place_cost cost;
};

struct target_fn {
	const char *prefix; /* "je_", "" ...; static, as name is: from the table in fns.c */
	const char *name;
	enum hw_fn fn;
	struct place place;
	uint64_t size; /* of the function, bytes; 0: its symbol does not say */
};

#define TARGET_MAX_FNS 128

struct target {
	/* "glibc 2.36", "jemalloc", "musl", "rust", "malloc in FILE" ...; of a static program that
	 * has several: "jemalloc + glibc 2.36" */
	char allocator[64];
	bool replaces;	   /* it is not, or not only, the C library's own */
	bool has_malloc;   /* defines an allocator's functions: what follows is filled */
	bool is_go;	   /* has .go.buildinfo */
	bool nameless;	   /* no function in it has a name: a static program that was stripped */
	bool is_32bit;	   /* not an x86-64/aarch64 64-bit object: nothing else is filled */
	char build_id[41]; /* hex, or "" */
	size_t nfns;
	struct target_fn fns[TARGET_MAX_FNS];
};

/*
 * Read the ELF file open as fd (not closed, not moved by others meanwhile); name is for messages
 * and for recognising the dynamic loader, whose own malloc is not an allocator.
 * Functions are looked up in .dynsym and .symtab.  A family of names (fns.h) counts where the file
 * has what allocates and what frees of it.  Two names of one address are one entry, and what does
 * nothing but jump to another entry is none.  Left out, since what they call is seen: operator new
 * and delete beside a C library's malloc (libstdc++ calls that), and Rust's functions beside the
 * allocator that they call.  Returns 0, -ENOEXEC (not an ELF file), or -errno.
 * Not logged: the caller knows whether it matters.
 */
int target_read(int fd, const char *name, struct target *out);

#endif
