// SPDX-License-Identifier: GPL-2.0
/*
 * test_rows_arm64: rows of arm64's files, on whatever machine this runs: against libdw, and against
 * what readelf prints; and instructions made by hand.
 */
#include "rows_fixture.h"

/* Debian's cross packages; a cross build's tests see its own system root instead. */
#define CROSS "/usr/aarch64-linux-gnu/lib/"
#define OWN   "/lib/aarch64-linux-gnu/"

static const char *library(const char *name, char path[128])
{
	snprintf(path, 128, "%s%s", access(CROSS "libc.so.6", R_OK) ? OWN : CROSS, name);
	return path;
}

static void test_libdw(void **state)
{
	char path[128];

	(void)state;
	compare_with_libdw(library("libc.so.6", path), 10000);
	compare_with_libdw(library("libm.so.6", path), 1000);
	compare_with_libdw(library("libstdc++.so.6", path), 10000);
	compare_with_libdw(library("libasan.so.8", path), 9000);
}

/* "c-16", or "u" where nothing was said. */
static struct place place_by_readelf(const char *word)
{
	return word && word[0] == 'c' ? (struct place){true, strtol(word + 1, NULL, 10)}
				      : (struct place){0};
}

/* A line of `readelf -wF`, by what the columns are; false: none of a place. */
static bool places_by_readelf(char *line, const char *columns, uint64_t *pc, struct places *out)
{
	char heads[1024], *words = NULL, *names = NULL, *end;
	const char *word, *name;

	*out = (struct places){0};
	word = strtok_r(line, " \n", &words);
	if (!word || strlen(word) != 16 || !*columns)
		return false;
	*pc = strtoull(word, &end, 16);
	word = strtok_r(NULL, " \n", &words);
	if (*end || !word)
		return false;
	/* "sp+16", "x29+32"; an expression has neither sign. */
	out->kind = !strncmp(word, "sp+", 3)	? HW_ROW_SP
		    : !strncmp(word, "x29+", 4) ? HW_ROW_BP
						: HW_ROW_UNKNOWN;
	out->cfa = strchr(word, '+') ? strtol(strchr(word, '+'), NULL, 10) : 0;
	snprintf(heads, sizeof(heads), "%s", columns);
	strtok_r(heads, " \n", &names); /* LOC */
	strtok_r(NULL, " \n", &names);	/* CFA */
	while ((name = strtok_r(NULL, " \n", &names)) && (word = strtok_r(NULL, " \n", &words))) {
		if (!strcmp(name, "x29"))
			out->bp = place_by_readelf(word);
		else if (!strcmp(name, "ra"))
			out->ra = place_by_readelf(word);
	}
	return true;
}

/* How many places readelf and we agree on; those with other rows are counted. */
static size_t agree(const char *path, size_t *others)
{
	char command[256], line[1024], columns[1024] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t same = 0;
	struct rows r;
	FILE *f;

	if (fd < 0) {
		printf("skip: no %s here\n", path);
		skip();
	}
	assert_int_equal(rows_read(fd, &r), 0);
	close(fd);
	snprintf(command, sizeof(command), "LC_ALL=C readelf -wF %s 2>/dev/null", path);
	f = popen(command, "re");
	assert_non_null(f);
	*others = 0;
	while (fgets(line, sizeof(line), f)) {
		struct places want, got;
		struct hw_row row;
		uint64_t pc;

		if (strstr(line, " LOC "))
			memcpy(columns, line, sizeof(line));
		else if (strstr(line, "CIE") || strstr(line, "FDE"))
			columns[0] = '\0';
		/* A CIE's own rows are of no place. */
		if (!places_by_readelf(line, columns, &pc, &want) || !pc)
			continue;
		row = rows_find(&r, pc);
		if (!places_of_row(&row, &got)) {
			*others += 1;
			continue;
		}
		if (!places_equal(&got, &want))
			fail_msg("%s at 0x%lx: %u %ld, %d %ld, %d %ld; readelf %u %ld, %d %ld, %d "
				 "%ld",
				 path, (unsigned long)pc, got.kind, got.cfa, got.bp.stored,
				 got.bp.at, got.ra.stored, got.ra.at, want.kind, want.cfa,
				 want.bp.stored, want.bp.at, want.ra.stored, want.ra.at);
		same++;
	}
	if (pclose(f) && !same) {
		printf("skip: no readelf here\n");
		skip();
	}
	rows_free(&r);
	return same;
}

