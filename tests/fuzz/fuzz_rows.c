// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_rows: call frame instructions, then the input as the .eh_frame of a file.  Rows come in
 * order, within their function, and of a kind that the kernel's side knows.
 */
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unwind/cfi.h"
#include "unwind/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
	if (!truth)
		__builtin_trap();
}

struct seen {
	uint64_t pc, end;
};

static int on_row(void *arg, const struct hw_row *row)
{
	struct seen *s = arg;

	must(row->pc >= s->pc && row->pc <= s->end && row->kind <= HW_ROW_SIGNAL);
	s->pc = row->pc;
	return 0;
}

static void instructions(const uint8_t *data, size_t size, uint16_t machine)
{
	uint8_t *copy = malloc(size + 1);
	struct cfi_entry e = {.code_align = 1,
			      .data_align = -8,
			      .return_register = machine == EM_X86_64 ? 16 : 30,
			      .machine = machine,
			      .pc = 0x1000,
			      .size = 0x1000};
	struct seen s = {.pc = e.pc, .end = e.pc + e.size};

	must(copy != NULL);
	memcpy(copy, data, size);
	e.initial = copy;
	e.initial_end = e.start = copy + size / 4;
	e.end = copy + size;
	if (size)
		e.data_align = (int8_t)data[0];
	cfi_run(&e, on_row, &s);
	free(copy);
}

/* The smallest file: one segment, a section .eh_frame that is the input, and the names. */
static void file(const uint8_t *data, size_t size, uint16_t machine)
{
	static const char names[] = "\0.eh_frame\0.shstrtab\0.plt";
	struct {
		Elf64_Ehdr eh;
		Elf64_Phdr ph;
		Elf64_Shdr sh[4];
		char names[sizeof(names)];
	} f = {.eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		      .e_type = ET_DYN,
		      .e_machine = machine,
		      .e_version = EV_CURRENT,
		      .e_phoff = offsetof(__typeof__(f), ph),
		      .e_shoff = offsetof(__typeof__(f), sh),
		      .e_ehsize = sizeof(Elf64_Ehdr),
		      .e_phentsize = sizeof(Elf64_Phdr),
		      .e_phnum = 1,
		      .e_shentsize = sizeof(Elf64_Shdr),
		      .e_shnum = 4,
		      .e_shstrndx = 2}};
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct rows r;

	must(fd >= 0);
	memcpy(f.names, names, sizeof(names));
	f.ph = (Elf64_Phdr){.p_type = PT_LOAD, .p_filesz = sizeof(f) + size};
	f.sh[1] = (Elf64_Shdr){.sh_name = 1,
			       .sh_type = SHT_PROGBITS,
			       .sh_addr = 0x2000,
			       .sh_offset = sizeof(f),
			       .sh_size = size};
	f.sh[2] = (Elf64_Shdr){.sh_name = 11,
			       .sh_type = SHT_STRTAB,
			       .sh_offset = offsetof(__typeof__(f), names),
			       .sh_size = sizeof(names)};
	/* Its first words, as an arm64 PLT. */
	f.sh[3] = (Elf64_Shdr){.sh_name = 21,
			       .sh_type = SHT_PROGBITS,
			       .sh_addr = 0x1000,
			       .sh_offset = sizeof(f),
			       .sh_size = size / 2};
	must(write(fd, &f, sizeof(f)) == sizeof(f) && write(fd, data, size) == (ssize_t)size);
	if (!rows_read(fd, &r))
		for (size_t i = 0; i < r.n; i++)
			must((!i || r.row[i - 1].pc < r.row[i].pc) &&
			     r.row[i].kind <= HW_ROW_SIGNAL);
	rows_free(&r);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	instructions(data, size, EM_X86_64);
	instructions(data, size, EM_AARCH64);
	file(data, size, EM_X86_64);
	file(data, size, EM_AARCH64);
	return 0;
}
