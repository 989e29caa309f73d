// SPDX-License-Identifier: GPL-2.0
#include "probe/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/fns.h"
#include "probe/image.h"
#include "probe/place.h"
#include "probe/tail.h"

#define MAX_NAMED    (1u << 10) /* symbols with the name of an allocator's function */
#define MAX_SECTIONS (1u << 10)
#define MAX_NOTES    (1u << 16) /* bytes */
#define MAX_BODY     (1u << 16)
#define MAX_HOPS     3
#define PROLOGUE     64 /* of a function whose size is not known */

struct entry {
	struct fns_fn fn;      /* by its best name */
	unsigned int families; /* by all its names: bits of enum fns_family */
	uint64_t offset, vaddr;
	uint64_t size; /* 0: not known */
	uint64_t room; /* bytes of its segment that are left */
};

struct reader {
	struct image image;
	bool is_x86_64;
	unsigned int named_left;
	unsigned int allocates, frees; /* families that have such a function */
	bool malloc, free;	       /* defined under just these names */
	bool imports_malloc;	       /* from another file */
	unsigned int makers;	       /* enum fns_family, of the symbols seen */
	struct target *out;
	size_t nentries;
	struct entry entries[TARGET_MAX_FNS];
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool starts_with(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static bool is_visible(const struct reader *r, const GElf_Sym *sym, unsigned int family)
{
	unsigned int bind = GELF_ST_BIND(sym->st_info);

	/* Not STT_GNU_IFUNC: a probe there sees the function being chosen, not called. */
	if (GELF_ST_TYPE(sym->st_info) != STT_FUNC)
		return false;
	if (bind == STB_GLOBAL || bind == STB_WEAK)
		return true;
	/* A static function may be called free whatever it does; hardly je_free.  And in a static
	 * program the linker may make malloc local, as lld does. */
	return bind == STB_LOCAL &&
	       (family & (FNS_PREFIXED | FNS_RUST) || (family == FNS_C && !r->imports_malloc));
}

static void take_symbol(void *arg, const char *symbol, const GElf_Sym *sym)
{
	struct reader *r = arg;
	struct entry e = {.vaddr = sym->st_value, .size = sym->st_size};
	size_t i;

	if (sym->st_shndx == SHN_UNDEF) {
		r->imports_malloc |= !strcmp(symbol, "malloc");
		return;
	}
	r->out->nameless &= GELF_ST_TYPE(sym->st_info) != STT_FUNC;
	r->makers |= fns_maker_of(symbol);
	if (!fns_find(symbol, &e.fn) || !is_visible(r, sym, e.fn.family) || !r->named_left)
		return;
	r->named_left--;
	e.families = e.fn.family;
	if (!image_locate(&r->image, e.vaddr, PF_X, &e.offset, &e.room))
		return;
	r->malloc |= !strcmp(symbol, "malloc");
	r->free |= !strcmp(symbol, "free") || !strcmp(symbol, "cfree");
	if (e.fn.fn == HW_FN_FREE)
		r->frees |= e.families;
	else
		r->allocates |= e.families;
	for (i = 0; i < r->nentries; i++) {
		if (r->entries[i].offset != e.offset)
			continue;
		r->entries[i].families |= e.families;
		if (fns_better(&e.fn, &r->entries[i].fn))
			r->entries[i].fn = e.fn;
		return;
	}
	if (r->nentries < TARGET_MAX_FNS)
		r->entries[r->nentries++] = e;
}

/* The families whose functions are to be probed. */
static unsigned int choose_families(const struct reader *r)
{
	unsigned int whole = r->allocates & r->frees, keep = whole & FNS_PREFIXED;
	bool libc = r->makers & (FNS_GLIBC | FNS_MUSL) && !fns_library(r->makers);

	if (r->malloc && r->free)
		keep |= FNS_C;
	if (keep && !(keep == FNS_C && libc))
		keep |= whole & FNS_CXX;
	if (!(r->makers & FNS_RUST_SYSTEM) && !(keep & FNS_PREFIXED) &&
	    !(keep & FNS_C && fns_library(r->makers)))
		keep |= whole & FNS_RUST;
	return keep;
}

static void keep_families(struct reader *r, unsigned int keep)
{
	size_t i, n = 0;

	for (i = 0; i < r->nentries; i++) {
		if (r->entries[i].families & keep)
			r->entries[n++] = r->entries[i];
	}
	r->nentries = n;
}

static const struct entry *entry_at(const struct reader *r, uint64_t vaddr)
{
	for (size_t i = 0; i < r->nentries; i++) {
		if (r->entries[i].vaddr == vaddr)
			return &r->entries[i];
	}
	return NULL;
}

static bool find_tail(const struct reader *r, uint64_t vaddr, uint64_t len, struct tail *out)
{
	uint64_t offset, room;
	Elf_Data *d;

	if (!image_locate(&r->image, vaddr, PF_X, &offset, &room))
		return false;
	d = image_chunk(&r->image, offset, least(len, room), ELF_T_BYTE);
	return d && d->d_buf && tail_find(d->d_buf, d->d_size, vaddr, out);
}

/*
 * It only jumps to another function that is probed: here, or, by a slot that the loader fills, in
 * whatever file has that name.
 */
static bool is_redundant(const struct reader *r, const struct entry *e, unsigned int keep)
{
	uint64_t at = e->vaddr, len = e->size ? least(e->size, PROLOGUE) : PROLOGUE;
	const struct entry *to;
	struct fns_fn fn;
	struct tail tail;
	const char *name;

	for (int hop = 0; hop < MAX_HOPS; hop++, len = PROLOGUE) {
		if (!find_tail(r, at, len, &tail))
			return false;
		if (tail.slot) {
			name = image_slot(&r->image, tail.vaddr);
			return name && fns_find(name, &fn) && fn.family & (keep | FNS_C) &&
			       (fn.fn == HW_FN_FREE) == (e->fn.fn == HW_FN_FREE);
		}
		at = tail.vaddr;
		to = entry_at(r, at);
		if (to)
			return to != e && (to->fn.fn == HW_FN_FREE) == (e->fn.fn == HW_FN_FREE);
	}
	return false;
}

static void drop_redundant(struct reader *r, unsigned int keep)
{
	bool redundant[TARGET_MAX_FNS] = {false};
	size_t i, n = 0;

	if (!r->is_x86_64)
		return;
	for (i = 0; i < r->nentries; i++)
		redundant[i] = is_redundant(r, &r->entries[i], keep);
	for (i = 0; i < r->nentries; i++) {
		if (!redundant[i])
			r->entries[n++] = r->entries[i];
	}
	r->nentries = n;
}

/* Choose each function's place; one that can't be decoded can't be probed and is dropped. */
static int place_all(struct reader *r)
{
	struct target *out = r->out;
	unsigned int kinds = 0;
	size_t i;

	for (i = 0; i < r->nentries; i++) {
		const struct entry *e = &r->entries[i];
		uint64_t len = least(least(e->size ? e->size : PROLOGUE, MAX_BODY), e->room);
		Elf_Data *d = image_chunk(&r->image, e->offset, len, ELF_T_BYTE);
		struct target_fn fn = {.prefix = e->fn.prefix, .name = e->fn.name, .fn = e->fn.fn};
		int err;

		if (!d || !d->d_buf)
			continue;
		err = place_choose(d->d_buf, d->d_size, e->vaddr, fns_arguments(fn.fn),
				   e->size == len, r->is_x86_64, &fn.place);
		if (err == -EINVAL)
			continue;
		if (err)
			return err;
		fn.place.offset = e->offset + fn.place.moved;
		fn.size = least(e->size, e->room);
		out->fns[out->nfns++] = fn;
		kinds |= fn.fn == HW_FN_FREE ? 1u : 2u;
	}
	out->has_malloc = kinds == 3;
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

static void read_notes(struct reader *r)
{
	GElf_Phdr ph;
	size_t i;

	for (i = 0; i < r->image.nsegments; i++) {
		if (image_segment(&r->image, i, PT_NOTE, &ph) && ph.p_filesz <= MAX_NOTES)
			read_build_id(r, image_chunk(&r->image, ph.p_offset, ph.p_filesz,
						     ph.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR));
	}
}

/* What the sections are called.  Without section headers only the data itself can tell. */
static void read_sections(struct reader *r)
{
	Elf *elf = r->image.elf;
	Elf_Scn *scn = NULL;
	char ignored[2];
	const char *name;
	unsigned int n;
	GElf_Shdr sh;
	size_t names;

	if (elf_getshdrstrndx(elf, &names) < 0)
		names = SHN_UNDEF;
	for (n = 0; n < MAX_SECTIONS && (scn = elf_nextscn(elf, scn)); n++) {
		name = gelf_getshdr(scn, &sh) ? elf_strptr(elf, names, sh.sh_name) : NULL;
		if (!name)
			continue;
		if (!strcmp(name, ".go.buildinfo") || !strcmp(name, ".gopclntab"))
			r->out->is_go = true;
		if (!strcmp(name, ".note.gnu.build-id") && sh.sh_size <= MAX_NOTES)
			read_build_id(r, elf_getdata(scn, NULL));
	}
	if (!elf_nextscn(elf, NULL))
		r->out->is_go =
		    image_search(&r->image, true, "\xff Go buildinf:", ignored, sizeof(ignored));
}

static void name_libc(struct reader *r, const char *base, char *name, size_t len)
{
	char text[256], *version;
	unsigned int major, minor;

	if (image_search(&r->image, false, "GNU C Library", text, sizeof(text)) &&
	    (version = strstr(text, "release version ")) &&
	    sscanf(version, "release version %4u.%4u", &major, &minor) == 2)
		snprintf(name, len, "glibc %u.%u", major, minor);
	else if ((r->makers & FNS_MUSL) || starts_with(base, "ld-musl-") ||
		 starts_with(base, "libc.musl-") ||
		 image_search(&r->image, false, "musl libc (", text, sizeof(text)))
		snprintf(name, len, "musl");
	else if (r->makers & FNS_GLIBC)
		snprintf(name, len, "glibc");
}

static void name_file(const char *base, char *name, size_t len)
{
	snprintf(name, len, "malloc in %s", base);
	for (; *name; name++) {
		if (*name < 0x20 || *name > 0x7e)
			*name = '?';
	}
}

/* malloc itself is the C library's, unless the file has one's of those that replace it. */
static void name_allocator(struct reader *r, const char *base, unsigned int keep)
{
	unsigned int prefixed = keep & FNS_PREFIXED;
	const char *library = fns_library(prefixed ? prefixed : r->makers);
	const size_t len = sizeof(r->out->allocator);
	char *name = r->out->allocator, libc[32] = "";
	bool both = false;

	for (size_t i = 0; i < r->nentries; i++)
		both |= r->entries[i].families & FNS_C && r->entries[i].families & prefixed;
	if (keep & FNS_C && !(library && (both || !prefixed)))
		name_libc(r, base, libc, sizeof(libc));
	if (library)
		snprintf(name, len, "%s%s%s", library, libc[0] ? " + " : "", libc);
	else if (keep & FNS_RUST)
		snprintf(name, len, "rust%s%s", libc[0] ? " + " : "", libc);
	else if (libc[0])
		snprintf(name, len, "%s", libc);
	else
		name_file(base, name, len);
	r->out->replaces = library || keep & FNS_RUST || !libc[0];
}

static int read_elf(struct reader *r, Elf *elf, uint64_t size, const char *base)
{
	struct target *out = r->out;
	unsigned int keep;
	GElf_Ehdr eh;
	int err;

	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &eh))
		return -ENOEXEC;
	out->is_32bit = eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_ident[EI_DATA] != ELFDATA2LSB ||
			(eh.e_machine != EM_X86_64 && eh.e_machine != EM_AARCH64);
	if (out->is_32bit)
		return 0;
	r->is_x86_64 = eh.e_machine == EM_X86_64;
	image_open(&r->image, elf, size);
	read_notes(r);
	read_sections(r);
	out->nameless = true;
	image_symbols(&r->image, take_symbol, r);
	keep = choose_families(r);
	if (!keep || fns_is_loader(base) || (eh.e_type != ET_EXEC && eh.e_type != ET_DYN))
		return 0;
	keep_families(r, keep);
	name_allocator(r, base, keep);
	drop_redundant(r, keep);
	err = place_all(r);
	if (err || !out->has_malloc) {
		out->allocator[0] = '\0';
		out->has_malloc = out->replaces = false;
		out->nfns = 0;
	}
	return err;
}

int target_read(int fd, const char *name, struct target *out)
{
	struct reader r = {.out = out, .named_left = MAX_NAMED};
	const char *slash = strrchr(name, '/');
	char magic[SELFMAG];
	struct stat st;
	ssize_t n;
	Elf *elf;
	int err;

	memset(out, 0, sizeof(*out));
	n = pread(fd, magic, sizeof(magic), 0);
	if (n < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (n != SELFMAG || memcmp(magic, ELFMAG, SELFMAG))
		return -ENOEXEC;
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf)
		return -ENOEXEC;
	err = read_elf(&r, elf, (uint64_t)st.st_size, slash ? slash + 1 : name);
	elf_end(elf);
	return err;
}
