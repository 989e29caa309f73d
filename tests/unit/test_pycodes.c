// SPDX-License-Identifier: GPL-2.0
/* test_pycodes: names and lines of Python's code objects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strpool.h"
#include "heapwatch/event.h"
#include "heapwatch/python.h"
#include "symbol/pycodes.h"
#include "symbol/pylines.h"

struct range {
	uint32_t from, to, line;
};

/*
 * What CPython 3.9.2, 3.11.2 and 3.13.5 make of
 *
 *	def f(a,
 *	      b):
 *	    x = a + \\
 *	        b
 *	    for i in range(a):
 *
 *	        if i:
 *	            continue
 *	        x += sum(
 *	            y for y in
 *	            range(i)
 *	        )
 *	    try:
 *	        return x
 *	    finally:
 *	        a = [1,
 *	             2]
 *
 * and the lines that they themselves read from it.
 */
static const uint8_t table_9[] = {0x00, 0x02, 0x02, 0x01, 0x02, 0xff, 0x04, 0x02, 0x0c, 0x02,
				  0x04, 0x01, 0x02, 0x01, 0x0a, 0x02, 0x06, 0xfe, 0x0c, 0x04,
				  0x02, 0x01, 0x04, 0x02, 0x02, 0x01, 0x02, 0xff, 0x04, 0xfe,
				  0x02, 0x02, 0x00, 0x01, 0x00, 0xff, 0x02, 0x01, 0x02, 0xff};
static const struct range lines_9[] = {
    {0, 2, 3},	  {2, 4, 4},	{4, 8, 3},    {8, 20, 5},   {20, 24, 7},  {24, 26, 8},
    {26, 36, 9},  {36, 42, 11}, {42, 54, 9},  {54, 56, 13}, {56, 60, 14}, {60, 62, 16},
    {62, 64, 17}, {64, 68, 16}, {68, 70, 14}, {70, 72, 16}, {72, 74, 17}, {74, 84, 16}};

static const uint8_t table_11[] = {
    0x80, 0x00, 0xe0, 0x08, 0x09, 0xd8, 0x08, 0x09, 0xf1, 0x03, 0x01, 0x09, 0x0a, 0x80, 0x41,
    0xe5, 0x0d, 0x12, 0x90, 0x31, 0x89, 0x58, 0x8c, 0x58, 0xf0, 0x00, 0x07, 0x05, 0x0a, 0xf0,
    0x00, 0x07, 0x05, 0x0a, 0x88, 0x01, 0xe0, 0x0b, 0x0c, 0xf0, 0x00, 0x01, 0x09, 0x15, 0xd8,
    0x0c, 0x14, 0xd8, 0x08, 0x09, 0x8d, 0x53, 0xf0, 0x00, 0x03, 0x11, 0x0a, 0xf0, 0x00, 0x03,
    0x11, 0x0a, 0xe5, 0x0c, 0x11, 0x90, 0x21, 0x89, 0x48, 0x8c, 0x48, 0xf0, 0x05, 0x03, 0x11,
    0x0a, 0xf1, 0x00, 0x03, 0x11, 0x0a, 0xf4, 0x00, 0x03, 0x11, 0x0a, 0xf1, 0x00, 0x03, 0x0e,
    0x0a, 0xf4, 0x00, 0x03, 0x0e, 0x0a, 0xf1, 0x00, 0x03, 0x09, 0x0a, 0x88, 0x01, 0x88, 0x01,
    0xf0, 0x08, 0x04, 0x05, 0x10, 0xd8, 0x0f, 0x10, 0xe0, 0x0d, 0x0e, 0xd8, 0x0d, 0x0e, 0xf0,
    0x03, 0x01, 0x0d, 0x10, 0x88, 0x01, 0x88, 0x01, 0xf8, 0x88, 0x51, 0xd8, 0x0d, 0x0e, 0xf0,
    0x03, 0x01, 0x0d, 0x10, 0x88, 0x01, 0xf0, 0x00, 0x01, 0x09, 0x10, 0xf0, 0x00, 0x01, 0x09,
    0x10, 0xf0, 0x00, 0x01, 0x09, 0x10, 0xf0, 0x00, 0x01, 0x09, 0x10};
