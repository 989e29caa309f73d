/* SPDX-License-Identifier: GPL-2.0 */
/*
 * image.h: an ELF file as a loader sees it, and its symbols.  The file can be hostile: whatever is
 * handed out lies within it, and no table keeps us busy.
 */
#ifndef PROBE_IMAGE_H
#define PROBE_IMAGE_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image {
	Elf *elf;
	uint64_t size; /* of the file */
	size_t nsegments;
	unsigned int symbols_left; /* to look at */
	struct image_dynamic {
		uint64_t symtab, strtab, strsz, jmprel, pltrelsz, rela, relasz;
	} dynamic; /* addresses and sizes; 0: there is none */
};

/* elf stays the caller's. */
void image_open(struct image *im, Elf *elf, uint64_t size);

/* A part of the file, or NULL. */
Elf_Data *image_chunk(const struct image *im, uint64_t offset, uint64_t size, Elf_Type type);

/* The i-th segment, if it is one of this type that is in the file; its size is cut to the file. */
bool image_segment(const struct image *im, size_t i, uint32_t type, GElf_Phdr *ph);

/* Where in the file this address is, in a segment with these flags, and how many bytes of the
 * segment follow. */
bool image_locate(const struct image *im, uint64_t vaddr, uint32_t flags, uint64_t *offset,
		  uint64_t *room);

/* Copy what follows the needle where it first is in the writable, or in the other, segments; false:
 * nowhere. */
bool image_search(const struct image *im, bool writable, const char *needle, char *after,
		  size_t len);

/* Every symbol of .dynsym and .symtab; without section headers of what PT_DYNAMIC names. */
typedef void (*image_symbol_fn)(void *arg, const char *name, const GElf_Sym *sym);
void image_symbols(struct image *im, image_symbol_fn fn, void *arg);

/* The name of the symbol whose address the loader writes at this address (a slot of the GOT), or
 * NULL. */
const char *image_slot(const struct image *im, uint64_t vaddr);

#endif
