// SPDX-License-Identifier: GPL-2.0
/* test_intern: keys numbered once each, also many of them, empty ones and those with 0 bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/intern.h"

static void test_numbers(void **state)
{
	struct intern *in = intern__new();
	size_t len = 7;

	(void)state;
	assert_int_equal(intern__find(in, "a", 1), -ENOENT);
	assert_int_equal(intern__add(in, "a", 1), 0);
	assert_int_equal(intern__add(in, "", 0), 1);
	assert_int_equal(intern__add(in, "a\0b", 3), 2);
	assert_int_equal(intern__add(in, "a", 1), 0);
	assert_int_equal(intern__add(in, "a\0b", 3), 2);
	assert_int_equal(intern__find(in, "", 0), 1);
	assert_int_equal(intern__count(in), 3);
	assert_memory_equal(intern__key(in, 2, &len), "a\0b", 4);
	assert_int_equal(len, 3);
	assert_string_equal(intern__key(in, 1, &len), "");
	assert_int_equal(len, 0);
	intern__free(in);
}

static void test_many(void **state)
{
	enum { KEYS = 100003 };
	struct intern *in = intern__new();

	(void)state;
	for (uint64_t round = 0; round < 2; round++)
		for (uint64_t i = 0; i < KEYS; i++) {
			uint64_t key[2] = {i * i, i};

			assert_int_equal(intern__add(in, key, i % 2 ? 9 : 16), i);
		}
	assert_int_equal(intern__count(in), KEYS);
	for (uint64_t i = 0; i < KEYS; i++) {
		const uint64_t *key = intern__key(in, i, NULL);

		assert_int_equal((uintptr_t)key % sizeof(*key), 0);
		assert_int_equal(key[0], i * i);
	}
	assert_in_range(intern__memory(in), KEYS * 32, KEYS * 100);
	intern__free(in);
}

static void test_arena(void **state)
{
	struct arena *a = arena__new();
	uint64_t *last = NULL;

	(void)state;
	for (size_t i = 0; i < 1009; i++) {
		uint64_t *p = arena__alloc(a, i, sizeof(*p));

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		for (size_t k = 0; k < i; k++) {
			assert_int_equal(p[k], 0);
			p[k] = ~0ull;
		}
		last = p;
	}
	assert_int_equal(last[1007], ~0ull);
	assert_null(arena__alloc(a, SIZE_MAX / 2, 3));
	assert_string_equal(arena__string(a, "abc"), "abc");
	arena__free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
