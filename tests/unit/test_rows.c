// SPDX-License-Identifier: GPL-2.0
/*
 * test_rows: the rows of real files against libdw's own reading of the same tables, row by row; and
 * instructions made by hand, well-formed or not.
 */
#include "rows_fixture.h"

#include <sched.h>

static void test_real(void **state)
{
	(void)state;
	compare_with_libdw("/proc/self/exe", 50);
#ifdef __x86_64__
	compare_with_libdw("/lib/x86_64-linux-gnu/libc.so.6", 20000);
	compare_with_libdw("/usr/bin/git", 20000);
	compare_with_libdw("/usr/bin/python3.11", 20000);
	compare_with_libdw("/lib64/ld-linux-x86-64.so.2", 1000);
#else
	compare_with_libdw("/lib/aarch64-linux-gnu/libc.so.6", 10000);
	compare_with_libdw("/lib/ld-linux-aarch64.so.1", 900);
#endif
}

/* Nobody calls a program's first instruction, of which the dynamic loader's own table has nothing:
 * what constructors allocate ends there. */
static void test_start(void **state)
{
#ifdef __x86_64__
	int fd = open("/lib64/ld-linux-x86-64.so.2", O_RDONLY | O_CLOEXEC);
#else
	int fd = open("/lib/ld-linux-aarch64.so.1", O_RDONLY | O_CLOEXEC);
#endif
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	Dwarf_CFI *cfi = dwarf_getcfi_elf(elf);
	Dwarf_Frame *frame;
	struct rows r;
	GElf_Ehdr eh;

	(void)state;
	assert_non_null(gelf_getehdr(elf, &eh));
	assert_int_equal(rows_read(fd, &r), 0);
	if (dwarf_cfi_addrframe(cfi, eh.e_entry, &frame))
		assert_int_equal(rows_find(&r, eh.e_entry).pc, eh.e_entry);
	else
		free(frame);
	/* arm64's says so behind its first instruction, which is a landing pad. */
	assert_int_equal(rows_find(&r, eh.e_entry + 4).kind, HW_ROW_OUTERMOST);
	/* No more than what has no entry. */
	for (uint64_t pc = eh.e_entry; pc < eh.e_entry + 4096; pc++) {
		if (rows_find(&r, pc).kind != HW_ROW_OUTERMOST ||
		    dwarf_cfi_addrframe(cfi, pc, &frame))
			continue;
		free(frame);
		assert_true(pc - eh.e_entry < 256 && rows_find(&r, pc).pc != eh.e_entry);
	}
	rows_free(&r);
	dwarf_cfi_end(cfi);
	elf_end(elf);
	close(fd);
}

/* As many threads as CPUs make the rows of a large file: the same as one does. */
static void test_threads(void **state)
{
#ifdef __x86_64__
	static const char path[] = "/lib/x86_64-linux-gnu/libc.so.6";
#else
	static const char path[] = "/lib/aarch64-linux-gnu/libc.so.6";
#endif
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	cpu_set_t all, one;
	struct rows by_one, by_all;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	if (CPU_COUNT(&all) < 2) {
		print_message("skip: there is one CPU\n");
		close(fd);
		skip();
	}
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); cpu++)
		if (CPU_ISSET(cpu, &all))
			CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(rows_read(fd, &by_one), 0);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	assert_int_equal(rows_read(fd, &by_all), 0);
	assert_true(by_one.entries > 3000);
	assert_int_equal(by_all.n, by_one.n);
	assert_memory_equal(by_all.row, by_one.row, by_one.n * sizeof(*by_one.row));
	assert_int_equal(by_all.entries, by_one.entries);
	assert_int_equal(by_all.skipped, by_one.skipped);
	rows_free(&by_one);
	rows_free(&by_all);
	close(fd);
}

struct got {
	struct hw_row row[16];
	size_t n;
};