static const struct range lines_11[] = {
    {0, 2, 1},	    {2, 4, 3},	    {4, 6, 4},	    {6, 12, 3},	    {12, 46, 5},
    {46, 50, 7},    {50, 52, 8},    {52, 70, 9},    {70, 98, 11},   {98, 136, 9},
    {136, 138, 13}, {138, 140, 14}, {140, 142, 16}, {142, 144, 17}, {144, 150, 16},
    {150, 152, 0},  {152, 154, 16}, {154, 156, 17}, {156, 168, 16}};

static const uint8_t table_13[] = {
    0x80, 0x00, 0xe0, 0x08, 0x09, 0xd8, 0x08, 0x09, 0xf1, 0x03, 0x01, 0x09, 0x0a, 0x80, 0x41,
    0xe4, 0x0d, 0x12, 0x90, 0x31, 0x8e, 0x58, 0x88, 0x01, 0xe6, 0x0b, 0x0c, 0xd9, 0x0c, 0x14,
    0xd8, 0x08, 0x09, 0x8c, 0x53, 0xf1, 0x00, 0x03, 0x11, 0x0a, 0xe4, 0x0c, 0x11, 0x90, 0x21,
    0x8c, 0x48, 0xf3, 0x05, 0x03, 0x11, 0x0a, 0xf3, 0x00, 0x03, 0x0e, 0x0a, 0xf1, 0x00, 0x03,
    0x09, 0x0a, 0x8a, 0x01, 0xf1, 0x09, 0x00, 0x0e, 0x16, 0xf0, 0x10, 0x04, 0x05, 0x10, 0xd8,
    0x0f, 0x10, 0xe0, 0x0d, 0x0e, 0xd8, 0x0d, 0x0e, 0xf0, 0x03, 0x01, 0x0d, 0x10, 0x89, 0x01,
    0xf8, 0x88, 0x51, 0xd8, 0x0d, 0x0e, 0xf0, 0x03, 0x01, 0x0d, 0x10, 0x89, 0x01, 0xfa};
static const struct range lines_13[] = {
    {0, 2, 1},	    {2, 4, 3},	    {4, 6, 4},	    {6, 12, 3},	    {12, 40, 5},   {40, 54, 7},
    {54, 58, 8},    {58, 74, 9},    {74, 96, 11},   {96, 122, 9},   {122, 126, 5}, {126, 128, 13},
    {128, 130, 14}, {130, 132, 16}, {132, 134, 17}, {134, 140, 16}, {140, 142, 0}, {142, 144, 16},
    {144, 146, 17}, {146, 152, 16}, {152, 158, 0}};

/* PEP 626's own rules: a range's length in bytes, the distance of its line; -128: no line. */
static const uint8_t table_10[] = {0, 1, 4, 1, 8, 128, 0, 5, 2, 251, 254, 3};
static const struct range lines_10[] = {{0, 4, 9}, {4, 12, 0}, {12, 14, 9}, {14, 268, 12}};

/* On the heap and of that very size, so that ASan sees a read behind it. */
static uint32_t find(unsigned int minor, const uint8_t *table, size_t size, uint32_t first,
		     uint32_t offset)
{
	uint8_t *copy = malloc(size ? size : 1);
	uint32_t line;

	memcpy(copy, table, size);
	line = pylines_find(minor, copy, size, first, offset);
	free(copy);
	return line;
}