static void test_readelf(void **state)
{
	size_t same, others;
	char path[128];

	(void)state;
	same = agree(library("libc.so.6", path), &others);
	printf("libc: %zu places as readelf says, %zu others\n", same, others);
	assert_true(same > 15000 && others < 100);
	same = agree(library("libstdc++.so.6", path), &others);
	printf("libstdc++: %zu places as readelf says, %zu others\n", same, others);
	assert_true(same > 20000 && others < 100);
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

/* The usual CIE: CFA = sp; nothing is said of x30. */
static int run(const uint8_t *code, size_t len, struct got *g)
{
	static const uint8_t usual[] = {DW_CFA_def_cfa, 31, 0};
	struct cfi_entry e = {.initial = usual,
			      .initial_end = usual + sizeof(usual),
			      .start = code,
			      .end = code + len,
			      .code_align = 4,
			      .data_align = -8,
			      .return_register = 30,
			      .machine = EM_AARCH64,
			      .pc = 0x1000,
			      .size = 0x100};

	g->n = 0;
	return cfi_run(&e, keep, g);
}

static void expect(const struct got *g, size_t i, struct hw_row want)
{
	assert_true(i < g->n);
	assert_int_equal(g->row[i].pc, want.pc);
	assert_int_equal(g->row[i].kind, want.kind);
	assert_int_equal(g->row[i].ra, want.ra);
	assert_int_equal(g->row[i].cfa, want.cfa);
	assert_int_equal(g->row[i].bp, want.bp);
}

#define ROW(pc, kind, cfa, ra, bp) ((struct hw_row){pc, cfa, HW_ROW_##kind, HW_ROW_RA_##ra, bp})

/* paciasp; stp x29, x30, [sp, #-32]!; mov x29, sp; ...; ldp x29, x30, [sp], #32; autiasp; ret */
static void test_frame_record(void **state)
{
	static const uint8_t code[] = {DW_CFA_advance_loc | 1,
				       DW_CFA_AARCH64_negate_ra_state,
				       DW_CFA_advance_loc | 1,
				       DW_CFA_def_cfa_offset,
				       32,
				       DW_CFA_offset | 29,
				       4,
				       DW_CFA_offset | 30,
				       3,
				       DW_CFA_advance_loc | 1,
				       DW_CFA_def_cfa_register,
				       29,
				       DW_CFA_advance_loc | 8,
				       DW_CFA_restore | 30,
				       DW_CFA_restore | 29,
				       DW_CFA_def_cfa,
				       31,
				       0};
	struct got g;

	(void)state;
	assert_int_equal(run(code, sizeof(code), &g), 0);
	assert_int_equal(g.n, 5);
	expect(&g, 0, ROW(0x1000, SP, 0, LR, 0));
	expect(&g, 1, ROW(0x1004, SP, 0, LR, 0));
	expect(&g, 2, ROW(0x1008, SP, 4, PAIR, -4));
	expect(&g, 3, ROW(0x100c, BP, 4, PAIR, -4));
	expect(&g, 4, ROW(0x102c, SP, 0, LR, 0));
}

/* A frame of 4 KiB, its record at the bottom: 8 bits reach that from sp only. */
static void test_large_frame(void **state)
{
	static const uint8_t code[] = {
	    DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 0x80, 0x20, DW_CFA_advance_loc | 1,
	    DW_CFA_offset | 29, 0x80, 0x04, DW_CFA_offset | 30, 0xff, 0x03, DW_CFA_advance_loc | 1,
	    /* In its middle, where nothing reaches it. */
	    DW_CFA_offset | 29, 0x80, 0x02, DW_CFA_offset | 30, 0xff, 0x01};
	struct got g;

	(void)state;
	assert_int_equal(run(code, sizeof(code), &g), 0);
	assert_int_equal(g.n, 4);
	expect(&g, 1, ROW(0x1004, SP, 512, LR, 0));
	expect(&g, 2, ((struct hw_row){0x1008, 512, HW_ROW_SP, HW_ROW_RA_PAIR | HW_ROW_RA_LOW, 0}));
	expect(&g, 3, ROW(0x100c, UNKNOWN, 0, CALL, 0));
}

static void test_alone(void **state)
{
	/* str x30, [sp, #-16]!; later x29 is kept as any other register is, or in one. */
	static const uint8_t code[] = {DW_CFA_advance_loc | 1,
				       DW_CFA_def_cfa_offset,
				       16,
				       DW_CFA_offset | 30,
				       2,
				       DW_CFA_advance_loc | 1,
				       DW_CFA_offset | 29,
				       1,
				       DW_CFA_advance_loc | 1,
				       DW_CFA_restore | 30,
				       DW_CFA_advance_loc | 1,
				       DW_CFA_register,
				       29,
				       9};
	struct got g;

	(void)state;
	assert_int_equal(run(code, sizeof(code), &g), 0);
	assert_int_equal(g.n, 5);
	expect(&g, 1, ROW(0x1004, SP, 2, ALONE, -2));
	expect(&g, 2, ROW(0x1008, SP, 2, ONLY, -2));
	expect(&g, 3, ROW(0x100c, SP, 2, LR, -1));
	expect(&g, 4, ROW(0x1010, SP, 2, LR, HW_ROW_BP_LOST));
}

static void test_ends(void **state)
{
	static const uint8_t start[] = {DW_CFA_undefined, 30};
	static const uint8_t moved[] = {DW_CFA_register, 30, 9};
	static const uint8_t vector[] = {DW_CFA_def_cfa_expression, 3, DW_OP_breg31, 16,
					 DW_OP_deref};
	/* That of x86-64's PLT, and its bytes for a function that aligns its stack. */
	static const uint8_t deref[] = {DW_CFA_def_cfa_expression, 3, DW_OP_breg6, 0x78,
					DW_OP_deref};
	struct got g;

	(void)state;
	assert_int_equal(run(start, sizeof(start), &g), 0);
	expect(&g, 0, ROW(0x1000, OUTERMOST, 0, CALL, 0));
	assert_int_equal(run(moved, sizeof(moved), &g), 0);
	expect(&g, 0, ROW(0x1000, UNKNOWN, 0, CALL, 0));
	assert_int_equal(run(vector, sizeof(vector), &g), 0);
	expect(&g, 0, ROW(0x1000, UNKNOWN, 0, CALL, 0));
	assert_int_equal(run(deref, sizeof(deref), &g), 0);
	expect(&g, 0, ROW(0x1000, UNKNOWN, 0, CALL, 0));
}

/* The PLT has no table of its own: the first entry pushes, the others do not. */
static void test_plt(void **state)
{
	char path[128];
	struct rows r;
	Elf_Scn *scn = NULL;
	GElf_Shdr sh = {0};
	size_t names;
	Elf *elf;
	int fd = open(library("libstdc++.so.6", path), O_RDONLY | O_CLOEXEC);

	(void)state;
	if (fd < 0) {
		printf("skip: no %s here\n", path);
		skip();
	}
	assert_int_equal(rows_read(fd, &r), 0);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	assert_int_equal(elf_getshdrstrndx(elf, &names), 0);
	while ((scn = elf_nextscn(elf, scn)) && gelf_getshdr(scn, &sh))
		if (!strcmp(elf_strptr(elf, names, sh.sh_name), ".plt"))
			break;
	assert_non_null(scn);
	assert_true(sh.sh_size > 32);
	for (uint64_t at = 0; at < sh.sh_size; at += 4) {
		struct hw_row row = rows_find(&r, sh.sh_addr + at);

		assert_int_equal(row.kind, HW_ROW_SP);
		assert_int_equal(row.cfa, at >= 4 && at < 32 ? 2 : 0);
		assert_int_equal(row.ra, at >= 4 && at < 32 ? HW_ROW_RA_ALONE : HW_ROW_RA_LR);
		assert_int_equal(row.bp, at >= 4 && at < 32 ? -1 : 0);
	}
	elf_end(elf);
	rows_free(&r);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_libdw),	 cmocka_unit_test(test_readelf),
	    cmocka_unit_test(test_frame_record), cmocka_unit_test(test_large_frame),
	    cmocka_unit_test(test_alone),	 cmocka_unit_test(test_ends),
	    cmocka_unit_test(test_plt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
