// SPDX-License-Identifier: GPL-2.0
/* test_fns: the names of allocators' functions, and functions that only jump to another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probe/fns.h"
#include "probe/tail.h"

static void check_fn(enum hw_fn fn, const char *before, const char *after, const char *name)
{
	struct fns_fn found;
	char symbol[128];

	snprintf(symbol, sizeof(symbol), "%s%s", before, after);
	assert_true(fns_find(symbol, &found));
	assert_string_equal(found.name, name ? name : symbol);
	assert_int_equal(found.fn, fn);
}

/* A row out of order would not be found, nor would others be. */
static void test_order(void **state)
{
	size_t n = 0;

	(void)state;
	for (; fns_name(n); n++)
		assert_true(!n || strcmp(fns_name(n - 1), fns_name(n)) < 0);
	assert_true(n > 1);
}

static void test_fns(void **state)
{
	static const char *const names[HW_FN_END][9] = {
	    [HW_FN_MALLOC] = {"malloc", "valloc", "pvalloc", "mallocx"},
	    [HW_FN_CALLOC] = {"calloc"},
	    [HW_FN_REALLOC] = {"realloc", "rallocx"},
	    [HW_FN_REALLOCARRAY] = {"reallocarray"},
	    [HW_FN_MEMALIGN] = {"memalign", "aligned_alloc"},
	    [HW_FN_POSIX_MEMALIGN] = {"posix_memalign"},
	    [HW_FN_FREE] = {"free", "cfree", "free_sized", "free_aligned_sized", "dallocx",
			    "sdallocx"},
	};
	static const char *const forms[] = {"", "RKSt9nothrow_t", "St11align_val_t",
					    "St11align_val_tRKSt9nothrow_t"};
	static const char *const sized[] = {"m", "mSt11align_val_t"};
	static const char *const unknown[] = {"",
					      "m",
					      "mallo",
					      "malloc_",
					      "mallinfo",
					      "zfree",
					      "malloc_usable_size",
					      "strdup",
					      "mi_heap_delete",
					      "zalloc",
					      "je_zalloc",
					      "je__Znwm",
					      "mi_mallocx",
					      "tc_dallocx",
					      "je_",
					      "new",
					      "xje_malloc",
					      "rust_alloc",
					      "_RNvC7___rustc",
					      "_RNvC7___rustc12_malloc",
					      "_RNvCs7___rustc99999999999999999999___rust_alloc"};
	struct fns_fn found;
	size_t i, j;

	(void)state;
	for (i = 0; i < HW_FN_END; i++) {
		for (j = 0; names[i][j]; j++) {
			check_fn((enum hw_fn)i, names[i][j], "", NULL);
			check_fn((enum hw_fn)i, "je_", names[i][j], names[i][j]);
			check_fn((enum hw_fn)i, "_rjem_", names[i][j], names[i][j]);
			if (strchr(names[i][j], 'x') && !strstr(names[i][j], "posix"))
				continue;
			check_fn((enum hw_fn)i, "tc_", names[i][j], names[i][j]);
			check_fn((enum hw_fn)i, "mi_", names[i][j], names[i][j]);
		}
	}
	for (i = 0; i < 4; i++) {
		check_fn(HW_FN_MALLOC, "_Znwm", forms[i], NULL);
		check_fn(HW_FN_MALLOC, "_Znam", forms[i], NULL);
		check_fn(HW_FN_FREE, "_ZdlPv", forms[i], NULL);
		check_fn(HW_FN_FREE, "_ZdaPv", forms[i], NULL);
	}
	for (i = 0; i < 2; i++) {
		check_fn(HW_FN_FREE, "_ZdlPv", sized[i], NULL);
		check_fn(HW_FN_FREE, "_ZdaPv", sized[i], NULL);
	}
	/* As rustc 1.95 and earlier ones name it. */
	check_fn(HW_FN_RUST_REALLOC, "_RNvCsfLfy6EI15iL_7___rustc14___rust_realloc", "",
		 "__rust_realloc");
	check_fn(HW_FN_FREE, "__rust_dealloc", "", NULL);
	check_fn(HW_FN_MALLOC, "tc_", "newarray_nothrow", "newarray_nothrow");
	check_fn(HW_FN_HEAP_CALLOC, "mi_", "heap_mallocn", "heap_mallocn");
	check_fn(HW_FN_STRING, "mi_", "strndup", "strndup");
	check_fn(HW_FN_HEAP_DESTROY, "mi_", "heap_destroy", "heap_destroy");
	check_fn(HW_FN_XALLOCX, "je_", "xallocx", "xallocx");
	for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_false(fns_find(unknown[i], &found));
	assert_int_equal(fns_maker_of("_RNvCsfLfy6EI15iL_7___rustc11___rdl_alloc"),
			 FNS_RUST_SYSTEM);
	assert_int_equal(fns_maker_of("mallctl"), FNS_JEMALLOC);
	assert_int_equal(fns_maker_of("je_mallctl"), 0);
	assert_string_equal(fns_library(FNS_GLIBC | FNS_MIMALLOC), "mimalloc");
	assert_null(fns_library(FNS_GLIBC | FNS_MUSL | FNS_RUST_SYSTEM));
}

