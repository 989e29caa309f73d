// SPDX-License-Identifier: GPL-2.0
/* Of blocks of this very process what they begin with; and which stratum each was of first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "inspect/memory.h"
#include "inspect/signatures.h"
#include "model/births.h"
#include "model/blocks.h"
#include "model/estimator.h"
#include "model/firsts.h"
#include "model/modules.h"
#include "model/seen.h"
#include "model/signature.h"
#include "model/strata.h"
#include "emulated.h"

static const struct signature_range files[] = {{0x400000, 0x401000},
					       {0x7f0000000000, 0x7f0000003000}};

static uint32_t of(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	const uint64_t words[] = {a, b, c, d};

	return signature_of(files, 2, words, 4);
}

static void test_words(void **state)
{
	(void)state;
	assert_int_equal(of(0, 1, 0x3fffff, 0x401000), 0);
	assert_int_equal(of(0x7effffffffff, 0x7f0000003000, ~0ull, 17), 0);
	assert_int_not_equal(of(0x400000, 0, 0, 0), 0);
	/* Where it is counts, what else there is does not. */
	assert_int_equal(of(0x400abc, 0, 0, 0), of(0x400abc, 7, 0x555555554000, 9));
	assert_int_not_equal(of(0x400abc, 0, 0, 0), of(0, 0x400abc, 0, 0));
	assert_int_not_equal(of(0x400abc, 0, 0, 0), of(0x400abd, 0, 0, 0));
	assert_int_not_equal(of(0x400abc, 0, 0, 0), of(0x400abc, 0, 0, 0x7f0000002fff));
	assert_int_equal(signature_of(NULL, 0, &(uint64_t){0x400abc}, 1), 0);
	/* 24, 40 and more bytes are the block's. */
	assert_int_equal(signature_words(32), 3);
	assert_int_equal(signature_words(48), SIGNATURE_WORDS);
	assert_int_equal(signature_words(0), 0);
}

static void test_content(void **state)
{
	uint64_t words[SIGNATURE_CONTENT + 1] = {0};
	uint32_t before;

	(void)state;
	assert_int_equal(signature_content_words(32), 3);
	assert_int_equal(signature_content_words(64), 7);
	assert_int_equal(signature_content_words(4096), SIGNATURE_CONTENT);
	assert_int_equal(signature_content_words(0), 0);
	for (size_t i = 0; i < SIGNATURE_CONTENT; i++) {
		before = signature_content(words, SIGNATURE_CONTENT);
		words[i] = 7;
		assert_int_not_equal(signature_content(words, SIGNATURE_CONTENT), before);
	}
	/* What is behind is not read. */
	before = signature_content(words, SIGNATURE_CONTENT + 1);
	words[SIGNATURE_CONTENT] = 7;
	assert_int_equal(signature_content(words, SIGNATURE_CONTENT + 1), before);
}

static bool begins(struct firsts *f, const struct block *b, uint32_t stratum, uint32_t content)
{
	return firsts__begins(f, b, stratum, &(struct signature){.content = content}, SEEN_ALL);
}

/* One of 41 begins with what each other does; who is written to is not the same, and again is. */
static void test_same(void **state)
{
	struct firsts *f = firsts__new();
	struct block b[41];

	(void)state;
	assert_non_null(f);
	for (uint32_t i = 0; i < 41; i++) {
		b[i] = (struct block){
		    .addr = 0x7f0000000010 + i * 48ull, .size = 40, .site = 7, .born = 3};
		begins(f, &b[i], 5, i < 3 ? 1009 : i);
		assert_false(firsts__same(f, &b[i]));
	}
	firsts__compare(f);
	for (uint32_t i = 0; i < 41; i++)
		assert_int_equal(firsts__same(f, &b[i]), i >= 3);
	begins(f, &b[11], 5, 13);
	begins(f, &b[13], 5, 17);
	begins(f, &b[13], 5, 13);
	begins(f, &b[17], 6, 17);
	assert_false(firsts__same(f, &b[11]));
	assert_true(firsts__same(f, &b[13]));
	assert_false(firsts__same(f, &b[17])); /* of another stratum */
	/* Two of 41 are few enough. */
	begins(f, &(struct block){.addr = 0x7e0000000010, .site = 7}, 5, 19);
	firsts__compare(f);
	assert_true(firsts__same(f, &b[19]));
	firsts__free(f);
}

