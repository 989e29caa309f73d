// SPDX-License-Identifier: GPL-2.0
#include "symbol/elffile.h"

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "symbol/remote.h"

/* More than any real program has; but a file can have each unit refer to the same long list. */
#define MAX_RANGES (1u << 20)

struct range {
	Dwarf_Addr low, high;
	Dwarf_Die cu;
};

struct function {
	GElf_Addr start, end;
	GElf_Addr reach; /* the last end of this and all before it */
	int index;
	unsigned int rank; /* which of two for the same code is named: the least */
};

struct elffile {
	int fd;
	char *name;
	struct stat stat;
	struct remote *remote;
	bool broken;  /* do not try again */
	bool changed; /* was seen to: later changes may have given it its old looks again */
	/* While it is open: */
	Dwfl_Callbacks callbacks;
	Dwfl *dwfl;
	Dwfl_Module *module;
	/* Those with a size, by address: libdwfl would go through all symbols for each look-up. */
	struct function *functions;
	size_t nfunctions;
	bool listed;
	/* The compilation units by address, made when the file's own table is of no help. */
	struct range *ranges;
	size_t nranges, room;
	bool ranged;
};

struct elffile *elffile__new(int fd, const char *name, struct remote *remote)
{
	struct elffile *f = calloc(1, sizeof(*f));

	if (!f) {
		close(fd);
		return NULL;
	}
	f->fd = fd;
	f->remote = remote;
	f->name = strdup(name);
	if (!f->name) {
		elffile__free(f);
		return NULL;
	}
	f->broken = fstat(fd, &f->stat) < 0;
	f->callbacks = (Dwfl_Callbacks){.find_elf = dwfl_build_id_find_elf,
					.find_debuginfo = remote_find,
					.section_address = dwfl_offline_section_address};
	return f;
}

void elffile__close(struct elffile *f)
{
	free(f->ranges);
	f->ranges = NULL;
	f->nranges = f->room = 0;
	f->ranged = false;
	free(f->functions);
	f->functions = NULL;
	f->nfunctions = 0;
	f->listed = false;
	if (f->dwfl)
		dwfl_end(f->dwfl);
	f->dwfl = NULL;
	f->module = NULL;
}

void elffile__free(struct elffile *f)
{
	if (!f)
		return;
	elffile__close(f);
	close(f->fd);
	free(f->name);
	free(f);
}

bool elffile__is_open(const struct elffile *f)
{
	return f->dwfl;
}

bool elffile__is_broken(const struct elffile *f)
{
	return f->broken || f->changed;
}

bool elffile__changed(const struct elffile *f)
{
	struct stat now;

	return f->changed || fstat(f->fd, &now) < 0 || now.st_size != f->stat.st_size ||
	       now.st_mtim.tv_sec != f->stat.st_mtim.tv_sec ||
	       now.st_mtim.tv_nsec != f->stat.st_mtim.tv_nsec;
}

/* Only what the kernel would have mapped: libdwfl also unpacks archives and kernel images. */
static bool is_elf(int fd)
{
	GElf_Half type;
	unsigned char head[EI_NIDENT + sizeof(type)];

	if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    memcmp(head, ELFMAG, SELFMAG))
		return false;
	memcpy(&type, head + EI_NIDENT, sizeof(type));
	return type == ET_EXEC || type == ET_DYN;
}

static int open_elf(struct elffile *f)
{
	void **userdata;
	int fd;

	if (f->broken)
		return -ENOEXEC;
	if (!is_elf(f->fd))
		goto broken;
	elf_version(EV_CURRENT);
	f->dwfl = dwfl_begin(&f->callbacks);
	if (!f->dwfl)
		return -ENOMEM;
	fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0) {
		int err = -errno;

		elffile__close(f);
		return err;
	}
	dwfl_report_begin(f->dwfl);
	f->module = dwfl_report_elf(f->dwfl, f->name, f->name, fd, 0, true);
	if (!f->module) {
		log_debug("%s: %s", f->name, dwfl_errmsg(-1));
		close(fd);
	}
	if (!f->module || dwfl_report_end(f->dwfl, NULL, NULL))
		goto broken;
	dwfl_module_info(f->module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
	*userdata = f->remote;
	return 0;
broken:
	elffile__close(f);
	f->broken = true;
	return -ENOEXEC;
}

static int to_address(struct elffile *f, uint64_t offset, GElf_Addr *addr)
{
	GElf_Addr bias;
	Elf *elf = dwfl_module_getelf(f->module, &bias);
	size_t n;

	if (!elf || elf_getphdrnum(elf, &n))
		return -ENOEXEC;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(elf, (int)i, &ph) || ph.p_type != PT_LOAD || !(ph.p_flags & PF_X))
			continue;
		if (offset < ph.p_offset || offset - ph.p_offset >= ph.p_filesz)
			continue;
		*addr = offset - ph.p_offset + ph.p_vaddr + bias;
		return 0;
	}
	return -ENOENT;
}

