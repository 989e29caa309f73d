// SPDX-License-Identifier: GPL-2.0
/* test_choice: which places are taken, of trials that are made up; and what a real libc offers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "heapwatch/event.h"
#include "probe/choice.h"
#include "probe/target.h"

/* Where hw_trial_hit.regs has them. */
enum { AX = 10, BX = 5, DI = 14, SI = 13 };

#define TID	7
#define LARGE_1 0x5000
#define LARGE_2 0x9000
#define CACHED	0x100
#define SMALL	0x200

/* Five calls of malloc, then each is freed, a microsecond each. */
static const struct choice_call calls[] = {
    {1000, 1999, LARGE_1, 5003, TID, 0, CHOICE_LARGE},
    {2000, 2999, LARGE_2, 2003, TID, 0, CHOICE_LARGE},
    {3000, 3999, CACHED, 40, TID, 0, CHOICE_CACHED},
    {4000, 4999, SMALL, 104, TID, 0, CHOICE_SMALL},
    {6000, 6999, LARGE_1, 0, TID, 1, CHOICE_LARGE},
    {7000, 7999, LARGE_2, 0, TID, 1, CHOICE_LARGE},
    {8000, 8999, CACHED, 0, TID, 1, CHOICE_CACHED},
    {9000, 9999, SMALL, 0, TID, 1, CHOICE_SMALL},
};

struct trial {
	struct candidates c;
	size_t n;
	struct hw_trial_hit hits[64];
};

static void place(struct trial *t, uint64_t offset, bool frees)
{
	t->c.at[t->c.n++] = (struct candidate){.offset = offset, .allocs = !frees, .frees = frees};
}

/* At that time this place was come by, with this in the register. */
static void hit(struct trial *t, uint64_t time, uint32_t at, int reg, uint64_t value)
{
	struct hw_trial_hit *h = &t->hits[t->n++];

	*h = (struct hw_trial_hit){.time = time, .tid = TID, .place = at};
	h->regs[reg] = value;
}

static void also(struct trial *t, int reg, uint64_t value)
{
	t->hits[t->n - 1].regs[reg] = value;
}

static int choose(struct trial *t, struct behind *b)
{
	return choice_make(&t->c, calls, sizeof(calls) / sizeof(*calls), t->hits, t->n, b);
}

/* One place for each half: malloc's has the block and what was asked for, free's the header. */
static void good(struct trial *t)
{
	memset(t, 0, sizeof(*t));
	place(t, 0x10, false);
	place(t, 0x20, true);
	hit(t, 1500, 0, AX, LARGE_1);
	also(t, BX, 5003);
	hit(t, 2500, 0, AX, LARGE_2);
	also(t, BX, 2003);
	hit(t, 6500, 1, DI, LARGE_1 - 16);
	hit(t, 7500, 1, DI, LARGE_2 - 16);
}

static void test_good(void **state)
{
	struct behind b;
	struct trial t;

	(void)state;
	good(&t);
	/* Between calls, and by another thread: of no meaning. */
	hit(&t, 5500, 0, AX, 0x1234);
	hit(&t, 1600, 0, AX, 0x1234);
	t.hits[t.n - 1].tid = TID + 1;
	/* A call that failed has nothing. */
	hit(&t, 1400, 0, AX, 0);
	assert_int_equal(choose(&t, &b), 0);
	assert_int_equal(b.n, 2);
	assert_int_equal(b.places[0].offset, 0x10);
	assert_int_equal(b.places[0].cookie,
			 HW_FN_LARGE_ALLOC | HW_COOKIE_ADDR(HW_REG_AX) | HW_COOKIE_SIZE(HW_REG_BX));
	assert_int_equal(b.places[1].offset, 0x20);
	assert_int_equal(b.places[1].cookie,
			 HW_FN_LARGE_FREE | HW_COOKIE_HEADER | HW_COOKIE_ADDR(HW_REG_DI));
}

/* Where the register was right once and wrong once there is no telling. */
static void test_size_unknown(void **state)
{
	struct behind b;
	struct trial t;

	(void)state;
	good(&t);
	t.hits[1].regs[BX] = 2004;
	assert_int_equal(choose(&t, &b), 0);
	assert_int_equal(b.places[0].cookie, HW_FN_LARGE_ALLOC | HW_COOKIE_ADDR(HW_REG_AX));
}

/* Nothing is chosen where a block would be seen twice, or not, or by a wrong address, or where what
 * the cache serves comes by. */
static void test_refused(void **state)
{
	struct behind b;
	struct trial t;

	(void)state;
	good(&t);
	hit(&t, 1700, 0, AX, LARGE_1);
	assert_int_equal(choose(&t, &b), -ENOENT);
	assert_int_equal(b.n, 0);
	good(&t);
	t.hits[1].time = 5500;
	assert_int_equal(choose(&t, &b), -ENOENT);
	good(&t);
	hit(&t, 1700, 0, AX, 0x1234);
	assert_int_equal(choose(&t, &b), -ENOENT);
	good(&t);
	hit(&t, 3500, 0, AX, CACHED);
	assert_int_equal(choose(&t, &b), -ENOENT);
	good(&t);
	hit(&t, 8500, 1, DI, CACHED - 16);
	assert_int_equal(choose(&t, &b), -ENOENT);
	good(&t);
	hit(&t, 6600, 0, AX, 0x1234);
	assert_int_equal(choose(&t, &b), -ENOENT);
}

/* What is freed inside of malloc, an arena's old top, is no block of the program's. */
static void test_free_in_malloc(void **state)
{
	struct behind b;
	struct trial t;

	(void)state;
	good(&t);
	hit(&t, 1600, 1, DI, 0x7770);
	assert_int_equal(choose(&t, &b), 0);
	assert_int_equal(b.places[1].offset, 0x20);
}