/* Of words that count: what is no small number, and points into no file. */
static void test_marks(void **state)
{
	static const struct signature_range file = {0x7f0000000000, 0x7f0000100000};
	const uint64_t words[SIGNATURE_CONTENT] = {
	    65535, 65536, (uint64_t)-65536, (uint64_t)-65537, 0x7f0000000000, 0x7f0000100000,
	    0,	   1009};
	struct signature s = signature_take(&file, 1, words, 96);

	(void)state;
	assert_int_equal(s.kind, 0); /* the fifth word is no type */
	assert_int_equal(s.content, signature_content(words, SIGNATURE_CONTENT));
	for (size_t i = 0; i < SIGNATURE_CONTENT; i++)
		assert_int_equal(s.marks[i] != 0, i == 1 || i == 3 || i == 5);
	assert_int_not_equal(s.marks[1], s.marks[3]);
	/* What is behind the chunk's end is another's. */
	s = signature_take(&file, 1, words, 32);
	for (size_t i = 0; i < SIGNATURE_CONTENT; i++)
		assert_int_equal(s.marks[i] != 0, i == 1);
	s = signature_take(&file, 1, words + 4, 32);
	assert_int_equal(s.kind, signature_of(&file, 1, words + 4, 3));
}

/* One word that is as it was tells that a block is there, whatever was written to the others; but
 * not one that each of its kind begins with. */
static void test_same_words(void **state)
{
	struct firsts *f = firsts__new();
	struct block b[41];
	struct signature s = {.content = 1, .marks = {7}};

	(void)state;
	assert_non_null(f);
	for (uint32_t i = 0; i < 41; i++) {
		b[i] = (struct block){
		    .addr = 0x7f0000000010 + i * 48ull, .size = 40, .site = 7, .born = 3};
		s.marks[2] = (uint16_t)(2 * i + 1);
		firsts__begins(f, &b[i], 5, &s, SEEN_ALL);
	}
	for (uint32_t i = 0; i < 41; i++) {
		s = (struct signature){.content = 2, .marks = {7, 9}};
		s.marks[2] = i % 3 ? (uint16_t)(2 * i + 1) : 1009;
		firsts__begins(f, &b[i], 5, &s, SEEN_ALL);
	}
	firsts__compare(f);
	for (uint32_t i = 0; i < 41; i++)
		assert_int_equal(firsts__same(f, &b[i]), i % 3 != 0);
	firsts__free(f);
}

/* What is not there any more is not there again where its address is. */
static void test_gone(void **state)
{
	struct firsts *f = firsts__new();
	const struct block b[] = {{.addr = 0x7f0000000010, .size = 40, .site = 7, .born = 3},
				  {.addr = 0x7f0000000110, .size = 40, .site = 7, .born = 3}},
			   later = {.addr = 0x7f0000000010, .size = 40, .site = 7, .born = 4};

	(void)state;
	assert_non_null(f);
	firsts__begins(f, &b[1], 5, &(struct signature){.content = 1}, SEEN_ALL);
	assert_false(firsts__is_gone(f, &b[0]));
	firsts__gone(f, &b[0]);
	firsts__gone(f, &b[1]);
	firsts__begins(f, &b[1], 5, &(struct signature){.content = 1}, SEEN_ALL);
	assert_true(firsts__is_gone(f, &b[0]));
	assert_true(firsts__is_gone(f, &b[1]));
	assert_false(firsts__is_gone(f, &later));
	firsts__free(f);
}

#define BLOCKS 401u /* more than are read at once */

