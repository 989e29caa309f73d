// SPDX-License-Identifier: GPL-2.0
#include "unwind/section.h"

#include <dwarf.h>
#include <errno.h>
#include <gelf.h>
#include <string.h>

int section_find(Elf *elf, const char *wanted, struct section *s)
{
	Elf_Scn *scn = NULL;
	size_t names;
	GElf_Shdr sh;

	if (elf_getshdrstrndx(elf, &names))
		return -ENODATA;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *name;

		if (!gelf_getshdr(scn, &sh) || sh.sh_type == SHT_NOBITS)
			continue;
		name = elf_strptr(elf, names, sh.sh_name);
		if (!name || strcmp(name, wanted))
			continue;
		s->data = elf_rawdata(scn, NULL);
		s->addr = sh.sh_addr;
		s->ident = (const unsigned char *)elf_getident(elf, NULL);
		return s->data && s->data->d_buf && s->data->d_size ? 0 : -ENODATA;
	}
	return -ENODATA;
}

bool section_pointer(const struct section *s, uint8_t encoding, bool relative, const uint8_t **p,
		     const uint8_t *end, uint64_t *out)
{
	uint64_t base = 0;
	size_t size;

	switch (encoding & 0x07) {
	case DW_EH_PE_udata2:
		size = 2;
		break;
	case DW_EH_PE_udata4:
		size = 4;
		break;
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
		size = 8;
		break;
	default:
		return false;
	}
	if (encoding & DW_EH_PE_indirect || (size_t)(end - *p) < size)
		return false;
	if (relative && (encoding & 0x70) == DW_EH_PE_pcrel)
		base = s->addr + (uint64_t)(*p - (const uint8_t *)s->data->d_buf);
	else if (relative && (encoding & 0x70))
		return false;
	*out = 0;
	memcpy(out, *p, size);
	if (encoding & DW_EH_PE_signed && size < 8 && *out >> (size * 8 - 1))
		*out |= ~0ull << (size * 8);
	*out += base;
	*p += size;
	return true;
}