static bool is_function(const GElf_Sym *sym, const char *name)
{
	int type = GELF_ST_TYPE(sym->st_info);

	/* '$': a mark that ARM's assemblers leave between code and data. */
	return *name && *name != '$' &&
	       (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

static int by_start(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	/* A look-up goes from the last to the first. */
	if (x->rank != y->rank)
		return x->rank > y->rank ? -1 : 1;
	return x->index > y->index ? -1 : x->index < y->index;
}

static void list_functions(struct elffile *f)
{
	int n = dwfl_module_getsymtab(f->module);
	GElf_Addr reach = 0;

	f->listed = true;
	f->functions = n > 0 ? calloc((size_t)n, sizeof(*f->functions)) : NULL;
	for (int i = 1; f->functions && i < n; i++) {
		struct function *to = &f->functions[f->nfunctions];
		GElf_Sym sym;
		GElf_Addr addr;
		GElf_Word section;
		const char *name =
		    dwfl_module_getsym_info(f->module, i, &sym, &addr, &section, NULL, NULL);
		unsigned int bind = name ? GELF_ST_BIND(sym.st_info) : 0;

		if (!name || !is_function(&sym, name) || section == SHN_UNDEF || !sym.st_size ||
		    addr + sym.st_size < addr)
			continue;
		*to = (struct function){.start = addr, .end = addr + sym.st_size, .index = i};
		to->rank = bind == STB_GLOBAL ? 0 : bind == STB_WEAK ? 1 : 2;
		f->nfunctions++;
	}
	if (f->nfunctions)
		qsort(f->functions, f->nfunctions, sizeof(*f->functions), by_start);
	for (size_t i = 0; i < f->nfunctions; i++) {
		if (f->functions[i].end > reach)
			reach = f->functions[i].end;
		f->functions[i].reach = reach;
	}
}

static const char *find_function(struct elffile *f, GElf_Addr addr)
{
	size_t low = 0, high;
	const char *name;
	GElf_Off distance;
	GElf_Addr unused;
	GElf_Sym sym;

	if (!f->listed)
		list_functions(f);
	for (high = f->nfunctions; low < high;) {
		size_t mid = low + (high - low) / 2;

		if (f->functions[mid].start <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low && f->functions[low - 1].reach > addr; low--)
		if (addr < f->functions[low - 1].end)
			return dwfl_module_getsym_info(f->module, f->functions[low - 1].index, &sym,
						       &unused, NULL, NULL, NULL);
	/* Assemblers' symbols have no size: the section and what follows are their end. */
	name = dwfl_module_addrinfo(f->module, addr, &distance, &sym, NULL, NULL, NULL);
	/* What is beyond its end has no name, rather than that of a neighbour. */
	if (!name || !is_function(&sym, name) || (sym.st_size && distance >= sym.st_size))
		return NULL;
	return name;
}

static int add_range(struct elffile *f, const Dwarf_Die *cu, Dwarf_Addr low, Dwarf_Addr high)
{
	if (f->nranges == f->room) {
		size_t room = f->room ? 2 * f->room : 64;
		struct range *ranges = realloc(f->ranges, room * sizeof(*ranges));

		if (!ranges)
			return -ENOMEM;
		f->ranges = ranges;
		f->room = room;
	}
	f->ranges[f->nranges++] = (struct range){.low = low, .high = high, .cu = *cu};
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->low < y->low ? -1 : x->low > y->low;
}

/*
 * clang writes no .debug_aranges, and elfutils before 0.192 finds no unit without.  What makes a
 * file too large or breaks it off loses only lines.
 */
static void make_ranges(struct elffile *f)
{
	Dwarf_Addr bias, base, low, high;
	Dwarf_Die *cu = NULL;
	size_t seen = 0;
	int err = 0;

	f->ranged = true;
	while (!err && (cu = dwfl_module_nextcu(f->module, cu, &bias))) {
		ptrdiff_t at = 0;

		while (!err && (at = dwarf_ranges(cu, at, &base, &low, &high)) > 0) {
			if (++seen > MAX_RANGES)
				err = -E2BIG;
			else if (low < high)
				err = add_range(f, cu, low + bias, high + bias);
		}
	}
	if (f->nranges)
		qsort(f->ranges, f->nranges, sizeof(*f->ranges), by_address);
	if (err)
		log_debug("%s: not all of its lines: %s", f->name, strerror(-err));
}

static Dwarf_Die *find_unit(struct elffile *f, GElf_Addr addr)
{
	size_t low = 0, high;

	if (!f->ranged)
		make_ranges(f);
	for (high = f->nranges; low < high;) {
		size_t mid = low + (high - low) / 2;

		if (f->ranges[mid].low <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low && addr < f->ranges[low - 1].high ? &f->ranges[low - 1].cu : NULL;
}

static bool find_line(Dwarf_Die *cu, GElf_Addr addr, struct elffile_symbol *out)
{
	Dwarf_Line *line = cu ? dwarf_getsrc_die(cu, addr) : NULL;
	const char *file = line ? dwarf_linesrc(line, NULL, NULL) : NULL;
	int number;

	if (!file || dwarf_lineno(line, &number))
		return false;
	out->file = file;
	out->line = number > 0 ? (uint32_t)number : 0;
	return true;
}

int elffile__find(struct elffile *f, uint64_t offset, struct elffile_symbol *out)
{
	GElf_Addr addr, bias = 0;
	int err = 0;

	*out = (struct elffile_symbol){0};
	/* What is parsed is mapped: to touch a page that was cut off would be the end of us. */
	if (elffile__changed(f)) {
		elffile__close(f);
		f->changed = true;
		return -ESTALE;
	}
	if (!f->dwfl)
		err = open_elf(f);
	if (!err)
		err = to_address(f, offset, &addr);
	if (err)
		return err;
	out->function = find_function(f, addr);
	/* Only that sets the bias: the units' addresses are those of the debug file. */
	if (dwfl_module_getdwarf(f->module, &bias)) {
		Dwarf_Addr unused;

		if (!find_line(dwfl_module_addrdie(f->module, addr, &unused), addr - bias, out))
			find_line(find_unit(f, addr), addr - bias, out);
	}
	return out->function || out->file ? 0 : -ENOENT;
}
