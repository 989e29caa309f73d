// SPDX-License-Identifier: GPL-2.0
/* test_text_tree: many processes as a tree: who is under whom, and who is left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/report.h"
#include "out/text_parts.h"

#define MIB (1u << 20)

static char *as_text(const struct report *r)
{
	const struct text_style style = {0};
	char *got = NULL;
	size_t len;
	FILE *f = open_memstream(&got, &len);
	const struct text t = {.f = f, .style = &style};

	text_tree(&t, r);
	fclose(f);
	return got;
}

static const struct report_share shares[] = {
    {1009, "git", 7 * MIB, 9 * MIB, 0, 0, 0, 0},
    {1013, "sh", 1 * MIB, 2 * MIB, 0, 0, 0, 0},
};

/* 1013 stands there twice: the second one is the child of the first one's child. */
static const struct report_process processes[] = {
    {.pid = 1009,
     .comm = "git",
     .exited = true,
     .ended_ns = 9,
     .status = 0x300,
     .peak_rss_bytes = 9 * MIB,
     .outstanding_bytes = 7,
     .user_probes = "session",
     .seen_from = "fork",
     .mode = "exact"},
    {.pid = 1013,
     .ppid = 1009,
     .comm = "sh",
     .exited = true,
     .ended_ns = 9,
     .status = 9,
     .began_ns = 100000000,
     .peak_rss_bytes = 2 * MIB,
     .user_probes = "session",
     .seen_from = "fork",
     .mode = "exact"},
    {.pid = 1019,
     .ppid = 1013,
     .comm = "ls\n",
     .exited = true,
     .began_ns = 200000000,
     .peak_rss_bytes = MIB,
     .user_probes = "session",
     .seen_from = "fork",
     .mode = "degraded"},
    {.pid = 1013,
     .ppid = 1019,
     .comm = "cat",
     .began_ns = 300000000,
     .peak_rss_bytes = MIB,
     .allocator = {.told = true, .system_bytes = 3 * MIB, .in_use_bytes = MIB},
     .user_probes = "session",
     .seen_from = "fork",
     .mode = "exact"},
    {.pid = 1021,
     .ppid = 1013,
     .comm = "tr",
     .began_ns = 400000000,
     .peak_rss_bytes = MIB,
     .user_probes = "none",
     .seen_from = "never",
     .mode = "passive"},
};

static void test_tree(void **state)
{
	const struct report r = {.nprocesses = 5,
				 .processes = processes,
				 .tree = {.alive = 2,
					  .forgotten = 3,
					  .forgotten_bytes = 3 * 1024,
					  .forgotten_blocks = 1201,
					  .forgotten_lost = 1301,
					  .private_bytes = 11 * MIB,
					  .peak_ns = 1700000000,
					  .peak_private_bytes = 8 * MIB,
					  .peak_pss_bytes = 10 * MIB,
					  .nshares = 2,
					  .shares = shares}};
	char *got = as_text(&r);

	(void)state;
	assert_string_equal(
	    got,
	    "8 processes, 2 running; RSS minus shared 11.0 MiB\n"
	    "  peak 8.00 MiB at 1.7 s, PSS 10.0 MiB, of which\n"
	    "      7.00 MiB  git (1009)\n"
	    "      1.00 MiB  sh (1013)\n"
	    "       pid   peak RSS outstanding       held     in use      began             "
	    "command\n"
	    "      1009   9.00 MiB         7 B          -          -      0.0 s  exit 3     git\n"
	    "      1013   2.00 MiB         0 B          -          -      0.1 s  signal 9     sh\n"
	    "      1019   1.00 MiB         0 B          -          -      0.2 s  ended          "
	    "ls?  (degraded)\n"
	    "      1013   1.00 MiB         0 B   3.00 MiB   1.00 MiB      0.3 s  running          "
	    "cat\n"
	    "      1021   1.00 MiB           -          -          -      0.4 s  running           "
	    " "
	    "tr  (32-bit: not seen)\n"
	    "           and 3 that ended and held less: 3.00 KiB together in 1,201 blocks "
	    "(--detail N "
	    "keeps more)\n"
	    "           1,301 events of theirs were lost (degraded)\n");
	free(got);
}

static void test_alone(void **state)
{
	const struct report r = {.nprocesses = 1, .processes = processes};
	char *got = as_text(&r);

	(void)state;
	assert_string_equal(got, "");
	free(got);
}

/* More than fit: the small ones are counted, the parent of a large one is there. */
static void test_many(void **state)
{
	struct report_process p[53];
	const struct report r = {.nprocesses = 53, .processes = p, .tree = {.alive = 53}};
	char *got;

	(void)state;
	for (uint32_t i = 0; i < 53; i++)
		p[i] = (struct report_process){.pid = 2003 + i,
					       .ppid = i ? 2003 : 0,
					       .comm = i ? "child" : "parent",
					       .peak_rss_bytes = 4096u * i,
					       .user_probes = "session",
					       .seen_from = "fork",
					       .mode = "exact"};
	got = as_text(&r);
	assert_non_null(strstr(got, "  parent\n"));
	assert_non_null(strstr(got, "      2055 "));
	assert_non_null(strstr(got, "      2016 ")); /* the 40th */
	assert_null(strstr(got, "      2015 "));
	assert_non_null(strstr(got, "           and 12 smaller ones\n"));
	free(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tree),
	    cmocka_unit_test(test_alone),
	    cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
