// SPDX-License-Identifier: GPL-2.0
#include "base/segments.h"

#include <errno.h>
#include <gelf.h>

#define PAGE 4096ull

int segments_read(struct Elf *elf, uint64_t file_size, struct segments *out)
{
	GElf_Phdr ph;
	size_t n;

	out->n = 0;
	if (elf_getphdrnum(elf, &n))
		return -ENOEXEC;
	for (size_t i = 0; i < n && out->n < SEGMENTS_MAX; i++) {
		if (!gelf_getphdr(elf, (int)i, &ph))
			return -ENOEXEC;
		if (ph.p_type != PT_LOAD || ph.p_offset > file_size ||
		    ph.p_filesz > file_size - ph.p_offset)
			continue;
		out->load[out->n++] = (struct segment_load){ph.p_offset, ph.p_vaddr, ph.p_filesz};
	}
	return out->n ? 0 : -ENOEXEC;
}

int segments_bias(const struct segments *s, uint64_t start, uint64_t offset, uint64_t *bias)
{
	/* A mapping starts at the page that holds its segment's first byte.  lld ends one segment
	 * and begins the next in one page of the file, and the later is mapped from there. */
	for (unsigned int i = s->n; i-- > 0;) {
		const struct segment_load *l = &s->load[i];

		if (offset < l->offset / PAGE * PAGE || offset >= l->offset + l->filesz)
			continue;
		*bias = start - (l->vaddr - l->offset + offset);
		return 0;
	}
	return -ENOENT;
}

bool segments_offset(const struct segments *s, uint64_t vaddr, uint64_t len, uint64_t *offset)
{
	for (unsigned int i = 0; i < s->n; i++) {
		const struct segment_load *l = &s->load[i];

		if (vaddr < l->vaddr || l->filesz < len || vaddr - l->vaddr > l->filesz - len)
			continue;
		*offset = l->offset + (vaddr - l->vaddr);
		return true;
	}
	return false;
}
