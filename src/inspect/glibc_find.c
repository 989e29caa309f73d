// SPDX-License-Identifier: GPL-2.0
#include "inspect/glibc_find.h"

#include <ctype.h>
#include <errno.h>
#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/symbols.h"
#include "inspect/glibc_layout.h"

/* Newer than libelf 0.188's elf.h on some systems. */
#ifndef SHT_RELR
#define SHT_RELR 19
#endif

struct search {
	Elf *elf;
	const struct glibc_layout *layout;
	struct glibc_file *out;
	const unsigned char *image; /* the whole file */
	size_t size;
	unsigned int arenas, pars; /* how many places fit */
};

/* "GNU C Library (Debian GLIBC 2.36-9+deb12u9) stable release version 2.36." */
static int read_version(struct search *s)
{
	static const char banner[] = "GNU C Library (", version[] = " release version 2.";
	const char *end = (const char *)s->image + s->size, *p;

	p = memmem(s->image, s->size, banner, sizeof(banner) - 1);
	if (!p)
		return -ENOENT;
	p = memmem(p, end - p < 256 ? (size_t)(end - p) : 256, version, sizeof(version) - 1);
	if (!p)
		return -ENOENT;
	/* A program that looks for the banner, as this one, has it too, but no number. */
	if (end - p <= (ptrdiff_t)sizeof(version) - 1 ||
	    !isdigit((unsigned char)p[sizeof(version) - 1]))
		return -ENOENT;
	s->out->minor = 0;
	for (p += sizeof(version) - 1; p < end && *p >= '0' && *p <= '9' && s->out->minor < 1000;
	     p++)
		s->out->minor = s->out->minor * 10 + (unsigned int)(*p - '0');
	s->layout = glibc_layout(s->out->minor);
	return s->layout ? 0 : -ENOTSUP;
}

static void fits_arena(struct search *s, uint64_t where, uint64_t target)
{
	if (where - target != s->layout->next || (target & 15))
		return;
	s->out->main_arena = target;
	s->arenas++;
}

static void fits_par(struct search *s, uint64_t where)
{
	s->out->par = where;
	s->pars++;
}

/* False unless there is just one of each: a static program's .symtab, or a library's own. */
static bool by_symbols(struct search *s)
{
	struct symbol want[] = {{.name = "main_arena", .least = s->layout->state_size},
				{.name = "mp_"}};

	symbols_find(s->elf, false, want, 2);
	s->out->main_arena = want[0].value;
	s->out->par = want[1].value;
	return want[0].n == 1 && want[1].n == 1;
}

/* The file's word at a link-time address; false where it has none. */
static bool word_at(const struct search *s, uint64_t vaddr, uint64_t *value)
{
	uint64_t offset;

	if (!segments_offset(&s->out->segments, vaddr, sizeof(*value), &offset))
		return false;
	memcpy(value, s->image + offset, sizeof(*value));
	return true;
}

static void read_rela(struct search *s, Elf_Scn *scn, unsigned int relative)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	GElf_Rela r;

	for (int i = 0; data && gelf_getrela(data, i, &r); i++)
		if (GELF_R_TYPE(r.r_info) == relative)
			fits_arena(s, r.r_offset, (uint64_t)r.r_addend);
}

/* Relative relocations, packed: an even word is an address, an odd one a bitmap of the 63 words
 * behind the last; the addend stands in the place itself.  generic-abi, "Relative relocations". */
static void read_relr(struct search *s, Elf_Scn *scn)
{
	Elf_Data *data = elf_rawdata(scn, NULL);
	uint64_t next = 0, addend;

	for (size_t i = 0; data && data->d_buf && i + 8 <= data->d_size; i += 8) {
		uint64_t word;

		memcpy(&word, (const char *)data->d_buf + i, sizeof(word));
		if (!(word & 1)) {
			if (word_at(s, word, &addend))
				fits_arena(s, word, addend);
			next = word + 8;
			continue;
		}
		for (unsigned int bit = 1; bit < 64; bit++)
			if (word >> bit & 1 && word_at(s, next + (bit - 1) * 8, &addend))
				fits_arena(s, next + (bit - 1) * 8, addend);
		next += 63 * 8;
	}
}

static void read_data(struct search *s, Elf_Scn *scn, const GElf_Shdr *sh)
{
	static const uint64_t pattern[] = {0x20000, 0x20000, 0x20000, 8};
	Elf_Data *data = elf_rawdata(scn, NULL);

	for (size_t i = 0; data && data->d_buf && i + sizeof(pattern) <= data->d_size; i += 8)
		if (!memcmp((const char *)data->d_buf + i, pattern, sizeof(pattern)))
			fits_par(s, sh->sh_addr + i);
}

static void by_contents(struct search *s, unsigned int relative)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;

	while ((scn = elf_nextscn(s->elf, scn))) {
		if (!gelf_getshdr(scn, &sh))
			continue;
		if (sh.sh_type == SHT_RELA)
			read_rela(s, scn, relative);
		else if (sh.sh_type == SHT_RELR)
			read_relr(s, scn);
		else if (sh.sh_type == SHT_PROGBITS && sh.sh_flags & SHF_WRITE)
			read_data(s, scn, &sh);
	}
}

static int search(struct search *s)
{
	GElf_Ehdr eh;
	int err;

	if (elf_kind(s->elf) != ELF_K_ELF || gelf_getclass(s->elf) != ELFCLASS64 ||
	    !gelf_getehdr(s->elf, &eh) || (eh.e_machine != EM_X86_64 && eh.e_machine != EM_AARCH64))
		return -ENOEXEC;
	s->image = (const unsigned char *)elf_rawfile(s->elf, &s->size);
	if (!s->image)
		return -ENOEXEC;
	err = segments_read(s->elf, s->size, &s->out->segments);
	if (!err)
		err = read_version(s);
	if (err)
		return err;
	if (by_symbols(s))
		return 0;
	by_contents(s, eh.e_machine == EM_X86_64 ? R_X86_64_RELATIVE : R_AARCH64_RELATIVE);
	return s->arenas == 1 && s->pars == 1 ? 0 : -ENODATA;
}

int glibc_find(int fd, struct glibc_file *out)
{
	struct search s = {.out = out};
	int err;

	memset(out, 0, sizeof(*out));
	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOTSUP;
	s.elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!s.elf)
		return -ENOEXEC;
	err = search(&s);
	elf_end(s.elf);
	return err;
}