static int keep(void *arg, const struct hw_row *row)
{
	struct got *g = arg;

	assert_true(g->n < 16);
	g->row[g->n++] = *row;
	return 0;
}

/* The usual CIE of x86-64: CFA = rsp + 8, return address at CFA - 8. */
static const uint8_t usual[] = {DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1};

static int run(const uint8_t *code, size_t len, bool signal, struct got *g)
{
	struct cfi_entry e = {.initial = usual,
			      .initial_end = usual + sizeof(usual),
			      .start = code,
			      .end = code + len,
			      .code_align = 1,
			      .data_align = -8,
			      .return_register = 16,
			      .machine = EM_X86_64,
			      .signal = signal,
			      .pc = 0x1000,
			      .size = 0x100};

	g->n = 0;
	return cfi_run(&e, keep, g);
}

static void expect(const struct got *g, size_t i, uint32_t pc, uint8_t kind, int cfa, int bp)
{
	assert_true(i < g->n);
	assert_int_equal(g->row[i].pc, pc);
	assert_int_equal(g->row[i].kind, kind);
	assert_int_equal(g->row[i].cfa, cfa);
	assert_int_equal(g->row[i].bp, bp);
}

static void test_frame_pointer(void **state)
{
	static const uint8_t code[] = {DW_CFA_advance_loc | 1,
				       DW_CFA_def_cfa_offset,
				       16,
				       DW_CFA_offset | 6,
				       2,
				       DW_CFA_advance_loc | 3,
				       DW_CFA_def_cfa_register,
				       6,
				       DW_CFA_advance_loc1,
				       0x20,
				       DW_CFA_def_cfa,
				       7,
				       8,
				       DW_CFA_restore | 6};
	struct got g;

	(void)state;
	assert_int_equal(run(code, sizeof(code), false, &g), 0);
	assert_int_equal(g.n, 4);
	expect(&g, 0, 0x1000, HW_ROW_SP, 1, HW_ROW_BP_SAME);
	expect(&g, 1, 0x1001, HW_ROW_SP, 2, -2);
	expect(&g, 2, 0x1004, HW_ROW_BP, 2, -2);
	expect(&g, 3, 0x1024, HW_ROW_SP, 1, HW_ROW_BP_SAME);
}

static void test_aligned_stack(void **state)
{
	/* gcc -O2 for a function with a 32-byte aligned local. */
	static const uint8_t code[] = {DW_CFA_advance_loc | 5,
				       DW_CFA_def_cfa,
				       10,
				       0,
				       DW_CFA_advance_loc | 10,
				       DW_CFA_expression,
				       6,
				       2,
				       DW_OP_breg6,
				       0,
				       DW_CFA_advance_loc | 5,
				       DW_CFA_def_cfa_expression,
				       3,
				       DW_OP_breg6,
				       0x78,
				       DW_OP_deref};
	struct got g;

	(void)state;
	assert_int_equal(run(code, sizeof(code), false, &g), 0);
	assert_int_equal(g.n, 4);
	expect(&g, 1, 0x1005, HW_ROW_UNKNOWN, 0, HW_ROW_BP_SAME);
	expect(&g, 3, 0x1014, HW_ROW_BP_DEREF, -1, HW_ROW_BP_AT_BP);
}

