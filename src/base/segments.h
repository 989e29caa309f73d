/* SPDX-License-Identifier: GPL-2.0 */
/* segments.h: which bytes of an ELF file are loaded at which link-time addresses: its PT_LOADs. */
#ifndef BASE_SEGMENTS_H
#define BASE_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEGMENTS_MAX 16 /* linkers make 2 to 5 */

struct segments {
	unsigned int n;
	struct segment_load {
		uint64_t offset, vaddr, filesz;
	} load[SEGMENTS_MAX];
};

struct Elf;

/* Those of an open file, as far as they lie within its size.  0, or -ENOEXEC (none). */
int segments_read(struct Elf *elf, uint64_t file_size, struct segments *out);

/* What to add to a link-time address where the file's bytes from `offset` on (a multiple of the
 * page size) are mapped at `start`.  0, or -ENOENT (no segment has that page). */
int segments_bias(const struct segments *s, uint64_t start, uint64_t offset, uint64_t *bias);

/* The file's offset of len bytes at a link-time address: false where it has not all of them. */
bool segments_offset(const struct segments *s, uint64_t vaddr, uint64_t len, uint64_t *offset);

#endif
