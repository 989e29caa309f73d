/* SPDX-License-Identifier: GPL-2.0 */
/*
 * demangle.h: symbols to what a person wrote: C++ and Rust (legacy and v0).
 * Symbols come from files that are the target's to write: untrusted.
 */
#ifndef SYMBOL_DEMANGLE_H
#define SYMBOL_DEMANGLE_H

/*
 * Demangled, without a symbol version ("@GLIBC_2.2.5") and Rust's hash ("::h0123456789abcdef");
 * what is no mangled name, or too long for one, stays as it is.  Cleaned as by demangle__clean.
 * To be freed.  NULL: no memory.
 */
char *demangle(const char *symbol);

/* In place: a '?' for each byte of a control character or of what is not UTF-8. */
void demangle__clean(char *s);

#endif
