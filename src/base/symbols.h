/* SPDX-License-Identifier: GPL-2.0 */
/* symbols.h: where an ELF file of 64 bits has a few variables, by name, from its symbol tables. */
#ifndef BASE_SYMBOLS_H
#define BASE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct Elf;

struct symbol {
	const char *name; /* the caller's */
	uint64_t least;	  /* of a smaller size it is another's */
	uint64_t value;	  /* the link-time address, of the last that was found */
	unsigned int n;	  /* how many different addresses there are: 0, it was not found */
};

/*
 * Look for `n` variables that the file defines, all of them in one table; value and n are set.
 * dynamic: in .dynsym too, else in .symtab alone.  A file that lacks one of the names costs a
 * search through its string table only, which matters: tables of a million symbols exist.
 */
void symbols_find(struct Elf *elf, bool dynamic, struct symbol *want, size_t n);

#endif
