// SPDX-License-Identifier: GPL-2.0
#include "probe/image.h"

#include <string.h>

/* More than any real file has. */
#define MAX_SYMBOLS  (1u << 22)
#define MAX_TABLES   8
#define MAX_SECTIONS (1u << 10)
#define MAX_SEGMENTS (1u << 8)
#define MAX_DYNAMIC  (1u << 16) /* bytes */
#define MAX_SEARCH   (1u << 26) /* bytes */
#define MAX_RELOCS   (1u << 20)

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

Elf_Data *image_chunk(const struct image *im, uint64_t offset, uint64_t size, Elf_Type type)
{
	if (!size || offset > im->size || size > im->size - offset)
		return NULL;
	return elf_getdata_rawchunk(im->elf, (int64_t)offset, size, type);
}

bool image_segment(const struct image *im, size_t i, uint32_t type, GElf_Phdr *ph)
{
	if (!gelf_getphdr(im->elf, (int)i, ph) || ph->p_type != type || ph->p_offset >= im->size)
		return false;
	ph->p_filesz = least(ph->p_filesz, im->size - ph->p_offset);
	return true;
}

bool image_locate(const struct image *im, uint64_t vaddr, uint32_t flags, uint64_t *offset,
		  uint64_t *room)
{
	GElf_Phdr ph;
	size_t i;

	for (i = 0; i < im->nsegments; i++) {
		if (!image_segment(im, i, PT_LOAD, &ph) || (ph.p_flags & flags) != flags ||
		    vaddr < ph.p_vaddr || vaddr - ph.p_vaddr >= ph.p_filesz)
			continue;
		*offset = ph.p_offset + (vaddr - ph.p_vaddr);
		*room = ph.p_filesz - (vaddr - ph.p_vaddr);
		return true;
	}
	return false;
}

bool image_search(const struct image *im, bool writable, const char *needle, char *after,
		  size_t len)
{
	size_t i, n, left = MAX_SEARCH;
	const char *hit;
	Elf_Data *d;
	GElf_Phdr ph;

	for (i = 0; i < im->nsegments && left; i++) {
		if (!image_segment(im, i, PT_LOAD, &ph) || !!(ph.p_flags & PF_W) != writable)
			continue;
		n = least(ph.p_filesz, left);
		left -= n;
		d = image_chunk(im, ph.p_offset, n, ELF_T_BYTE);
		hit = d ? memmem(d->d_buf, n, needle, strlen(needle)) : NULL;
		if (!hit)
			continue;
		hit += strlen(needle);
		n -= (size_t)(hit - (const char *)d->d_buf);
		n = least(n, len - 1);
		memcpy(after, hit, n);
		after[n] = '\0';
		return true;
	}
	return false;
}

static void read_dynamic(struct image *im)
{
	struct image_dynamic *to = &im->dynamic;
	Elf_Data *d = NULL;
	GElf_Phdr ph;
	GElf_Dyn dyn;
	size_t i;

	for (i = 0; i < im->nsegments && !d; i++) {
		if (image_segment(im, i, PT_DYNAMIC, &ph))
			d = image_chunk(im, ph.p_offset, least(ph.p_filesz, MAX_DYNAMIC),
					ELF_T_DYN);
	}
	for (i = 0; d && i < d->d_size / sizeof(Elf64_Dyn); i++) {
		if (!gelf_getdyn(d, (int)i, &dyn) || dyn.d_tag == DT_NULL)
			break;
		if (dyn.d_tag == DT_SYMTAB)
			to->symtab = dyn.d_un.d_ptr;
		else if (dyn.d_tag == DT_STRTAB)
			to->strtab = dyn.d_un.d_ptr;
		else if (dyn.d_tag == DT_STRSZ)
			to->strsz = dyn.d_un.d_val;
		else if (dyn.d_tag == DT_JMPREL)
			to->jmprel = dyn.d_un.d_ptr;
		else if (dyn.d_tag == DT_PLTRELSZ)
			to->pltrelsz = dyn.d_un.d_val;
		else if (dyn.d_tag == DT_RELA)
			to->rela = dyn.d_un.d_ptr;
		else if (dyn.d_tag == DT_RELASZ)
			to->relasz = dyn.d_un.d_val;
	}
}

void image_open(struct image *im, Elf *elf, uint64_t size)
{
	*im = (struct image){.elf = elf, .size = size, .symbols_left = MAX_SYMBOLS};
	if (elf_getphdrnum(elf, &im->nsegments) < 0)
		im->nsegments = 0;
	im->nsegments = least(im->nsegments, MAX_SEGMENTS);
	read_dynamic(im);
}