#define VADDR 0x401000
#define RIP_4 0x04, 0x00, 0x00, 0x00

#define check_tail(want, want_slot, ...)                                  \
	do {                                                              \
		const uint8_t code_[] = {__VA_ARGS__};                    \
		struct tail t_;                                           \
		assert_true(tail_find(code_, sizeof(code_), VADDR, &t_)); \
		assert_int_equal(t_.vaddr, want);                         \
		assert_int_equal(t_.slot, want_slot);                     \
	} while (0)

#define check_no_tail(...)                                                 \
	do {                                                               \
		const uint8_t code_[] = {__VA_ARGS__};                     \
		struct tail t_;                                            \
		assert_false(tail_find(code_, sizeof(code_), VADDR, &t_)); \
	} while (0)

static void test_tail(void **state)
{
	(void)state;
	/* jmp rel32, as jemalloc's operator delete; behind endbr64; jmp *x(%rip), as a PLT's */
	check_tail(VADDR + 5 + 0x100, 0, 0xe9, 0x00, 0x01, 0x00, 0x00);
	check_tail(VADDR + 9 + 0x100, 0, 0xf3, 0x0f, 0x1e, 0xfa, 0xe9, 0x00, 0x01, 0x00, 0x00);
	check_tail(VADDR + 6 + 4, 1, 0xff, 0x25, RIP_4);
	check_tail(VADDR + 7 + 4, 1, 0xf2, 0xff, 0x25, RIP_4); /* bnd jmp */
	/* mov x(%rip),%rax; mov %rdi,%rsi; mov %fs:(%rax),%rdi; jmp: mimalloc's */
	check_tail(VADDR + 19 + 0x100, 0, 0x48, 0x8b, 0x05, RIP_4, 0x48, 0x89, 0xfe, 0x64, 0x48,
		   0x8b, 0x38, 0xe9, 0x00, 0x01, 0x00, 0x00);
	check_no_tail(0x55, 0xe9, 0x00, 0x01, 0x00, 0x00);		     /* push %rbp */
	check_no_tail(0x48, 0x83, 0xec, 0x08, 0xe9, 0x00, 0x01, 0x00, 0x00); /* sub $8,%rsp */
	check_no_tail(0x74, 0x05, 0xe9, 0x00, 0x01, 0x00, 0x00);	     /* je */
	check_no_tail(0xe8, 0x00, 0x01, 0x00, 0x00, 0xc3);		     /* call; ret */
	check_no_tail(0xff, 0xe0);					     /* jmp *%rax */
	check_no_tail(0xff, 0x24, 0xc5, 0, 0x10, 0x40, 0);		     /* jmp *x(,%rax,8) */
	check_no_tail(0xeb, 0x01, 0x90, 0x90, 0xc3);			     /* within itself */
	check_no_tail(0xe9, 0x00, 0x01);				     /* cut */
	check_no_tail(0x06);
	check_no_tail(0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xe9,
		      0x00, 0x01, 0x00, 0x00);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fns),
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_tail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
