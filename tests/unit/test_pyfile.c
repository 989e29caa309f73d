// SPDX-License-Identifier: GPL-2.0
/* test_pyfile: is a file a Python interpreter, of which version, and where are its frames: by files
 * that are made up, for the versions are many and some files are hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unwind/python.h"

#define ADDRESS 0x400000ull
/* Numbers of 3.13.5, at the start of its _PyRuntime, in the order of struct _Py_DebugOffsets. */
static const uint64_t debug_offsets[71] = {
    0x7970677562656478, 0x030d05f0, 0,		[5] = 632, [8] = 7264, [9] = 7344, [21] = 8,
    [23] = 72,		[24] = 152, [29] = 8,	[30] = 0,  [31] = 56,  [33] = 70,  [35] = 112,
    [36] = 120,		[37] = 128, [38] = 136, [39] = 68, [43] = 200, [45] = 8,   [47] = 24,
    [65] = 16,		[66] = 32,  [68] = 32,	[69] = 16, [70] = 40,
};

/* An ELF file with one segment and the symbols that an interpreter has. */
struct image {
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	Elf64_Shdr sh[3];
	Elf64_Sym sym[5];
	char names[80];
	uint64_t version;
	uint64_t runtime[71];
};

static uint64_t at(size_t offset)
{
	return ADDRESS + offset;
}

static struct image image_of(uint64_t version)
{
	static const char names[] =
	    "\0_PyRuntime\0_PyEval_EvalFrameDefault\0Py_Version\0PyCode_Type";
	const size_t starts[] = {0, 1, 12, 37, 48};
	struct image m = {.eh = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
					     ELFDATA2LSB, EV_CURRENT},
				 .e_type = ET_DYN,
				 .e_machine = EM_X86_64,
				 .e_version = EV_CURRENT,
				 .e_phoff = offsetof(struct image, ph),
				 .e_shoff = offsetof(struct image, sh),
				 .e_ehsize = sizeof(Elf64_Ehdr),
				 .e_phentsize = sizeof(Elf64_Phdr),
				 .e_phnum = 1,
				 .e_shentsize = sizeof(Elf64_Shdr),
				 .e_shnum = 3},
			  .ph = {.p_type = PT_LOAD, .p_vaddr = ADDRESS, .p_filesz = sizeof(m)},
			  .sh = {{0},
				 {.sh_type = SHT_DYNSYM,
				  .sh_link = 2,
				  .sh_offset = offsetof(struct image, sym),
				  .sh_size = sizeof(m.sym),
				  .sh_entsize = sizeof(Elf64_Sym)},
				 {.sh_type = SHT_STRTAB,
				  .sh_offset = offsetof(struct image, names),
				  .sh_size = sizeof(m.names)}},
			  .version = version};
	const uint64_t values[] = {0, at(offsetof(struct image, runtime)), 0x1000,
				   at(offsetof(struct image, version)), 0x3000};

	memcpy(m.names, names, sizeof(names));
	memcpy(m.runtime, debug_offsets, sizeof(debug_offsets));
	for (size_t i = 1; i < 5; i++)
		m.sym[i] = (Elf64_Sym){.st_name = (Elf64_Word)starts[i],
				       .st_shndx = 1,
				       .st_value = values[i],
				       .st_size = 0x500};
	/* Without a version there is no symbol for it. */
	if (!version)
		m.sym[3].st_shndx = SHN_UNDEF;
	return m;
}

static int read_file(const struct image *m, size_t len, const char *name, struct hw_python *out)
{
	struct segments segments = {0};
	int fd = memfd_create(name, MFD_CLOEXEC), err = -ENOEXEC;
	Elf *elf;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, m, len), len);
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (elf) {
		segments_read(elf, len, &segments);
		elf_end(elf);
		err = python_read(fd, &segments, out);
	}
	close(fd);
	return err;
}

static int read_whole(const struct image *m, const char *name, struct hw_python *out)
{
	return read_file(m, sizeof(*m), name, out);
}

