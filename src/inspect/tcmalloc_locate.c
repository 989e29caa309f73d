// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <gelf.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/segments.h"
#include "inspect/procfs.h"
#include "inspect/tcmalloc.h"
#include "model/modules.h"

struct file {
	uint64_t lock, thread_heaps; /* link-time addresses */
	struct segments segments;
};

static void read_symbols(Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh, struct file *out)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	GElf_Sym sym;

	for (int i = 0; data && gelf_getsym(data, i, &sym); i++) {
		const char *name;

		if (GELF_ST_TYPE(sym.st_info) != STT_OBJECT || sym.st_shndx == SHN_UNDEF)
			continue;
		name = elf_strptr(elf, sh->sh_link, sym.st_name);
		if (!name)
			continue;
		if (!strcmp(name, "_ZN8tcmalloc6Static14pageheap_lock_E"))
			out->lock = sym.st_value;
		else if (!strcmp(name, "_ZN8tcmalloc11ThreadCache13thread_heaps_E"))
			out->thread_heaps = sym.st_value;
	}
}

static int read_file(Elf *elf, struct file *out)
{
	Elf_Scn *scn = NULL;
	GElf_Ehdr eh;
	GElf_Shdr sh;
	size_t size;
	int err;

	/* The layouts are those of this machine alone. */
	if (elf_kind(elf) != ELF_K_ELF || gelf_getclass(elf) != ELFCLASS64 ||
	    !gelf_getehdr(elf, &eh) || eh.e_machine != EM_X86_64 || !elf_rawfile(elf, &size))
		return -ENOEXEC;
	err = segments_read(elf, size, &out->segments);
	if (err)
		return err;
	while ((scn = elf_nextscn(elf, scn)))
		if (gelf_getshdr(scn, &sh) &&
		    (sh.sh_type == SHT_DYNSYM || sh.sh_type == SHT_SYMTAB))
			read_symbols(elf, scn, &sh, out);
	return out->lock && out->thread_heaps ? 0 : -ENOENT;
}

static int try_module(pid_t pid, const struct module *m, struct tcmalloc *out)
{
	struct file f = {0};
	uint64_t bias;
	Elf *elf;
	int fd = procfs_open_mapping(pid, m->start, m->end), err;

	if (fd < 0)
		return fd;
	elf = elf_version(EV_CURRENT) == EV_NONE ? NULL : elf_begin(fd, ELF_C_READ_MMAP, NULL);
	err = elf ? read_file(elf, &f) : -ENOEXEC;
	elf_end(elf);
	close(fd);
	if (!err)
		err = segments_bias(&f.segments, m->start, m->offset, &bias);
	if (err)
		return err;
	*out = (struct tcmalloc){
	    .mem = memory_of(pid), .lock = f.lock + bias, .thread_heaps = f.thread_heaps + bias};
	return 0;
}

static bool is_library(const struct module *m)
{
	const char *name = strrchr(m->path, '/');

	return name && !strncmp(name, "/libtcmalloc", 12);
}

int tcmalloc_locate(pid_t pid, const struct modules *m, struct tcmalloc *out)
{
	char exe[PATH_MAX] = "";
	int found = -ENOENT;

	if (procfs_exe(pid, exe, sizeof(exe)) < 0)
		exe[0] = 0;
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < modules__count(m); i++) {
			const struct module *x = modules__at(m, i);
			int err;

			if (!x->inode || !x->exec ||
			    !(pass ? !strcmp(x->path, exe) : is_library(x)))
				continue;
			err = try_module(pid, x, out);
			if (!err)
				return 0;
			if (err != -ENOENT && err != -ENOEXEC)
				found = err;
		}
	return found;
}
