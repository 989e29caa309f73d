// SPDX-License-Identifier: GPL-2.0
/* test_out: one report, as text and as JSON, to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/report.h"
#include "out/json.h"
#include "out/text.h"

static const struct report_frame frames[] = {
    {.function = "site_malloc",
     .file = "/src/churn.c",
     .line = 41,
     .module = "/usr/bin/churn",
     .offset = 0x1169,
     .pc = 0x555555555169},
    {.function = "ns::call<int>(char*)", .module = "/usr/lib/libx.so", .offset = 17, .pc = 0x7f11},
    {.module = "/usr/lib/stripped\033[2J.so", .offset = 0xbeef, .pc = 0x7f12},
    {.pc = 0x13},
};

static const struct report_site sites[] = {
    {.kind = REPORT_HEAP,
     .bytes = 10200547,
     .blocks = 1009,
     .allocated_bytes = 10210657,
     .allocated_blocks = 1010,
     .nframes = 4,
     .frames = frames},
    {.kind = REPORT_MAP,
     .bytes = 4096,
     .blocks = 1,
     .truncated = true,
     .nframes = 1,
     .frames = frames + 1},
    {.kind = REPORT_HEAP, .bytes = 0, .blocks = 3},
};

static const struct report_process process = {
    .pid = 4711,
    .start_time = 1234567,
    .comm = "a\xff(b)",
    .exe = "/usr/bin/churn",
    .allocator = "glibc 2.36",
    .user_probes = "session",
    .kernel_probes = "tracepoint",
    .mode = "degraded",
    .rss_bytes = 20971520,
    .shared_bytes = 2097152,
    .outstanding_bytes = 10200547,
    .outstanding_blocks = 1012,
    .older_freed_bytes = 8192,
    .older_freed_blocks = 53,
    .mapped_bytes = 4096,
    .mapped_reserved_bytes = 1048576,
    .mapped_allocator_bytes = 135168,
    .mapped_older_bytes = 12288,
    .advised_bytes = 16384,
    .unexplained_bytes = 8669725,
    .events = 2027,
    .lost_events = 1201,
    .probe_hits = 4049,
    .nsites = 3,
    .sites = sites,
    .sites_total = 10,
    .hidden_bytes = 2048,
};

static const struct report report = {
    .time_ns = 1700000000500000000,
    .elapsed_ns = 2500000000,
    .last = true,
    .nprocesses = 1,
    .processes = &process,
};

static void test_json(void **state)
{
	static const char want[] =
	    "{\"version\":1,\"time\":1700000000.5,\"elapsed_seconds\":2.5,\"last\":true,"
	    "\"processes\":[{\"pid\":4711,\"comm\":\"a\xef\xbf\xbd(b)\",\"exe\":\"/usr/bin/churn\","
	    "\"exited\":false,\"allocator\":\"glibc 2.36\",\"user_probes\":\"session\","
	    "\"kernel_probes\":\"tracepoint\",\"mode\":\"degraded\",\"start_time\":1234567,"
	    "\"rss_bytes\":20971520,\"shared_bytes\":2097152,\"outstanding_bytes\":10200547,"
	    "\"outstanding_blocks\":1012,\"older_freed_bytes\":8192,\"older_freed_blocks\":53,"
	    "\"mapped_bytes\":4096,\"mapped_reserved_bytes\":1048576,"
	    "\"mapped_allocator_bytes\":135168,\"mapped_older_bytes\":12288,\"advised_bytes\":"
	    "16384,"
	    "\"unexplained_bytes\":8669725,\"events\":2027,\"lost_events\":1201,"
	    "\"probe_hits\":4049,\"sites_total\":10,\"hidden_bytes\":2048,\"sites\":["
	    "{\"kind\":\"heap\",\"bytes\":10200547,\"blocks\":1009,\"allocated_bytes\":10210657,"
	    "\"allocated_blocks\":1010,\"truncated\":false,\"frames\":["
	    "{\"function\":\"site_malloc\",\"file\":\"/src/churn.c\",\"line\":41,"
	    "\"module\":\"/usr/bin/churn\",\"offset\":4457,\"pc\":93824992235881},"
	    "{\"function\":\"ns::call<int>(char*)\",\"file\":null,\"line\":null,"
	    "\"module\":\"/usr/lib/libx.so\",\"offset\":17,\"pc\":32529},"
	    "{\"function\":null,\"file\":null,\"line\":null,"
	    "\"module\":\"/usr/lib/stripped?[2J.so\",\"offset\":48879,\"pc\":32530},"
	    "{\"function\":null,\"file\":null,\"line\":null,\"module\":null,\"offset\":0,\"pc\":19}"
	    "]},"
	    "{\"kind\":\"map\",\"bytes\":4096,\"blocks\":1,\"allocated_bytes\":0,"
	    "\"allocated_blocks\":0,\"truncated\":true,\"frames\":["
	    "{\"function\":\"ns::call<int>(char*)\",\"file\":null,\"line\":null,"
	    "\"module\":\"/usr/lib/libx.so\",\"offset\":17,\"pc\":32529}]},"
	    "{\"kind\":\"heap\",\"bytes\":0,\"blocks\":3,\"allocated_bytes\":0,"
	    "\"allocated_blocks\":0,\"truncated\":false,\"frames\":[]}]}]}\n";
	char *got = NULL;
	size_t len;
	FILE *f = open_memstream(&got, &len);

	(void)state;
	assert_int_equal(json_write(f, &report), 0);
	fclose(f);
	assert_string_equal(got, want);
	free(got);
}

static char *as_text(const struct text_style *style)
{
	char *got = NULL;
	size_t len;
	FILE *f = open_memstream(&got, &len);

	assert_int_equal(text_write(f, &report, style), 0);
	fclose(f);
	return got;
}

static void test_text(void **state)
{
	static const char want[] =
	    "heapwatch: 2.5 s after the attach, last report\n"
	    "\n"
	    "4711 (a\xef\xbf\xbd(b))  /usr/bin/churn\n"
	    "  glibc 2.36 by session, mappings by tracepoint\n"
	    "  degraded: 1,201 events lost; blocks may be missing, or shown though freed (see "
	    "--ring-size)\n"
	    "  RSS                              20.0 MiB  100.0 %  \n"
	    "  shared (files, shmem)            2.00 MiB   10.0 %  of RSS\n"
	    "  outstanding                      9.73 MiB   48.6 %  1,012 blocks since the attach\n"
	    "  mapped by the program            4.00 KiB    0.0 %  since the attach\n"
	    "  mapped by the allocator           132 KiB    0.6 %  since the attach; holds blocks "
	    "above\n"
	    "  mapped before the attach         12.0 KiB    0.1 %  address space; what is resident "
	    "of it is in the next line\n"
	    "  unexplained                      8.27 MiB   41.3 %  RSS - shared - outstanding - "
	    "mapped by the program\n"
	    "  older memory freed               8.00 KiB           53 blocks, and mappings, from "
	    "before the attach\n"
	    "  given back by madvise            16.0 KiB           reserved without access: 1.00 "
	    "MiB\n"
	    "     bytes      blocks  kind  callsite, innermost first\n"
	    "  9.73 MiB       1,009  heap  site_malloc  churn.c:41\n"
	    "                              ns::call<int>(char*)  (libx.so)\n"
	    "                              stripped?[2J.so+0xbeef\n"
	    "                              0x13\n"
	    "  4.00 KiB           1  map   ns::call<int>(char*)  (libx.so)\n"
	    "                              ... the stack could not be followed further\n"
	    "       0 B           3  heap  unknown callsite\n"
	    "  2.00 KiB in 7 more callsites (see --top, --min-size)\n"
	    "\n";
	char *got = as_text(&(struct text_style){0});

	(void)state;
	assert_string_equal(got, want);
	free(got);
}

static void test_narrow(void **state)
{
	char *got = as_text(&(struct text_style){.width = 40, .frames = 2});

	(void)state;
	assert_non_null(strstr(got, "\n                              ns::call<i\n"));
	assert_non_null(strstr(got, "\n                              ... 2 more\n"));
	for (char *line = strtok(got, "\n"); line; line = strtok(NULL, "\n")) {
		size_t columns = 0;

		for (const char *c = line; *c; c++)
			columns += ((unsigned char)*c & 0xc0) != 0x80;
		assert_true(columns <= 40);
	}
	free(got);
}

static void test_colour(void **state)
{
	char *plain = as_text(&(struct text_style){0});
	char *got = as_text(&(struct text_style){.colour = 1});

	(void)state;
	assert_null(strchr(plain, '\033'));
	assert_non_null(strstr(got, "\033[1m4711 (a\xef\xbf\xbd(b))  /usr/bin/churn\033[0m\n"));
	free(plain);
	free(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_narrow),
	    cmocka_unit_test(test_colour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