#define CHECK_LINES(minor, first)                                                         \
	for (size_t i = 0; i < sizeof(lines_##minor) / sizeof(*lines_##minor); i++)       \
		for (uint32_t at = lines_##minor[i].from; at < lines_##minor[i].to; at++) \
	assert_int_equal(find(minor, table_##minor, sizeof(table_##minor), first, at),    \
			 lines_##minor[i].line)

static void test_lines(void **state)
{
	(void)state;
	CHECK_LINES(9, 1);
	CHECK_LINES(10, 7);
	CHECK_LINES(11, 1);
	CHECK_LINES(13, 1);
	/* 3.12 writes as 3.11 does. */
	assert_int_equal(find(12, table_11, sizeof(table_11), 1, 60), 9);
	/* Beyond the end. */
	assert_int_equal(find(10, table_10, sizeof(table_10), 7, 268), 0);
	assert_int_equal(find(11, table_11, sizeof(table_11), 1, 168), 0);
}

static void test_hostile_lines(void **state)
{
	uint8_t far[1000], varint[64];

	(void)state;
	/* A table that is cut off, at each place. */
	for (size_t n = 0; n < sizeof(table_11); n++)
		find(11, table_11, n, 1, 1000);
	assert_int_equal(find(9, table_9, 0, 5, 0), 5);
	assert_int_equal(find(10, table_10, 0, 5, 0), 0);
	assert_int_equal(find(11, table_11, 0, 5, 0), 0);
	/* Lines below 1 are none. */
	memset(far, 0x80, sizeof(far));
	assert_int_equal(find(9, far, sizeof(far), 1, 100000), 0);
	/* A number without end. */
	memset(varint, 0x7f, sizeof(varint));
	varint[0] = 0x80 | 13 << 3;
	assert_int_equal(find(11, varint, sizeof(varint), 1, 0), 0);
	varint[0] = 0x80 | 14 << 3;
	assert_int_equal(find(11, varint, sizeof(varint), UINT32_MAX, 0), 0);
}

/* ---- code objects ---- */

struct record {
	struct hw_code c;
	uint8_t table[sizeof(table_11)];
};

static struct record record_of(uint64_t id, const char *name, const char *file)
{
	struct record r = {.c = {.code = id,
				 .first_line = 1,
				 .table_size = sizeof(table_11),
				 .name_kind = 1,
				 .file_kind = 1,
				 .minor = 11}};

	r.c.name_size = (uint16_t)strlen(name);
	memcpy(r.c.name, name, strlen(name));
	r.c.file_size = (uint16_t)strlen(file);
	memcpy(r.c.file, file, strlen(file));
	memcpy(r.table, table_11, sizeof(table_11));
	return r;
}

static uint64_t word_of(uint64_t id, uint64_t unit)
{
	return HW_PC_PYTHON | unit << HW_PC_UNIT_SHIFT | id;
}

static void test_find(void **state)
{
	struct strpool *strings = strpool__new();
	struct pycodes *p = pycodes__new(strings);
	struct record r = record_of(HW_PC_CODE_MASK, "C.f", "/a/b.py");
	struct pycode out;

	(void)state;
	assert_int_equal(pycodes__find(p, word_of(HW_PC_CODE_MASK, 2), &out), -ENOENT);
	assert_null(out.function);
	assert_null(out.file);
	assert_int_equal(out.line, 0);
	assert_int_equal(out.offset, 2);
	assert_int_equal(pycodes__add(p, &r.c), 0);
	/* Unit 31 is 60 bytes behind the begin; 0 is before it. */
	assert_int_equal(pycodes__find(p, word_of(HW_PC_CODE_MASK, 31), &out), 0);
	assert_string_equal(out.function, "C.f");
	assert_string_equal(out.file, "/a/b.py");
	assert_int_equal(out.line, 9);
	assert_int_equal(out.offset, 60);
	assert_int_equal(pycodes__find(p, word_of(HW_PC_CODE_MASK, 0), &out), 0);
	assert_int_equal(out.line, 1);
	assert_int_equal(out.offset, 0);
	assert_int_equal(pycodes__find(p, word_of(HW_PC_CODE_MASK, HW_PC_UNIT_MAX), &out), 0);
	assert_int_equal(out.line, 0);
	assert_int_equal(pycodes__find(p, word_of(HW_PC_CODE_MASK - 1, 1), &out), -ENOENT);
	/* Again, and the last one counts. */
	r = record_of(HW_PC_CODE_MASK, "g", "");
	r.c.table_size = 0;
	assert_int_equal(pycodes__add(p, &r.c), 0);
	assert_int_equal(pycodes__find(p, word_of(HW_PC_CODE_MASK, 31), &out), 0);
	assert_string_equal(out.function, "g");
	assert_null(out.file);
	assert_int_equal(out.line, 0);
	pycodes__free(p);
	strpool__free(strings);
}

static void test_text(void **state)
{
	static const uint32_t wide[] = {0x47, 0xf6, 0x3c0, 0x1f40d, 0xd800, 0x110000, 0x1b};
	static const uint16_t medium[] = {0x67, 0x3c0, 0xdc00};
	struct strpool *strings = strpool__new();
	struct pycodes *p = pycodes__new(strings);
	struct record r = record_of(1,
				    "gr\xf6\xdf"
				    "e",
				    "f\n\x85");
	struct pycode out;

	(void)state;
	r.c.cut = HW_CODE_NAME_CUT;
	assert_int_equal(pycodes__add(p, &r.c), 0);
	pycodes__find(p, word_of(1, 0), &out);
	assert_string_equal(out.function, "gr\xc3\xb6\xc3\x9f"
					  "e...");
	assert_string_equal(out.file, "f???");
	memcpy(r.c.name, wide, sizeof(wide));
	r.c.name_size = sizeof(wide);
	r.c.name_kind = 4;
	memcpy(r.c.file, medium, sizeof(medium));
	r.c.file_size = sizeof(medium);
	r.c.file_kind = 2;
	r.c.cut = HW_CODE_FILE_CUT;
	assert_int_equal(pycodes__add(p, &r.c), 0);
	pycodes__find(p, word_of(1, 0), &out);
	assert_string_equal(out.function, "G\xc3\xb6\xcf\x80\xf0\x9f\x90\x8d???");
	assert_string_equal(out.file, "...g\xcf\x80?");
	/* The longest there are, of what grows most. */
	memset(r.c.name, 0xff, HW_CODE_NAME);
	r.c.name_size = HW_CODE_NAME;
	r.c.name_kind = 1;
	memset(r.c.file, 0xff, HW_CODE_FILE);
	r.c.file_size = HW_CODE_FILE;
	r.c.file_kind = 1;
	assert_int_equal(pycodes__add(p, &r.c), 0);
	pycodes__find(p, word_of(1, 0), &out);
	assert_int_equal(strlen(out.function), 2 * HW_CODE_NAME);
	assert_int_equal(strlen(out.file), 3 + 2 * HW_CODE_FILE);
	pycodes__free(p);
	strpool__free(strings);
}

static void test_many(void **state)
{
	struct strpool *strings = strpool__new();
	struct pycodes *p = pycodes__new(strings);
	struct record r = record_of(1, "f", "g");
	const uint64_t max = 1u << 18;
	struct pycode out;

	(void)state;
	r.c.table_size = 1;
	for (uint64_t i = 0; i < max; i++) {
		r.c.code = i * 977;
		r.c.first_line = (uint32_t)i;
		assert_int_equal(pycodes__add(p, &r.c), 0);
	}
	r.c.code = max * 977;
	assert_int_equal(pycodes__add(p, &r.c), -ENOSPC);
	r.c.code = 977;
	assert_int_equal(pycodes__add(p, &r.c), 0);
	for (uint64_t i = 2; i < max; i++) {
		assert_int_equal(pycodes__find(p, word_of(i * 977, 0), &out), 0);
		assert_int_equal(out.line, i);
	}
	pycodes__free(p);
	strpool__free(strings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines), cmocka_unit_test(test_hostile_lines),
	    cmocka_unit_test(test_find),  cmocka_unit_test(test_text),
	    cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
