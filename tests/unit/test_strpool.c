// SPDX-License-Identifier: GPL-2.0
/* test_strpool: what was interned stays where it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/strpool.h"

static void test_strpool(void **state)
{
	struct strpool *p = strpool__new();
	const char *kept[5000], *empty, *large, *twice;
	char text[100000];

	(void)state;
	assert_non_null(p);
	empty = strpool__add(p, "");
	for (unsigned int i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "name%u_%.*s", i, (int)(i % 40),
			 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
		kept[i] = strpool__add(p, text);
		assert_ptr_not_equal(kept[i], text);
	}
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	large = strpool__add(p, text);
	text[30000] = '\0';
	twice = strpool__add(p, text);
	for (unsigned int i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "name%u_%.*s", i, (int)(i % 40),
			 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
		assert_string_equal(kept[i], text);
		assert_ptr_equal(strpool__add(p, text), kept[i]);
	}
	assert_string_equal(empty, "");
	assert_ptr_equal(strpool__add(p, ""), empty);
	assert_int_equal(strlen(large), sizeof(text) - 1);
	assert_int_equal(strlen(twice), 30000);
	strpool__free(p);
	strpool__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_strpool)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