static void test_special(void **state)
{
	static const uint8_t plt[] = {DW_CFA_def_cfa_offset,
				      16,
				      DW_CFA_advance_loc | 6,
				      DW_CFA_def_cfa_offset,
				      24,
				      DW_CFA_advance_loc | 10,
				      DW_CFA_def_cfa_expression,
				      11,
				      DW_OP_breg7,
				      8,
				      DW_OP_breg16,
				      0,
				      DW_OP_lit15,
				      DW_OP_and,
				      DW_OP_lit11,
				      DW_OP_ge,
				      DW_OP_lit3,
				      DW_OP_shl,
				      DW_OP_plus};
	static const uint8_t start[] = {DW_CFA_undefined, 16};
	static const uint8_t remember[] = {DW_CFA_advance_loc | 1, DW_CFA_remember_state,
					   DW_CFA_def_cfa_offset,  48,
					   DW_CFA_advance_loc | 1, DW_CFA_restore_state};
	struct got g;

	(void)state;
	assert_int_equal(run(plt, sizeof(plt), false, &g), 0);
	expect(&g, 2, 0x1010, HW_ROW_PLT, 1, HW_ROW_BP_SAME);
	assert_int_equal(run(start, sizeof(start), false, &g), 0);
	expect(&g, 0, 0x1000, HW_ROW_OUTERMOST, 0, 0);
	assert_int_equal(run(remember, sizeof(remember), false, &g), 0);
	expect(&g, 1, 0x1001, HW_ROW_SP, 6, HW_ROW_BP_SAME);
	expect(&g, 2, 0x1002, HW_ROW_SP, 1, HW_ROW_BP_SAME);
	assert_int_equal(run(NULL, 0, true, &g), 0);
	expect(&g, 0, 0x1000, HW_ROW_SIGNAL, 0, 0);
}

static void test_refused(void **state)
{
	static const uint8_t beyond[] = {DW_CFA_advance_loc2, 0x01, 0x01};
	static const uint8_t cut[] = {DW_CFA_def_cfa_expression, 20, DW_OP_breg7};
	static const uint8_t unbalanced[] = {DW_CFA_restore_state};
	static const uint8_t none[] = {0x3f};
	static const uint8_t late[] = {DW_CFA_advance_loc | 4,
				       DW_CFA_def_cfa_offset,
				       16,
				       DW_CFA_advance_loc | 4,
				       DW_CFA_def_cfa_offset,
				       24,
				       0x3f};
	static const uint8_t endless[] = {DW_CFA_def_cfa_offset, 0xff, 0xff, 0xff};
	/* Too large for a row: known to be unknown, not cut. */
	static const uint8_t large[] = {DW_CFA_def_cfa_offset, 0x80, 0x80, 0x80, 0x01};
	uint8_t deep[64];
	struct got g;

	(void)state;
	assert_int_equal(run(beyond, sizeof(beyond), false, &g), -EBADMSG);
	assert_int_equal(run(cut, sizeof(cut), false, &g), -EBADMSG);
	assert_int_equal(run(unbalanced, sizeof(unbalanced), false, &g), -EBADMSG);
	assert_int_equal(run(none, sizeof(none), false, &g), -EBADMSG);
	assert_int_equal(run(endless, sizeof(endless), false, &g), -EBADMSG);
	memset(deep, DW_CFA_remember_state, sizeof(deep));
	assert_int_equal(run(deep, sizeof(deep), false, &g), -EBADMSG);
	/* What was understood of it holds to there, and is not what holds behind. */
	assert_int_equal(run(late, sizeof(late), false, &g), -EBADMSG);
	assert_int_equal(g.n, 3);
	expect(&g, 0, 0x1000, HW_ROW_SP, 1, HW_ROW_BP_SAME);
	expect(&g, 1, 0x1004, HW_ROW_SP, 2, HW_ROW_BP_SAME);
	expect(&g, 2, 0x1008, HW_ROW_NONE, 0, HW_ROW_BP_SAME);
	assert_int_equal(run(large, sizeof(large), false, &g), 0);
	expect(&g, 0, 0x1000, HW_ROW_UNKNOWN, 0, 0);
}

static void test_files(void **state)
{
	struct rows r;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(rows_read(fd, &r), -ENOEXEC);
	rows_free(&r);
	close(fd);
	assert_int_equal(rows_find(&r, 0x1000).kind, HW_ROW_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_real),	  cmocka_unit_test(test_threads),
	    cmocka_unit_test(test_start),	  cmocka_unit_test(test_frame_pointer),
	    cmocka_unit_test(test_aligned_stack), cmocka_unit_test(test_special),
	    cmocka_unit_test(test_refused),	  cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
