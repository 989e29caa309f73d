/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fns.h: the functions that allocate and free, what they are called and how they take their
 * arguments, and the names that give away whose allocator it is.
 */
#ifndef PROBE_FNS_H
#define PROBE_FNS_H

#include <stdbool.h>
#include <stddef.h>

#include "heapwatch/event.h"

/* Whose name a function has.  Bits: an address can have several names. */
enum fns_family {
	FNS_C = 1 << 0,	   /* malloc, free, ... as a C library has them */
	FNS_CXX = 1 << 1,  /* operator new and delete */
	FNS_RUST = 1 << 2, /* what Rust's code calls: __rust_alloc ... */
	/* With a prefix of their own: */
	FNS_JEMALLOC = 1 << 3,
	FNS_TCMALLOC = 1 << 4,
	FNS_MIMALLOC = 1 << 5,
	FNS_TBB = 1 << 6,
	FNS_RPMALLOC = 1 << 7,
	/* Of C libraries, which have none: */
	FNS_GLIBC = 1 << 8,
	FNS_MUSL = 1 << 9,
	/* Rust code whose global allocator is the C library's. */
	FNS_RUST_SYSTEM = 1 << 10,
};
#define FNS_PREFIXED (FNS_JEMALLOC | FNS_TCMALLOC | FNS_MIMALLOC | FNS_TBB | FNS_RPMALLOC)

/* A function by one of its names: "je_" and "malloc".  Both strings are static. */
struct fns_fn {
	const char *prefix;
	const char *name;
	enum hw_fn fn;
	unsigned int family; /* one bit of enum fns_family */
};

/* false where it is none. */
bool fns_find(const char *symbol, struct fns_fn *out);

/* The i-th name that fns_find knows, without a prefix, in the order of strcmp; NULL after the last.
 */
const char *fns_name(size_t i);

/* How many of its arguments, from the first, say what it does: 1 to 4. */
unsigned int fns_arguments(enum hw_fn fn);

/* Of two names of one function, a is the one people know: not mangled, no prefix, short. */
bool fns_better(const struct fns_fn *a, const struct fns_fn *b);

/* A base name: of the dynamic loader, whose own malloc ends with start-up.  Musl's is its libc. */
bool fns_is_loader(const char *base);

/* Whose allocator a file with this symbol has: a bit of enum fns_family, or 0: it says nothing. */
unsigned int fns_maker_of(const char *symbol);
/* The name of the first of these that replaces the C library's, or NULL where none does. */
const char *fns_library(unsigned int makers);

#endif
