// SPDX-License-Identifier: GPL-2.0
/* test_units: sizes and times read and written; strings of strangers made fit to show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/units.h"
#include "base/utf8.h"

static void test_sizes(void **state)
{
	static const struct {
		const char *word;
		uint64_t bytes;
	} good[] = {
	    {"0", 0},
	    {"1009", 1009},
	    {"17B", 17},
	    {"64K", 65536},
	    {"64k", 65536},
	    {"64KiB", 65536},
	    {"1.5M", 1572864},
	    {"3GB", 3221225472},
	    {"2T", 2199023255552},
	    {"0.5", 0},
	    {"18446744073709551615", UINT64_MAX},
	};
	static const char *const bad[] = {"",
					  "K",
					  "-1",
					  "1.",
					  "1..5",
					  "1x",
					  "0x10",
					  "inf",
					  "1,5",
					  " 1",
					  "1 K ",
					  "1e3",
					  "+1",
					  ".5",
					  "18446744073709551616",
					  "17179869184G"};
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(size_parse(good[i].word, &bytes), 0);
		assert_true(bytes == good[i].bytes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(size_parse(bad[i], &bytes), -EINVAL);
}

static void test_durations(void **state)
{
	uint64_t ns;

	(void)state;
	assert_int_equal(duration_parse("100ms", &ns), 0);
	assert_true(ns == 100000000);
	assert_int_equal(duration_parse("2", &ns), 0);
	assert_true(ns == 2000000000);
	assert_int_equal(duration_parse("1.5s", &ns), 0);
	assert_true(ns == 1500000000);
	assert_int_equal(duration_parse("7m", &ns), 0);
	assert_true(ns == 420000000000);
	assert_int_equal(duration_parse("3h", &ns), 0);
	assert_true(ns == 10800000000000);
	assert_int_equal(duration_parse("1d", &ns), 0);
	assert_true(ns == 86400000000000);
	assert_int_equal(duration_parse("13us", &ns), 0);
	assert_true(ns == 13000);
	assert_int_equal(duration_parse("5x", &ns), -EINVAL);
	assert_int_equal(duration_parse("", &ns), -EINVAL);
	assert_int_equal(duration_parse("999999999999d", &ns), -EINVAL);
}

static void test_format(void **state)
{
	char buf[SIZE_TEXT];

	(void)state;
	assert_string_equal(size_format(buf, 0), "0 B");
	assert_string_equal(size_format(buf, 999), "999 B");
	assert_string_equal(size_format(buf, 1000), "0.98 KiB");
	assert_string_equal(size_format(buf, 1024), "1.00 KiB");
	assert_string_equal(size_format(buf, 10239), "10.0 KiB");
	assert_string_equal(size_format(buf, 12945715), "12.3 MiB");
	assert_string_equal(size_format(buf, 536870912), "512 MiB");
	assert_string_equal(size_format(buf, 1073741824), "1.00 GiB");
	assert_string_equal(size_format(buf, UINT64_MAX), "16.0 EiB");
}

static void test_clean(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"", ""},
	    {"plain", "plain"},
	    {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
	    {"\xf0\x9f\x90\x83", "\xf0\x9f\x90\x83"},
	    {"a\033[2Jb", "a?[2Jb"},
	    {"a\nb\x7f", "a?b?"},
	    {"\xc2\x9b"
	     "31m",
	     "?31m"},
	    {"\xff", "\xef\xbf\xbd"},
	    {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
	    {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	    {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
	    {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	};
	char buf[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(utf8_clean(buf, sizeof(buf), cases[i].in), cases[i].out);
	/* Cut between characters, never within one. */
	assert_string_equal(utf8_clean(buf, 4, "abcd"), "abc");
	assert_string_equal(utf8_clean(buf, 3, "a\xc3\xbc"), "a");
	assert_string_equal(utf8_clean(buf, 4, "a\xc3\xbc"), "a\xc3\xbc");
	assert_string_equal(utf8_clean(buf, 1, "a"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_durations),
	    cmocka_unit_test(test_format),
	    cmocka_unit_test(test_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