static void test_versions(void **state)
{
	static const struct {
		uint64_t version;
		const char *name;
		int err, style;
	} cases[] = {
	    {0x030b02f0, "whatever", 0, HW_PYTHON_CFRAME_ENTRY},
	    {0x030c03f0, "python3.9", 0, HW_PYTHON_CFRAME_CSTACK},
	    {0x030d05f0, "python", 0, HW_PYTHON_CSTACK},
	    {0x030e00f0, "python3.11", -ENOTSUP, 0},
	    {0x030800f0, "python3.11", -ENOTSUP, 0},
	    {0x020b02f0, "python3.11", -ENOTSUP, 0},
	    {0, "python3.9", 0, HW_PYTHON_FRAMES},
	    {0, "libpython3.10.so.1.0", 0, HW_PYTHON_CFRAME},
	    {0, "python3", -ENOTSUP, 0},
	    {0, "uwsgi", -ENOTSUP, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct image m = image_of(cases[i].version);
		struct hw_python p;

		assert_int_equal(read_whole(&m, cases[i].name, &p), cases[i].err);
		assert_int_equal(p.style, cases[i].style);
		assert_int_equal(p.runtime, cases[i].err ? 0 : m.sym[1].st_value);
		if (cases[i].err)
			continue;
		assert_int_equal(p.eval, 0x1000);
		assert_int_equal(p.eval_end, 0x1500);
		assert_int_equal(p.code_type, 0x3000);
		assert_in_range(p.code_size, 100, 8 * HW_PYTHON_WORDS - 1);
		assert_in_range(p.frame_size, 64, 8 * HW_PYTHON_WORDS - 1);
		assert_in_range(p.thread_size, 64, 8 * HW_PYTHON_WORDS - 1);
		assert_true(p.code_table < p.code_size && p.frame_instr < p.frame_size);
		assert_true(p.thread_id < p.thread_size && p.thread_cframe < p.thread_size);
	}
}

static void test_debug_offsets(void **state)
{
	struct image m = image_of(0x030d05f0);
	struct hw_python p;

	(void)state;
	assert_int_equal(read_whole(&m, "x", &p), 0);
	assert_int_equal(p.minor, 13);
	assert_int_equal(p.interpreters_head, 632);
	assert_int_equal(p.threads_head, 7344);
	assert_int_equal(p.thread_size, 160);
	assert_int_equal(p.frame_size, 72);
	assert_int_equal(p.code_size, 200);
	assert_int_equal(p.compact_size, 56);
	/* Each field that is used, far out; those that we take as given, at all different. */
	for (size_t i = 0; i < 71; i++) {
		int err;

		m = image_of(0x030d05f0);
		m.runtime[i] = 100000;
		err = read_whole(&m, "x", &p);
		assert_true(debug_offsets[i] || i == 2 || i == 30 ? err == -ENOTSUP : !err);
		assert_true(!err || !p.runtime);
	}
}

static void test_none(void **state)
{
	struct image m = image_of(0x030b02f0);
	struct hw_python p;

	(void)state;
	for (size_t i = 1; i < 3; i++) {
		m = image_of(0x030b02f0);
		m.sym[i].st_shndx = SHN_UNDEF;
		assert_int_equal(read_whole(&m, "x", &p), -ENOENT);
	}
	m = image_of(0x030b02f0);
	m.sym[4].st_shndx = SHN_UNDEF;
	assert_int_equal(read_whole(&m, "x", &p), 0);
	assert_int_equal(p.code_type, 0);
	/* The version is outside of what the file has. */
	m = image_of(0x030b02f0);
	m.sym[3].st_value = at(sizeof(m) - 7);
	assert_int_equal(read_whole(&m, "python3.11", &p), -ENOTSUP);
}

static void test_cut_off(void **state)
{
	const struct image m = image_of(0x030d05f0);
	struct hw_python p;

	(void)state;
	for (size_t len = 1; len < sizeof(m); len += 7)
		assert_int_not_equal(read_file(&m, len, "python3.13", &p), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_versions),
	    cmocka_unit_test(test_debug_offsets),
	    cmocka_unit_test(test_none),
	    cmocka_unit_test(test_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
