// SPDX-License-Identifier: GPL-2.0
/* test_demangle: what is shown of C++, Rust and C symbols, and of bytes that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbol/demangle.h"

static void check(const char *symbol, const char *expected)
{
	char *got = demangle(symbol);

	assert_non_null(got);
	assert_string_equal(got, expected);
	free(got);
}

static void test_c(void **state)
{
	(void)state;
	check("", "");
	check("malloc", "malloc");
	check("grow.part.0", "grow.part.0");
	check("memcpy@GLIBC_2.2.5", "memcpy");
	check("memcpy@@GLIBC_2.14", "memcpy");
	check("@", "@");
	check("@GLIBC_2.2.5", "@GLIBC_2.2.5");
	/* Types, operators and plain words are no symbols: DMGL_TYPES is not asked for. */
	check("i", "i");
	check("R", "R");
	/* GNU v2, Ada and D are not guessed at. */
	check("foo__Fi", "foo__Fi");
	check("_D3foo3barFiZi", "_D3foo3barFiZi");
}

static void test_cxx(void **state)
{
	(void)state;
	check("_Z3foov", "foo()");
	check("_ZN3foo3barEi", "foo::bar(int)");
	check("_ZNSt6vectorIiSaIiEE9push_backEOi",
	      "std::vector<int, std::allocator<int> >::push_back(int&&)");
	check("_ZN3fooC1ERKS_", "foo::foo(foo const&)");
	check("_ZN3foo3barEi.cold", "foo::bar(int) [clone .cold]");
	check("_Znwm@@GLIBCXX_3.4", "operator new(unsigned long)");
	check("_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()() const");
	check("_GLOBAL__sub_I_main", "_GLOBAL__sub_I_main");
	/* A name that looks like Rust's hash, but is none. */
	check("_ZN3foo17habcdefE", "_ZN3foo17habcdefE");
	check("_ZN3foo17hxyzxyzxyzxyzxyzxE", "foo::hxyzxyzxyzxyzxyzx");
}

static void test_rust(void **state)
{
	(void)state;
	check("_ZN4core3ptr13drop_in_place17h0123456789abcdefE", "core::ptr::drop_in_place");
	check("_ZN5alloc7raw_vec19RawVec$LT$T$C$A$GT$8grow_one17hf1e2d3c4b5a69780E",
	      "alloc::raw_vec::RawVec<T,A>::grow_one");
	check("_ZN60_$LT$alloc..string..String$u20$as$u20$core..clone..Clone$GT$"
	      "5clone17h0123456789abcdefE",
	      "<alloc::string::String as core::clone::Clone>::clone");
	check("_ZN3app4main28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE",
	      "app::main::{{closure}}");
	/* Too regular for libiberty to take it for Rust: it is read as C++. */
	check("_ZN3app4main17h0000000000000000E", "app::main");
	check("_RNvCs15kBYyAo9fc_7mycrate7example", "mycrate::example");
	check("_RNvMs_Cs4Cv8Wi1oAIB_7mycrateNtB4_7Example3foo", "<mycrate::Example>::foo");
	check("_RINvNtCs4fqI2P2rA04_4core3mem8align_ofhE", "core::mem::align_of::<u8>");
	check("_RNCNvCs15kBYyAo9fc_7mycrate4main0", "mycrate::main::{closure#0}");
}

static void test_garbage(void **state)
{
	static const char *const same[] = {
	    "_Z", "_ZN", "_ZN3fooE17", "_R", "_RNvC", "_ZN99999999fooEv", "__Z", "_RNvCs_"};
	char text[3];

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
		check(same[i], same[i]);
	check("a\tb\nc\x7f\x1b[31m", "a?b?c??[31m");
	check("h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\xa6\x80",
	      "h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\xa6\x80");
	check("\xc3", "?");
	check("\xe2\x82", "??");
	check("\xe2\x82z", "??z");
	check("\xf0\x9f\xa6", "???");
	check("\xc2\x9b", "??");		/* a C1 control character */
	check("\xc0\xaf\xe0\x80\xaf", "?????"); /* longer than need be */
	check("\xed\xa0\x80", "???");		/* a surrogate */
	check("\xf4\x90\x80\x80", "????");	/* beyond U+10FFFF */
	check("\xf8\x88\x80\x80\x80", "?????");
	check("_ZN3f\x01oE", "f?o");
	for (int c = 1; c < 256; c++) {
		text[0] = (char)c;
		text[1] = 'x';
		text[2] = '\0';
		check(text, c >= 0x20 && c < 0x7f ? text : "?x");
	}
}

