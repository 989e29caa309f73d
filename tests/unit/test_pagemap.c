// SPDX-License-Identifier: GPL-2.0
/* test_pagemap: our own pages in every state that can be made on purpose, both ways to read them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "inspect/pagemap.h"

#define PAGE  PAGEMAP_PAGE
#define PAGES 1031u /* more than the runs of one call, were all of them runs */

static unsigned char *map(int fd, int flags)
{
	void *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	/* Pages, not huge ones: where this fails there are none. */
	madvise(p, PAGES * PAGE, MADV_NOHUGEPAGE);
	return p;
}

/* want(i) of each page, and the sums of them. */
static void compare(struct pagemap *p, enum pagemap_of of, const unsigned char *at,
		    enum page_state (*want)(unsigned int))
{
	uint8_t states[PAGES];
	struct pagemap_sum sum = {0}, right = {0};

	memset(states, 0xff, sizeof(states));
	assert_int_equal(pagemap__read(p, of, (uintptr_t)at, PAGES, states), 0);
	assert_int_equal(pagemap__sum(p, of, (uintptr_t)at, PAGES * PAGE, &sum), 0);
	for (unsigned int i = 0; i < PAGES; i++) {
		assert_int_equal(states[i], want(i));
		right.anon += states[i] == PAGE_ANON ? PAGE : 0;
		right.file += states[i] == PAGE_FILE ? PAGE : 0;
	}
	right.resident = right.anon + right.file;
	assert_memory_equal(&sum, &right, sizeof(sum));
}

/* Every second page written, every third of the rest read: that is the zero page. */
static enum page_state private(unsigned int i) { return i & 1 ? PAGE_ANON : PAGE_ABSENT; }

/* Each third page of a shared mapping. */
static enum page_state shared(unsigned int i)
{
	return i % 3 ? PAGE_ABSENT : PAGE_FILE;
}

/* A private copy of each fifth page of the same file; the file's page where it was read. */
static enum page_state copied(unsigned int i)
{
	return i % 5 == 0 ? PAGE_ANON : i % 5 == 1 ? PAGE_FILE : PAGE_ABSENT;
}

static void test_states(void **state)
{
	int fds[2] = {memfd_create("shared", MFD_CLOEXEC), memfd_create("copied", MFD_CLOEXEC)};
	unsigned char *a = map(-1, MAP_PRIVATE | MAP_ANONYMOUS), *s, *c;
	volatile unsigned char seen = 0;
	struct pagemap *p;

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_true(fds[i] >= 0 && !ftruncate(fds[i], PAGES * PAGE));
	s = map(fds[0], MAP_SHARED);
	c = map(fds[1], MAP_PRIVATE);
	for (unsigned int i = 0; i < PAGES; i++) {
		if (i & 1)
			a[i * PAGE] = 1;
		else if (i % 3 == 0)
			seen += a[i * PAGE];
		if (i % 3 == 0)
			s[i * PAGE] = 1;
		if (i % 5 == 0)
			c[i * PAGE] = 1;
		else if (i % 5 == 1)
			seen += c[i * PAGE];
	}
	assert_int_equal(pagemap__new(getpid(), &p), 0);
	for (int old = 0; old < 2; old++) {
		if (!old || !geteuid()) /* else the zero page is not told from others */
			for (int of = PAGEMAP_ANY; of <= PAGEMAP_ANON; of++)
				compare(p, of, a, private);
		compare(p, PAGEMAP_ANY, s, shared);
		compare(p, PAGEMAP_ANY, c, copied);
		pagemap__no_scan(p);
	}
	pagemap__free(p);
	pagemap__free(NULL);
	munmap(a, PAGES * PAGE);
	munmap(s, PAGES * PAGE);
	munmap(c, PAGES * PAGE);
	close(fds[0]);
	close(fds[1]);
}

/* What was only read of where a huge page may be: it stands for as much, and is no memory. */
static void test_huge_zero(void **state)
{
	size_t huge = 2 << 20;
	unsigned char *room =
	    mmap(NULL, 2 * huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile unsigned char *at = room + (-(uintptr_t)room & (huge - 1));
	struct pagemap_sum sum = {0}, none = {0};
	unsigned char in_core;
	struct pagemap *p;

	(void)state;
	assert_ptr_not_equal(room, MAP_FAILED);
	if (geteuid() || madvise((void *)at, huge, MADV_HUGEPAGE))
		skip();
	(void)*at;
	/* There is one only where huge pages are, and where one is free for that. */
	assert_int_equal(mincore((void *)(at + huge - PAGE), PAGE, &in_core), 0);
	if (!(in_core & 1))
		skip();
	assert_int_equal(pagemap__new(getpid(), &p), 0);
	for (int old = 0; old < 2; old++) {
		assert_int_equal(pagemap__sum(p, PAGEMAP_ANY, (uintptr_t)at, huge, &sum), 0);
		assert_memory_equal(&sum, &none, sizeof(sum));
		pagemap__no_scan(p);
	}
	pagemap__free(p);
	munmap(room, 2 * huge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_states),
					   cmocka_unit_test(test_huge_zero)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