/* Each block by one of two places; a third that sees one of them again is of no use. */
static void test_two_places(void **state)
{
	struct behind b;
	struct trial t;

	(void)state;
	good(&t);
	place(&t, 0x30, false);
	place(&t, 0x40, false);
	t.hits[1].place = 2;
	hit(&t, 1600, 3, SI, LARGE_1);
	hit(&t, 1700, 3, SI, LARGE_1);
	assert_int_equal(choose(&t, &b), 0);
	assert_int_equal(b.n, 3);
	assert_int_equal(b.places[0].offset, 0x10);
	assert_int_equal(b.places[1].offset, 0x30);
	assert_int_equal(b.places[2].offset, 0x20);
}

/* Of two that see the same, the one that small blocks seldom come by. */
static void test_dear(void **state)
{
	struct behind b;
	struct trial t;

	(void)state;
	good(&t);
	hit(&t, 9500, 1, DI, SMALL - 16);
	place(&t, 0x30, true);
	hit(&t, 6600, 2, BX, LARGE_1 - 16);
	hit(&t, 7600, 2, BX, LARGE_2 - 16);
	assert_int_equal(choose(&t, &b), 0);
	assert_int_equal(b.n, 2);
	assert_int_equal(b.places[1].offset, 0x30);
}

/* Ten calls for large chunks, one of them without an arena, and calls for others. */
static void asks(struct choice_call *c)
{
	static const uint64_t bytes[] = {60013, 99991, 70001, 80021, 90001, 61001,
					 62003, 63029, 64007, 65003, 20011, 40};

	for (size_t i = 0; i < 12; i++)
		c[i] = (struct choice_call){1000 * (i + 1),
					    1000 * (i + 1) + 999,
					    LARGE_1,
					    bytes[i],
					    TID,
					    0,
					    i < 11 ? CHOICE_LARGE : CHOICE_SMALL};
	for (size_t i = 0; i < 2; i++)
		c[12 + i] = (struct choice_call){
		    20000 + 1000 * i, 20999 + 1000 * i, LARGE_1, 0, TID, 1, CHOICE_LARGE};
}

/* Of places that requests come by the one is taken where large ones alone do, all of them but what
 * no arena is asked for, and where a register has the chunk's size. */
static void test_request(void **state)
{
	struct choice_call c[14];
	struct behind b;
	struct trial t = {0};

	(void)state;
	asks(c);
	for (uint64_t at = 0x10; at <= 0x50; at += 0x10)
		t.c.at[t.c.n++] = (struct candidate){.offset = at, .requests = true};
	t.c.at[4].requests = false; /* the right one, but it is malloc's own */
	t.c.at[4].allocs = true;
	for (uint32_t i = 0; i < 12; i++) {
		const uint64_t chunk = (c[i].bytes + 23) & ~15ull, time = c[i].began + 500;

		hit(&t, time, 0, BX, chunk); /* smaller ones too */
		if (i == 4 || i > 9)
			continue;
		hit(&t, time, 1, BX, c[i].bytes); /* not the chunk's */
		hit(&t, time, 2, DI, chunk);
		hit(&t, time, 4, DI, chunk);
		if (i != 7)
			hit(&t, time, 3, DI, chunk); /* not all of them */
	}
	choice_make(&t.c, c, 14, t.hits, t.n, &b);
	assert_int_equal(b.request.offset, 0x30);
	assert_int_equal(b.request.cookie, HW_FN_REQUEST | HW_COOKIE_SIZE(HW_REG_DI));
	/* What frees come by is none. */
	hit(&t, 20500, 2, DI, 60032);
	choice_make(&t.c, c, 14, t.hits, t.n, &b);
	assert_int_equal(b.request.cookie, 0);
}

/* The places that a debugger showed in one build, Debian 12's: these have to be on offer. */
static void test_debian(void **state)
{
	static const uint64_t allocs[] = {0x989cc, 0x98acd, 0x98bae, 0x997b5, 0x99844, 0x99874};
	static const uint64_t frees[] = {0x961d6, 0x949cd};
	static const uint64_t request = 0x97573;
	static struct candidates c;
	static struct target t;
	Dl_info where;
	size_t found = 0;
	int fd;

	(void)state;
	assert_true(dladdr((void *)gnu_get_libc_version, &where) != 0);
	fd = open(where.dli_fname, O_RDONLY);
	if (fd < 0 || target_read(fd, where.dli_fname, &t) ||
	    strcmp(t.build_id, "93ac61ec5a8eb1396f9fbd350e3169a558528a40")) {
		printf("skip: the C library is not that of Debian's libc6 2.36-9+deb12u14\n");
		close(fd);
		skip();
	}
	assert_int_equal(candidates_read(fd, &c), 0);
	close(fd);
	for (size_t i = 0; i < c.n; i++) {
		for (size_t k = 0; k < sizeof(allocs) / sizeof(*allocs); k++)
			found += c.at[i].allocs && c.at[i].offset == allocs[k];
		for (size_t k = 0; k < sizeof(frees) / sizeof(*frees); k++)
			found += c.at[i].frees && c.at[i].offset == frees[k];
		found += c.at[i].requests && c.at[i].offset == request;
	}
	assert_int_equal(found, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),	   cmocka_unit_test(test_size_unknown),
	    cmocka_unit_test(test_refused),	   cmocka_unit_test(test_two_places),
	    cmocka_unit_test(test_free_in_malloc), cmocka_unit_test(test_dear),
	    cmocka_unit_test(test_request),	   cmocka_unit_test(test_debian),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