static void read_symbols(struct image *im, Elf_Data *symbols, const Elf_Data *strings,
			 image_symbol_fn fn, void *arg)
{
	const char *end, *base;
	size_t i, n, size;
	GElf_Sym sym;

	if (!symbols || !strings || !symbols->d_buf || !strings->d_buf)
		return;
	/* Once for all of them, not elf_strptr: that looks for the end of the table every time. */
	base = strings->d_buf;
	end = memrchr(base, '\0', strings->d_size);
	size = end ? (size_t)(end - base) : 0;
	n = symbols->d_size / sizeof(Elf64_Sym);
	for (i = 0; i < n && im->symbols_left; i++, im->symbols_left--) {
		if (gelf_getsym(symbols, (int)i, &sym) && sym.st_name < size)
			fn(arg, base + sym.st_name, &sym);
	}
}

/* Nothing says how many symbols there are, but their names end them. */
static void dynamic_symbols(struct image *im, image_symbol_fn fn, void *arg)
{
	uint64_t sym_off, sym_room, str_off, str_room;

	if (!image_locate(im, im->dynamic.symtab, 0, &sym_off, &sym_room) ||
	    !image_locate(im, im->dynamic.strtab, 0, &str_off, &str_room))
		return;
	if (str_off > sym_off && str_off - sym_off < sym_room)
		sym_room = str_off - sym_off;
	sym_room = least(sym_room / sizeof(Elf64_Sym), MAX_SYMBOLS) * sizeof(Elf64_Sym);
	read_symbols(im, image_chunk(im, sym_off, sym_room, ELF_T_SYM),
		     image_chunk(im, str_off, least(im->dynamic.strsz, str_room), ELF_T_BYTE), fn,
		     arg);
}

/* The symbol tables of one type; returns how many there are. */
static unsigned int read_tables(struct image *im, uint32_t type, image_symbol_fn fn, void *arg)
{
	unsigned int n, tables = 0;
	Elf_Scn *scn = NULL, *names;
	GElf_Shdr sh, nsh;

	for (n = 0; n < MAX_SECTIONS && tables < MAX_TABLES && (scn = elf_nextscn(im->elf, scn));
	     n++) {
		if (!gelf_getshdr(scn, &sh) || sh.sh_type != type)
			continue;
		tables++;
		names = elf_getscn(im->elf, sh.sh_link);
		/* The size first: libelf copies a table that is not aligned. */
		if (sh.sh_size / sizeof(Elf64_Sym) <= im->symbols_left &&
		    gelf_getshdr(names, &nsh) && nsh.sh_type == SHT_STRTAB)
			read_symbols(im, elf_getdata(scn, NULL), elf_getdata(names, NULL), fn, arg);
	}
	return tables;
}

void image_symbols(struct image *im, image_symbol_fn fn, void *arg)
{
	if (!read_tables(im, SHT_DYNSYM, fn, arg))
		dynamic_symbols(im, fn, arg);
	read_tables(im, SHT_SYMTAB, fn, arg);
}

/* The number of the symbol that one of these relocations puts at vaddr; 0: none does. */
static uint64_t find_reloc(const struct image *im, uint64_t table, uint64_t size, uint64_t vaddr)
{
	uint64_t offset, room;
	GElf_Rela rela;
	Elf_Data *d;
	size_t i, n;

	if (!image_locate(im, table, 0, &offset, &room))
		return 0;
	n = least(least(size, room) / sizeof(Elf64_Rela), MAX_RELOCS);
	d = image_chunk(im, offset, n * sizeof(Elf64_Rela), ELF_T_RELA);
	for (i = 0; d && i < n; i++) {
		if (gelf_getrela(d, (int)i, &rela) && rela.r_offset == vaddr)
			return GELF_R_SYM(rela.r_info);
	}
	return 0;
}

const char *image_slot(const struct image *im, uint64_t vaddr)
{
	const struct image_dynamic *dyn = &im->dynamic;
	uint64_t number = find_reloc(im, dyn->jmprel, dyn->pltrelsz, vaddr), offset, room;
	const char *name;
	Elf_Data *d;
	GElf_Sym sym;

	if (!number)
		number = find_reloc(im, dyn->rela, dyn->relasz, vaddr);
	if (!number || number >= MAX_SYMBOLS ||
	    !image_locate(im, dyn->symtab + number * sizeof(Elf64_Sym), 0, &offset, &room) ||
	    room < sizeof(Elf64_Sym))
		return NULL;
	d = image_chunk(im, offset, sizeof(Elf64_Sym), ELF_T_SYM);
	if (!d || !gelf_getsym(d, 0, &sym) ||
	    !image_locate(im, dyn->strtab + sym.st_name, 0, &offset, &room))
		return NULL;
	d = image_chunk(im, offset, room, ELF_T_BYTE);
	name = d ? d->d_buf : NULL;
	return name && memchr(name, '\0', room) ? name : NULL;
}
