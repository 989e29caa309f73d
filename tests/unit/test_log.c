// SPDX-License-Identifier: GPL-2.0
/* What the log makes of texts that others wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

#define PREFIX "heapwatch: debug: "

/* What log_lines writes of it; the caller's to free. */
static char *logged(const char *text)
{
	FILE *f = tmpfile();
	int old = dup(STDERR_FILENO);
	char *out;
	long len;

	assert_non_null(f);
	assert_true(old >= 0 && dup2(fileno(f), STDERR_FILENO) >= 0);
	log_lines(LOG_DEBUG, text);
	dup2(old, STDERR_FILENO);
	close(old);
	len = lseek(fileno(f), 0, SEEK_END);
	out = calloc(1, (size_t)len + 1);
	assert_non_null(out);
	assert_int_equal(pread(fileno(f), out, (size_t)len, 0), len);
	fclose(f);
	return out;
}

static void test_each_line(void **state)
{
	char *out = logged("libbpf: BEGIN\n0: (b7) r0 = 0\n\n1: (95) exit\nEND");

	(void)state;
	assert_string_equal(out, PREFIX "libbpf: BEGIN\n" PREFIX "0: (b7) r0 = 0\n" PREFIX
					"1: (95) exit\n" PREFIX "END\n");
	free(out);
	out = logged("");
	assert_string_equal(out, "");
	free(out);
}

/* The verifier's log: as long as it likes. */
static void test_all_of_it(void **state)
{
	static char text[1 << 20];
	size_t len = 0, lines = 0;
	char *out;

	(void)state;
	for (unsigned int i = 0; len + 64 < sizeof(text); i++)
		len += (size_t)sprintf(text + len, "%u: (79) r1 = *(u64 *)(r10 -%u)\n", i, i);
	out = logged(text);
	for (const char *at = text, *to = out; *at; lines++) {
		size_t n = strcspn(at, "\n");

		assert_memory_equal(to, PREFIX, sizeof(PREFIX) - 1);
		to += sizeof(PREFIX) - 1;
		assert_memory_equal(to, at, n + 1);
		to += n + 1;
		at += n + 1;
		assert_true(*at || !*to);
	}
	assert_true(lines > 20000);
	free(out);
}

/* One that is longer than a message goes on in the next. */
static void test_long_line(void **state)
{
	static const size_t lens[] = {1022, 1023, 1024, 2046, 2047, 5000};

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		char *text = malloc(lens[i] + 4), *out, *at;
		size_t seen = 0;

		assert_non_null(text);
		for (size_t k = 0; k < lens[i]; k++)
			text[k] = (char)('a' + k % 23);
		strcpy(text + lens[i], "\nZ\n");
		out = logged(text);
		for (at = out;
		     !strncmp(at, PREFIX, sizeof(PREFIX) - 1) && at[sizeof(PREFIX) - 1] != 'Z';) {
			size_t n = strcspn(at += sizeof(PREFIX) - 1, "\n");

			assert_memory_equal(at, text + seen, n);
			seen += n;
			at += n + 1;
		}
		assert_int_equal(seen, lens[i]);
		assert_string_equal(at, PREFIX "Z\n");
		free(out);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_line),
	    cmocka_unit_test(test_all_of_it),
	    cmocka_unit_test(test_long_line),
	};

	log_set_level(LOG_DEBUG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
