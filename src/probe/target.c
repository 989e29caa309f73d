// SPDX-License-Identifier: GPL-2.0
#include "probe/target.h"

#include <errno.h>
#include <gelf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/fns.h"
#include "probe/place.h"

/* More than any real file has: a made-up one does not keep us busy. */
#define MAX_SYMBOLS  (1u << 22)
#define MAX_NAMED    (1u << 10) /* of those, with the name of an allocator's function */
#define MAX_TABLES   8
#define MAX_SECTIONS (1u << 10)
#define MAX_SEGMENTS (1u << 8)
#define MAX_DYNAMIC  (1u << 16) /* bytes, as all that follow */
#define MAX_NOTES    (1u << 16)
#define MAX_SEARCH   (1u << 26)
#define MAX_BODY     (1u << 16)
#define PROLOGUE     64 /* of a function whose size is not known */

struct entry {
	uint64_t offset, vaddr;
	uint64_t size; /* 0: not known */
	uint64_t room; /* bytes of its segment that are left */
};

struct reader {
	Elf *elf;
	uint64_t file_size;
	size_t nsegments;
	bool is_x86_64;
	unsigned int symbols_left, named_left;
	bool malloc, free;   /* defined under just these names */
	unsigned int kinds;  /* bits by enum hw_fn: what can be probed */
	unsigned int makers; /* enum fns_maker, of the symbols seen */
	struct target *out;
	struct entry entries[TARGET_MAX_FNS]; /* of out->fns */
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool starts_with(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static Elf_Data *chunk(const struct reader *r, uint64_t offset, uint64_t size, Elf_Type type)
{
	if (!size || offset > r->file_size || size > r->file_size - offset)
		return NULL;
	return elf_getdata_rawchunk(r->elf, (int64_t)offset, size, type);
}

/* The i-th segment, if it is one of this type that is in the file; its size is cut to the file. */
static bool get_segment(const struct reader *r, size_t i, uint32_t type, GElf_Phdr *ph)
{
	if (!gelf_getphdr(r->elf, (int)i, ph) || ph->p_type != type || ph->p_offset >= r->file_size)
		return false;
	ph->p_filesz = least(ph->p_filesz, r->file_size - ph->p_offset);
	return true;
}

/* Where in the file this address is, and how many bytes of its segment follow. */
static bool locate(const struct reader *r, uint64_t vaddr, uint32_t flags, uint64_t *offset,
		   uint64_t *room)
{
	GElf_Phdr ph;
	size_t i;

	for (i = 0; i < r->nsegments; i++) {
		if (!get_segment(r, i, PT_LOAD, &ph) || (ph.p_flags & flags) != flags ||
		    vaddr < ph.p_vaddr || vaddr - ph.p_vaddr >= ph.p_filesz)
			continue;
		*offset = ph.p_offset + (vaddr - ph.p_vaddr);
		*room = ph.p_filesz - (vaddr - ph.p_vaddr);
		return true;
	}
	return false;
}

/* Copy what follows the needle where it first is in these segments; false: nowhere. */
static bool search(const struct reader *r, bool writable, const char *needle, char *after,
		   size_t len)
{
	size_t i, n, left = MAX_SEARCH;
	const char *hit;
	Elf_Data *d;
	GElf_Phdr ph;

	for (i = 0; i < r->nsegments && left; i++) {
		if (!get_segment(r, i, PT_LOAD, &ph) || !!(ph.p_flags & PF_W) != writable)
			continue;
		n = least(ph.p_filesz, left);
		left -= n;
		d = chunk(r, ph.p_offset, n, ELF_T_BYTE);
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

static void take_symbol(struct reader *r, const char *symbol, const GElf_Sym *sym)
{
	const struct fn_name *name;
	struct target *out = r->out;
	struct entry e = {.vaddr = sym->st_value, .size = sym->st_size};
	size_t i;

	if (sym->st_shndx == SHN_UNDEF)
		return;
	r->makers |= fns_maker_of(symbol);
	/* Not STT_GNU_IFUNC: a probe there sees the function being chosen, not called. */
	if (GELF_ST_TYPE(sym->st_info) != STT_FUNC ||
	    (GELF_ST_BIND(sym->st_info) != STB_GLOBAL && GELF_ST_BIND(sym->st_info) != STB_WEAK))
		return;
	name = fns_find(symbol);
	if (!name || !r->named_left)
		return;
	r->named_left--;
	if (!locate(r, e.vaddr, PF_X, &e.offset, &e.room))
		return;
	r->malloc |= !strcmp(symbol, "malloc");
	r->free |= !strcmp(symbol, "free") || !strcmp(symbol, "cfree");
	for (i = 0; i < out->nfns; i++) {
		if (r->entries[i].offset != e.offset)
			continue;
		if (fns_better(name->symbol, out->fns[i].name)) {
			out->fns[i].name = name->symbol;
			out->fns[i].fn = name->fn;
		}
		return;
	}
	if (out->nfns == TARGET_MAX_FNS)
		return;
	r->entries[out->nfns] = e;
	out->fns[out->nfns++] = (struct target_fn){.name = name->symbol, .fn = name->fn};
}

static void read_symbols(struct reader *r, Elf_Data *symbols, const Elf_Data *strings)
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
	for (i = 0; i < n && r->symbols_left; i++, r->symbols_left--) {
		if (gelf_getsym(symbols, (int)i, &sym) && sym.st_name < size)
			take_symbol(r, base + sym.st_name, &sym);
	}
}

/* Without section headers: nothing says how many symbols there are, but their names end them. */
static void read_dynamic(struct reader *r)
{
	uint64_t symtab = 0, strtab = 0, strsz = 0, sym_off, sym_room, str_off, str_room;
	Elf_Data *d = NULL;
	GElf_Phdr ph;
	GElf_Dyn dyn;
	size_t i;

	for (i = 0; i < r->nsegments && !d; i++) {
		if (get_segment(r, i, PT_DYNAMIC, &ph))
			d = chunk(r, ph.p_offset, least(ph.p_filesz, MAX_DYNAMIC), ELF_T_DYN);
	}
	for (i = 0; d && i < d->d_size / sizeof(Elf64_Dyn); i++) {
		if (!gelf_getdyn(d, (int)i, &dyn) || dyn.d_tag == DT_NULL)
			break;
		if (dyn.d_tag == DT_SYMTAB)
			symtab = dyn.d_un.d_ptr;
		else if (dyn.d_tag == DT_STRTAB)
			strtab = dyn.d_un.d_ptr;
		else if (dyn.d_tag == DT_STRSZ)
			strsz = dyn.d_un.d_val;
	}
	if (!locate(r, symtab, 0, &sym_off, &sym_room) ||
	    !locate(r, strtab, 0, &str_off, &str_room))
		return;
	if (str_off > sym_off && str_off - sym_off < sym_room)
		sym_room = str_off - sym_off;
	sym_room = least(sym_room / sizeof(Elf64_Sym), MAX_SYMBOLS) * sizeof(Elf64_Sym);
	read_symbols(r, chunk(r, sym_off, sym_room, ELF_T_SYM),
		     chunk(r, str_off, least(strsz, str_room), ELF_T_BYTE));
}

/* Choose each function's place; one that can't be decoded can't be probed and is dropped. */
static int place_all(struct reader *r)
{
	struct target *out = r->out;
	size_t i, n = 0;

	for (i = 0; i < out->nfns; i++) {
		const struct entry *e = &r->entries[i];
		uint64_t len = least(least(e->size ? e->size : PROLOGUE, MAX_BODY), e->room);
		Elf_Data *d = chunk(r, e->offset, len, ELF_T_BYTE);
		struct target_fn fn = out->fns[i];
		int err;

		if (!d || !d->d_buf)
			continue;
		err = place_choose(d->d_buf, d->d_size, e->vaddr, e->size == len, r->is_x86_64,
				   &fn.place);
		if (err == -EINVAL)
			continue;
		if (err)
			return err;
		fn.place.offset = e->offset + fn.place.moved;
		out->fns[n++] = fn;
		r->kinds |= 1u << fn.fn;
	}
	out->nfns = n;
	return 0;
}

static void read_build_id(struct reader *r, Elf_Data *notes)
{
	size_t at = 0, next, name, desc, i;
	const uint8_t *id;
	GElf_Nhdr nh;

	while (notes && !r->out->build_id[0] &&
	       (next = gelf_getnote(notes, at, &nh, &name, &desc)) > at) {
		at = next;
		if (nh.n_type != NT_GNU_BUILD_ID || nh.n_namesz != sizeof("GNU") ||
		    memcmp((const char *)notes->d_buf + name, "GNU", sizeof("GNU")))
			continue;
		id = (const uint8_t *)notes->d_buf + desc;
		for (i = 0; i < nh.n_descsz && 2 * i + 2 < sizeof(r->out->build_id); i++)
			snprintf(r->out->build_id + 2 * i, 3, "%02x", id[i]);
	}
}

static void read_segments(struct reader *r)
{
	GElf_Phdr ph;
	size_t i;

	for (i = 0; i < r->nsegments; i++) {
		if (get_segment(r, i, PT_NOTE, &ph) && ph.p_filesz <= MAX_NOTES)
			read_build_id(r, chunk(r, ph.p_offset, ph.p_filesz,
					       ph.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR));
	}
}

static void read_table(struct reader *r, Elf_Scn *scn, const GElf_Shdr *sh)
{
	Elf_Scn *names = elf_getscn(r->elf, sh->sh_link);
	GElf_Shdr nsh;

	/* The size first: libelf copies a table that is not aligned. */
	if (sh->sh_size / sizeof(Elf64_Sym) <= r->symbols_left && gelf_getshdr(names, &nsh) &&
	    nsh.sh_type == SHT_STRTAB)
		read_symbols(r, elf_getdata(scn, NULL), elf_getdata(names, NULL));
}

/* What the sections are called, and the symbol tables of one type; returns how many of those. */
static unsigned int read_sections(struct reader *r, uint32_t type)
{
	unsigned int n, tables = 0;
	Elf_Scn *scn = NULL;
	const char *name;
	GElf_Shdr sh;
	size_t names;

	if (elf_getshdrstrndx(r->elf, &names) < 0)
		names = SHN_UNDEF;
	for (n = 0; n < MAX_SECTIONS && (scn = elf_nextscn(r->elf, scn)); n++) {
		if (!gelf_getshdr(scn, &sh))
			continue;
		if (sh.sh_type == type && tables < MAX_TABLES) {
			read_table(r, scn, &sh);
			tables++;
		}
		name = elf_strptr(r->elf, names, sh.sh_name);
		if (!name)
			continue;
		if (!strcmp(name, ".go.buildinfo") || !strcmp(name, ".gopclntab"))
			r->out->is_go = true;
		if (!strcmp(name, ".note.gnu.build-id") && sh.sh_size <= MAX_NOTES)
			read_build_id(r, elf_getdata(scn, NULL));
	}
	return tables;
}

static void name_allocator(struct reader *r, const char *base)
{
	char *name = r->out->allocator, text[256], *version;
	const char *library = fns_library(r->makers);
	const size_t len = sizeof(r->out->allocator);
	unsigned int major, minor;
	size_t i;

	if (library) {
		snprintf(name, len, "%s", library);
	} else if (search(r, false, "GNU C Library", text, sizeof(text)) &&
		   (version = strstr(text, "release version ")) &&
		   sscanf(version, "release version %4u.%4u", &major, &minor) == 2) {
		snprintf(name, len, "glibc %u.%u", major, minor);
	} else if ((r->makers & FNS_MUSL) || starts_with(base, "ld-musl-") ||
		   starts_with(base, "libc.musl-") ||
		   search(r, false, "musl libc (", text, sizeof(text))) {
		snprintf(name, len, "musl");
	} else if (r->makers & FNS_GLIBC) {
		snprintf(name, len, "glibc");
	} else {
		snprintf(name, len, "malloc in %s", base);
		for (i = 0; name[i]; i++) {
			if (name[i] < 0x20 || name[i] > 0x7e)
				name[i] = '?';
		}
	}
}

static int read_elf(struct reader *r, const char *base)
{
	struct target *out = r->out;
	char ignored[2];
	GElf_Ehdr eh;
	int err = 0;

	if (elf_kind(r->elf) != ELF_K_ELF || !gelf_getehdr(r->elf, &eh))
		return -ENOEXEC;
	out->is_32bit = eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_ident[EI_DATA] != ELFDATA2LSB ||
			(eh.e_machine != EM_X86_64 && eh.e_machine != EM_AARCH64);
	if (out->is_32bit)
		return 0;
	r->is_x86_64 = eh.e_machine == EM_X86_64;
	if (elf_getphdrnum(r->elf, &r->nsegments) < 0)
		r->nsegments = 0;
	r->nsegments = least(r->nsegments, MAX_SEGMENTS);
	read_segments(r);
	if (!read_sections(r, SHT_DYNSYM))
		read_dynamic(r);
	read_sections(r, SHT_SYMTAB);
	/* Without section headers only the data itself can tell. */
	if (!elf_nextscn(r->elf, NULL))
		out->is_go = search(r, true, "\xff Go buildinf:", ignored, sizeof(ignored));
	if (r->malloc && r->free && !fns_is_loader(base) &&
	    (eh.e_type == ET_EXEC || eh.e_type == ET_DYN))
		err = place_all(r);
	else
		out->nfns = 0;
	out->has_malloc = !err && (r->kinds >> HW_FN_MALLOC & 1) && (r->kinds >> HW_FN_FREE & 1);
	if (out->has_malloc)
		name_allocator(r, base);
	else
		out->nfns = 0;
	return err;
}

int target_read(int fd, const char *name, struct target *out)
{
	struct reader r = {.out = out, .symbols_left = MAX_SYMBOLS, .named_left = MAX_NAMED};
	const char *slash = strrchr(name, '/');
	char magic[SELFMAG];
	struct stat st;
	ssize_t n;
	int err;

	memset(out, 0, sizeof(*out));
	n = pread(fd, magic, sizeof(magic), 0);
	if (n < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (n != SELFMAG || memcmp(magic, ELFMAG, SELFMAG))
		return -ENOEXEC;
	r.file_size = (uint64_t)st.st_size;
	elf_version(EV_CURRENT);
	r.elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!r.elf)
		return -ENOEXEC;
	err = read_elf(&r, slash ? slash + 1 : name);
	elf_end(r.elf);
	return err;
}
