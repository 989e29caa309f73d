// SPDX-License-Identifier: GPL-2.0
#include "base/symbols.h"

#include <gelf.h>
#include <string.h>

/* Does the string table hold the name, as one of its own or as the end of a longer one? */
static bool holds(const Elf_Data *strings, const char *name)
{
	return strings && strings->d_buf &&
	       memmem(strings->d_buf, strings->d_size, name, strlen(name) + 1);
}

static void keep(struct symbol *w, const Elf64_Sym *s)
{
	if (s->st_size < w->least)
		return;
	if (!w->n || w->value != s->st_value)
		w->n++;
	w->value = s->st_value;
}

static void read_table(Elf_Data *table, const Elf_Data *strings, struct symbol *want, size_t n)
{
	const Elf64_Sym *symbols = table->d_buf;

	for (size_t i = 0; i < table->d_size / sizeof(*symbols); i++) {
		const Elf64_Sym *s = &symbols[i];

		if (ELF64_ST_TYPE(s->st_info) != STT_OBJECT || s->st_shndx == SHN_UNDEF)
			continue;
		for (size_t k = 0; k < n; k++) {
			size_t len = strlen(want[k].name) + 1;

			if (s->st_name < strings->d_size && len <= strings->d_size - s->st_name &&
			    !memcmp((const char *)strings->d_buf + s->st_name, want[k].name, len))
				keep(&want[k], s);
		}
	}
}

void symbols_find(struct Elf *elf, bool dynamic, struct symbol *want, size_t n)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;

	for (size_t i = 0; i < n; i++)
		want[i].n = 0;
	while ((scn = elf_nextscn(elf, scn))) {
		Elf_Data *table, *strings;
		bool all = true;

		if (!gelf_getshdr(scn, &sh) || gelf_getclass(elf) != ELFCLASS64 ||
		    (sh.sh_type != SHT_SYMTAB && !(dynamic && sh.sh_type == SHT_DYNSYM)))
			continue;
		strings = elf_getdata(elf_getscn(elf, sh.sh_link), NULL);
		for (size_t i = 0; i < n && all; i++)
			all = holds(strings, want[i].name);
		table = all ? elf_getdata(scn, NULL) : NULL;
		if (table && table->d_buf && table->d_type == ELF_T_SYM)
			read_table(table, strings, want, n);
	}
}
