/* SPDX-License-Identifier: GPL-2.0 */
/* section.h: a section of an ELF file, which can be hostile, and the addresses that it holds. */
#ifndef UNWIND_SECTION_H
#define UNWIND_SECTION_H

#include <libelf.h>
#include <stdbool.h>
#include <stdint.h>

struct section {
	Elf_Data *data;
	uint64_t addr; /* link-time */
	const unsigned char *ident;
};

/* The contents of a section, by name.  0; -ENODATA: the file has none. */
int section_find(Elf *elf, const char *wanted, struct section *s);

/*
 * The encoded pointer (LSB, "DWARF exception header encoding") at *p, as far as frame description
 * entries use them, and *p behind it.  relative: it may be one that counts from its own place.
 * False where it is another or does not lie before end.
 */
bool section_pointer(const struct section *s, uint8_t encoding, bool relative, const uint8_t **p,
		     const uint8_t *end, uint64_t *out);

#endif
