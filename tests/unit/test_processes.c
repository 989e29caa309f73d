// SPDX-License-Identifier: GPL-2.0
/* test_processes: what records say of a process's life and of its code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "heapwatch/event.h"
#include "model/codes.h"
#include "model/ledger.h"
#include "model/processes.h"

#define SECOND 1000000000ull

static struct processes *watching(uint32_t tgid)
{
	struct processes *ps = processes__new();
	uint32_t id;

	assert_non_null(ps);
	assert_int_equal(processes__add(ps, tgid, ledger__new(0), &id), 0);
	return ps;
}

static void stack(struct processes *ps, uint64_t key, uint16_t flags, uint64_t time)
{
	struct hw_stack s = {.hdr = {.tgid = 11, .kind = HW_STACK, .size = sizeof(s), .time = time},
			     .stack = key,
			     .flags = flags};

	assert_int_equal(processes__apply(ps, &s, sizeof(s)), 0);
}

/* Code that nobody told of is a reason to look at the mappings, but not for each stack. */
static void test_unknown_code(void **state)
{
	struct processes *ps = watching(11);
	struct process *p = processes__find(ps, 11);

	(void)state;
	stack(ps, 1, 0, SECOND);
	stack(ps, 2, HW_STACK_NOFRAME, SECOND);
	assert_int_equal(p->code_maps, 0);
	stack(ps, 3, HW_STACK_NOCODE, SECOND);
	assert_int_equal(p->code_maps, 1);
	stack(ps, 4, HW_STACK_NOCODE, SECOND + SECOND / 2 - 1);
	assert_int_equal(p->code_maps, 1);
	stack(ps, 5, HW_STACK_NOCODE | HW_STACK_NOPYTHON, SECOND + SECOND / 2);
	assert_int_equal(p->code_maps, 2);
	processes__free(ps);
}

static void code(struct processes *ps, uint64_t id, uint32_t table_size)
{
	static union {
		struct hw_code code;
		uint8_t bytes[1024];
	} r;

	r.code = (struct hw_code){.hdr = {.tgid = 11, .kind = HW_CODE, .size = sizeof(r)},
				  .code = id,
				  .table_size = table_size,
				  .name_kind = 1,
				  .file_kind = 1};
	memset(r.code.table, (int)id, table_size);
	assert_int_equal(processes__apply(ps, &r, sizeof(r)), 0);
}

static void test_codes(void **state)
{
	struct processes *ps = watching(11);
	struct codes *c;

	(void)state;
	assert_null(processes__codes(ps));
	code(ps, 3, 600);
	code(ps, 5, 0);
	assert_int_equal(processes__find(ps, 11)->received, 2);
	c = processes__codes(ps);
	assert_null(processes__codes(ps));
	assert_int_equal(codes__count(c), 2);
	assert_int_equal(codes__at(c, 0)->code, 3);
	assert_int_equal(codes__at(c, 0)->table[599], 3);
	assert_int_equal(codes__at(c, 1)->code, 5);
	codes__free(c);
	code(ps, 7, 1);
	c = processes__codes(ps);
	assert_int_equal(codes__count(c), 1);
	codes__free(c);
	/* What nobody has taken goes with it. */
	code(ps, 8, 1);
	processes__free(ps);
}

static void test_codes_full(void **state)
{
	static union {
		struct hw_code code;
		uint8_t bytes[61440];
	} r;
	struct codes *c = codes__new();
	size_t n = 0;
	int err;

	(void)state;
	r.code.table_size = sizeof(r) - sizeof(r.code);
	while (!(err = codes__put(c, &r.code)))
		n++;
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(n, (32u << 20) / sizeof(r));
	codes__free(c);
	codes__free(NULL);
}

static void test_exec(void **state)
{
	struct hw_proc_exec e = {.hdr = {.tgid = 11, .kind = HW_PROC_EXEC, .size = sizeof(e)}};
	struct processes *ps = watching(11);
	struct process *p = processes__find(ps, 11);
	struct snapshot *s;

	(void)state;
	stack(ps, 1, 0, 1);
	assert_int_equal(processes__apply(ps, &e, sizeof(e)), 0);
	assert_int_equal(p->execs, 1);
	s = ledger__snapshot(p->ledger, 0, 0);
	assert_int_equal(s->stacks.stacks, 0);
	snapshot__free(s);
	assert_int_equal(processes__apply(ps, &e, 8), -EBADMSG);
	assert_int_equal(processes__bad(ps), 1);
	processes__free(ps);
}

/* The kernel's maximum is of all programs that a process was: what it was at the exec tells. */
static void test_max_rss(void **state)
{
	struct hw_proc_exec e = {.hdr = {.tgid = 11, .kind = HW_PROC_EXEC, .size = sizeof(e)},
				 .max_rss_pages = 37};
	struct hw_proc_exit end = {.hdr = {.tgid = 11, .kind = HW_PROC_EXIT, .size = sizeof(end)},
				   .max_rss_pages = 43};
	struct processes *ps = watching(11);
	struct process *p = processes__find(ps, 11);

	(void)state;
	assert_int_equal(p->max_rss_before, 0);
	assert_int_equal(processes__apply(ps, &e, sizeof(e)), 0);
	assert_int_equal(p->max_rss_before, 37);
	/* An exec whose record was lost. */
	assert_int_equal(processes__renew(p, SECOND), 0);
	assert_true(p->max_rss_before == UINT64_MAX);
	e.max_rss_pages = 41;
	assert_int_equal(processes__apply(ps, &e, sizeof(e)), 0);
	assert_int_equal(processes__apply(ps, &end, sizeof(end)), 0);
	assert_int_equal(p->max_rss_before, 41);
	assert_int_equal(p->max_rss_pages, 43);
	processes__free(ps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_unknown_code), cmocka_unit_test(test_codes),
	    cmocka_unit_test(test_codes_full),	 cmocka_unit_test(test_exec),
	    cmocka_unit_test(test_max_rss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
