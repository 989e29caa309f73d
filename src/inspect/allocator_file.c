// SPDX-License-Identifier: GPL-2.0
#include "inspect/allocator_file.h"

#include <errno.h>
#include <gelf.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/segments.h"
#include "inspect/procfs.h"
#include "model/modules.h"

static int read_file(Elf *elf, bool library, allocator_file_fn find, struct segments *segments,
		     uint64_t at[ALLOCATOR_VARIABLES])
{
	GElf_Ehdr eh;
	size_t size;
	int err;

	/* The layouts are those of this machine alone. */
	if (elf_kind(elf) != ELF_K_ELF || gelf_getclass(elf) != ELFCLASS64 ||
	    !gelf_getehdr(elf, &eh) || eh.e_machine != EM_X86_64 || !elf_rawfile(elf, &size))
		return -ENOEXEC;
	err = segments_read(elf, size, segments);
	return err ? err : find(elf, library, at);
}

static int try_module(pid_t pid, const struct module *m, bool library, allocator_file_fn find,
		      uint64_t at[ALLOCATOR_VARIABLES])
{
	struct segments segments;
	uint64_t bias;
	Elf *elf;
	int fd = procfs_open_mapping(pid, m->start, m->end), err;

	if (fd < 0)
		return fd;
	elf = elf_version(EV_CURRENT) == EV_NONE ? NULL : elf_begin(fd, ELF_C_READ_MMAP, NULL);
	err = elf ? read_file(elf, library, find, &segments, at) : -ENOEXEC;
	elf_end(elf);
	close(fd);
	if (!err)
		err = segments_bias(&segments, m->start, m->offset, &bias);
	for (int i = 0; !err && i < ALLOCATOR_VARIABLES; i++)
		at[i] += bias;
	return err;
}

bool allocator_file_is(const struct module *m, const char *library)
{
	const char *name = strrchr(m->path, '/');

	return name && !strncmp(name + 1, library, strlen(library));
}

int allocator_file_locate(pid_t pid, const struct modules *m, const char *library,
			  allocator_file_fn find, uint64_t at[ALLOCATOR_VARIABLES])
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
			    !(pass ? !strcmp(x->path, exe) : allocator_file_is(x, library)))
				continue;
			err = try_module(pid, x, !pass, find, at);
			if (!err)
				return 0;
			if (err != -ENOENT && err != -ENOEXEC)
				found = err;
		}
	return found;
}