static void test_read(void **state)
{
	static const char maps[] = "00400000-00401000 r--p 00000000 08:01 7 /bin/true\n"
				   "00500000-00501000 rw-p 00000000 00:00 0 \n"
				   "7f0000000000-7f0000003000 r-xp 00000000 08:01 11 /lib/a.so\n";
	const struct memory mem = memory_of(getpid());
	struct signatures_chunk chunks[BLOCKS];
	struct modules *m = modules__new();
	struct signature_range *found;
	uint64_t *heap;
	size_t n;

	(void)state;
	skip_emulated();
	assert_non_null(m);
	assert_int_equal(modules__parse(m, maps, sizeof(maps) - 1), 0);
	assert_int_equal(signatures_files(m, &found, &n), 0);
	assert_int_equal(n, 2);
	assert_memory_equal(found, files, sizeof(files));
	/* Chunks of 48 bytes; the last is where nothing is mapped, and of the one before it not all
	 * is there that is read. */
	heap = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(heap != MAP_FAILED);
	for (size_t i = 0; i < BLOCKS; i++) {
		heap[i * 6 + 1] = 48 | 1;
		heap[i * 6 + 3] = i % 3 ? 0x400000 + i : i;
		chunks[i].addr = (uint64_t)(uintptr_t)&heap[i * 6 + 2];
	}
	munmap(heap + 6 * 512, 2 * 4096);
	heap[6 * 512 - 5] = 48 | 1;
	heap[6 * 512 - 1] = BLOCKS - 2;
	heap[6 * 512 - 3] = BLOCKS - 2;
	chunks[BLOCKS - 2].addr = (uint64_t)(uintptr_t)&heap[6 * 512 - 4];
	chunks[BLOCKS - 1].addr = 0x10;
	assert_int_equal(signatures_read(&mem, found, n, chunks, BLOCKS), 0);
	for (size_t i = 0; i < BLOCKS - 1; i++) {
		assert_int_equal(chunks[i].size, 48);
		assert_int_equal(chunks[i].begins.kind, i % 3 ? of(0, 0x400000 + i, 0, 0) : 0);
	}
	assert_int_equal(chunks[BLOCKS - 1].size, 0);
	assert_int_equal(chunks[BLOCKS - 2].begins.content,
			 signature_content((uint64_t[]){0, BLOCKS - 2, 0, BLOCKS - 2, 0}, 5));
	/* Five of its words are the block's. */
	assert_int_equal(chunks[7].begins.content,
			 signature_content((uint64_t[]){0, 0x400007, 0, 0, 0}, 5));
	munmap(heap, 6 * 4096);
	free(found);
	modules__free(m);
}

static double births_of(const struct birth *b, size_t n, uint32_t site, uint32_t stratum)
{
	double found = 0;

	for (size_t i = 0; i < n; i++)
		if (b[i].site == site && b[i].class == stratum)
			found += b[i].blocks;
	return found;
}

static void test_firsts(void **state)
{
	struct strata *strata = strata__new();
	struct firsts *f = firsts__new();
	uint32_t class = estimator_class(48), a = strata__of(strata, class, 101),
		 b = strata__of(strata, class, 103);
	struct block blocks[2003];
	struct birth births[] = {{.site = 5, .class = class, .blocks = 1e9},
				 {.site = 7, .class = class, .blocks = 1001 * 10}};
	struct birth *out;
	size_t n;

	(void)state;
	assert_non_null(f);
	for (uint32_t i = 0; i < 2003; i++) {
		blocks[i] = (struct block){.addr = 0x7f0000000010 + i * 48ull,
					   .size = 40,
					   .site = i % 2 ? 7 : 5,
					   .born = 3};
		assert_false(firsts__changed(f, &blocks[i], i % 4 < 2 ? a : b, 20));
	}
	for (uint32_t i = 0; i < 2003; i++)
		assert_false(firsts__changed(f, &blocks[i], i % 4 < 2 ? a : b, 20));
	/* Of site 7 half were seen to go: of each stratum as large a part. */
	assert_int_equal(firsts__births(f, strata, births, 2, &out, &n), 0);
	assert_int_equal(n, 4);
	assert_float_equal(births_of(out, n, 7, a), 501 * 10, 1e-6);
	assert_float_equal(births_of(out, n, 7, b), 500 * 10, 1e-6);
	assert_float_equal(births_of(out, n, 5, a), 501 * 20, 1e-6);
	free(out);
	/* Once changed it stays so; another block at its address is new. */
	assert_true(firsts__changed(f, &blocks[0], class, 20));
	assert_true(firsts__changed(f, &blocks[0], a, 20));
	firsts__turn(f);
	assert_true(firsts__changed(f, &blocks[0], a, 20));
	blocks[0].born = 4;
	assert_false(firsts__changed(f, &blocks[0], b, 20));
	/* What was not told for a whole turn is forgotten. */
	firsts__turn(f);
	assert_false(firsts__changed(f, &blocks[0], b, 20));
	firsts__turn(f);
	assert_true(firsts__changed(f, &blocks[0], a, 20));
	assert_false(firsts__changed(f, &blocks[1], b, 20));
	firsts__free(f);
	strata__free(strata);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_words),      cmocka_unit_test(test_read),
	    cmocka_unit_test(test_firsts),     cmocka_unit_test(test_content),
	    cmocka_unit_test(test_same),       cmocka_unit_test(test_marks),
	    cmocka_unit_test(test_same_words), cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
