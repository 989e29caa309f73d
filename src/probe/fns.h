/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fns.h: the names of the functions that allocate and free, what each one's arguments are, and the
 * names that give away whose allocator it is.
 */
#ifndef PROBE_FNS_H
#define PROBE_FNS_H

#include <stdbool.h>

#include "heapwatch/event.h"

struct fn_name {
	const char *symbol;
	enum hw_fn fn;
};

/* NULL where it is none.  What is returned is static. */
const struct fn_name *fns_find(const char *symbol);

/* Of two names of one function, a is the one people know: not mangled, and short. */
bool fns_better(const char *a, const char *b);

/* A base name: of the dynamic loader, whose own malloc ends with start-up.  Musl's is its libc. */
bool fns_is_loader(const char *base);

/* Bits: a file can hold the symbols of several. */
enum fns_maker {
	FNS_JEMALLOC = 1 << 0,
	FNS_TCMALLOC = 1 << 1,
	FNS_MIMALLOC = 1 << 2,
	FNS_MUSL = 1 << 3,
	FNS_GLIBC = 1 << 4,
};

/* enum fns_maker, or 0 where the symbol says nothing. */
unsigned int fns_maker_of(const char *symbol);
/* The name of the one that replaces the C library's, or NULL where these are none but libcs. */
const char *fns_library(unsigned int makers);

#endif