/* _ZN<digits><name>17h<hash>E of len bytes; name: where it starts, and its length. */
static void make_long(char *symbol, size_t len, size_t *name, size_t *name_len)
{
	static const char hash[] = "17h0123456789abcdefE";

	*name = strlen("_ZN4000");
	*name_len = len - *name - strlen(hash);
	sprintf(symbol, "_ZN%zu", *name_len);
	memset(symbol + *name, 'x', *name_len);
	strcpy(symbol + *name + *name_len, hash);
}

static void test_long(void **state)
{
	char symbol[4098], expected[4098];
	size_t name, len;

	(void)state;
	make_long(symbol, 4096, &name, &len);
	snprintf(expected, sizeof(expected), "%.*s", (int)len, symbol + name);
	check(symbol, expected);
	make_long(symbol, 4097, &name, &len);
	check(symbol, symbol);
}

/* Each parameter is a template of two of the one before: text of 2^30 names. */
static void test_bomb(void **state)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char symbol[1024], *p = symbol;

	(void)state;
	p += sprintf(p, "_Z1f1AIiiE");
	for (int i = 0; i < 4; i++)
		p += sprintf(p, "S_IS%c_S%c_E", digits[i], digits[i]);
	check(symbol, "f(A<int, int>, A<A<int, int>, A<int, int> >, "
		      "A<A<A<int, int>, A<int, int> >, A<A<int, int>, A<int, int> > >, "
		      "A<A<A<A<int, int>, A<int, int> >, A<A<int, int>, A<int, int> > >, "
		      "A<A<A<int, int>, A<int, int> >, A<A<int, int>, A<int, int> > > >, "
		      "A<A<A<A<A<int, int>, A<int, int> >, A<A<int, int>, A<int, int> > >, "
		      "A<A<A<int, int>, A<int, int> >, A<A<int, int>, A<int, int> > > >, "
		      "A<A<A<A<int, int>, A<int, int> >, A<A<int, int>, A<int, int> > >, "
		      "A<A<A<int, int>, A<int, int> >, A<A<int, int>, A<int, int> > > > >)");
	for (int i = 4; i < 30; i++)
		p += sprintf(p, "S_IS%c_S%c_E", digits[i], digits[i]);
	check(symbol, symbol);
}

/* The same of Rust: tuples of two references back to the tuple before. */
static void test_rust_bomb(void **state)
{
	static const char digits[] =
	    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char symbol[1024], back[8], *p = symbol;
	int last;

	(void)state;
	p += sprintf(p, "_RINvC1a1f");
	last = (int)(p - symbol) - 2;
	p += sprintf(p, "ThhE");
	for (int i = 0; i < 40; i++) {
		int here = (int)(p - symbol) - 2;

		/* Base 62, of what is one less; 0 is the empty string. */
		if (last - 1 < 62)
			snprintf(back, sizeof(back), "B%c_", digits[last - 1]);
		else
			snprintf(back, sizeof(back), "B%c%c_", digits[(last - 1) / 62],
				 digits[(last - 1) % 62]);
		p += sprintf(p, "T%s%sE", back, back);
		last = here;
		if (i == 0) {
			strcpy(p, "E");
			check(symbol, "a::f::<(u8, u8), ((u8, u8), (u8, u8))>");
		}
	}
	strcpy(p, "E");
	check(symbol, symbol);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_c),	      cmocka_unit_test(test_cxx),
	    cmocka_unit_test(test_rust),      cmocka_unit_test(test_garbage),
	    cmocka_unit_test(test_long),      cmocka_unit_test(test_bomb),
	    cmocka_unit_test(test_rust_bomb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
