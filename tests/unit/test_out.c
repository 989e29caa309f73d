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
     .growth = {true, 6060.5, 101.25, 59, true, false},
     .nframes = 4,
     .frames = frames},
    {.kind = REPORT_MAP,
     .bytes = 4096,
     .blocks = 1,
     .truncated = true,
     .reason = "no frame pointer",
     .growth = {true, 7070.5, 101.25, 59, true, false},
     .nframes = 1,
     .frames = frames + 1},
    {.kind = REPORT_HEAP, .blocks = 3, .growth = {true, 2048, 1, 59, false, true}},
};

static const struct report_arena arenas[] = {
    {.address = 0x7f00,
     .main = true,
     .threads = 2,
     .system = 1179648,
     .max_system = 1310720,
     .in_use = 1009000,
     .free = 170648,
     .resident_free = 131072,
     .trimmable = 65536,
     .confidence = "exact"},
};

static const struct report_line waterfall[] = {
    {"live blocks seen, by callsite", 10200547, "estimated"},
    {"files and shared memory", 10771277, "exact"},
    {"unexplained", -304, "exact"},
};

static const struct report_pinned pinned[] = {
    {.bytes = 300000, .pages = 101, .nframes = 1, .frames = frames},
    {.bytes = 3000, .pages = 2, .blocks = "live blocks of up to 96 B"},
};

static const struct report_advice advice[] = {
    {"malloc_trim(0)", 65536, "call it"},
};

static const struct report_process process = {
    .pid = 4711,
    .ppid = 4703,
    .seen_from = "late",
    .late_ns = 2500000,
    .began_ns = 500000000,
    .unfollowed = 3,
    .peak_rss_bytes = 30971520,
    .pss_bytes = 19971520,
    .start_time = 1234567,
    .comm = "a\xff(b)",
    .exe = "/usr/bin/churn",
    .allocator = {.name = "glibc",
		  .version = "2.36",
		  .told = true,
		  .confidence = "exact",
		  .system_bytes = 1179648,
		  .in_use_bytes = 1009000,
		  .free_bytes = 170648,
		  .tcache_bytes = 1024,
		  .resident_free_bytes = 131072,
		  .trimmable_bytes = 65536,
		  .mmapped_bytes = 528384,
		  .mmapped_blocks = 1,
		  .narenas = 1,
		  .arenas = arenas},
    .inspection_age = 0.5,
    .inspection_time = 0.25,
    .nlines = 3,
    .waterfall = waterfall,
    .npinned = 2,
    .pinned = pinned,
    .sparse_pages = 103,
    .sparse_free_bytes = 303000,
    .nadvice = 1,
    .advice = advice,
    .repaired_blocks = 17,
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
    .stacks = 31,
    .allocated_blocks = 2000,
    .ncuts = 2,
    .cuts = {{"no frame pointer", 2, 17}, {"Python frames missing", 1, 3}},
    .nsites = 3,
    .sites = sites,
    .sites_total = 10,
    .hidden_bytes = 2048,
    .heap_growth = {true, -8192, 1024, 60.5, false, false},
};

static const struct report_share shares[] = {
    {4711, "churn", 18874368, 20971520, 19971520, 10200547, 1708032, 1537384},
};

static const struct report report = {
    .tree = {.alive = 1,
	     .ended = 5,
	     .forgotten = 7,
	     .forgotten_bytes = 1511,
	     .forgotten_blocks = 1523,
	     .forgotten_lost = 1531,
	     .rss_bytes = 20971520,
	     .private_bytes = 18874368,
	     .outstanding_bytes = 10200547,
	     .outstanding_blocks = 1012,
	     .held_bytes = 1708032,
	     .in_use_bytes = 1537384,
	     .peak_ns = 1500000000,
	     .peak_private_bytes = 18874369,
	     .peak_rss_bytes = 20971521,
	     .peak_pss_bytes = 19971520,
	     .nshares = 1,
	     .shares = shares},
    .time_ns = 1700000000500000000,
    .elapsed_ns = 2500000000,
    .last = true,
    .nprocesses = 1,
    .processes = &process,
};

/* What a file of tests/golden says; heapwatch's tests run at the top of its tree. */
static char *golden(const char *name)
{
	char path[64], *text = calloc(1, 65536);
	FILE *f;

	snprintf(path, sizeof(path), "tests/golden/%s", name);
	f = fopen(path, "re");
	assert_non_null(text);
	assert_non_null(f);
	assert_true(fread(text, 1, 65535, f) > 0);
	fclose(f);
	return text;
}

static char *json_of(const struct report *r)
{
	char *got = NULL;
	size_t len;
	FILE *f = open_memstream(&got, &len);

	assert_int_equal(json_write(f, r), 0);
	fclose(f);
	return got;
}

static void test_json(void **state)
{
	char *want = golden("report.json"), *got = json_of(&report);

	(void)state;
	assert_string_equal(got, want);
	free(got);
	free(want);
}

static char *text_of(const struct report *r, const struct text_style *style)
{
	char *got = NULL;
	size_t len;
	FILE *f = open_memstream(&got, &len);

	assert_int_equal(text_write(f, r, style), 0);
	fclose(f);
	return got;
}

static char *as_text(const struct text_style *style)
{
	return text_of(&report, style);
}

static void test_text(void **state)
{
	char *want = golden("report.txt"), *got = as_text(&(struct text_style){0});

	(void)state;
	assert_string_equal(got, want);
	free(got);
	free(want);
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

/* Without probes on malloc it is told what can be: of mappings, and the allocator's sum. */
static void test_passive(void **state)
{
	struct report_process passive = process;
	struct report one = report;
	char *got;

	(void)state;
	passive.mode = "passive";
	passive.nsites = 0;
	one.processes = &passive;
	got = text_of(&one, &(struct text_style){0});
	assert_non_null(strstr(got, "\ngrowing, by the last 60 s: no callsite for sure\n"
				    "  of mappings alone: malloc is not watched; what its blocks "
				    "hold grew by -8.00 KiB +- 1.00 KiB a minute\n"));
	free(got);
}

/* Of what look estimates are is told, where it is not a recent one that saw all. */
static void test_estimates(void **state)
{
	static const struct {
		const char *estimates;
		double age, older;
		const char *text, *json;
	} says[] = {
	    {"missing", 1, 0,
	     "\n  no look has seen all of the heap: blocks are those that windows "
	     "saw come and not go\n",
	     "\"estimates\":\"missing\",\"estimates_age_seconds\":null,"},
	    {"stale", 0.5, 12.5,
	     "\n  the heap changed under the last look at it: estimates are of "
	     "13 s ago\n",
	     "\"estimates\":\"stale\",\"estimates_age_seconds\":13.0,"},
	    {"fresh", 11, 0, "\n  estimates are of 11 s ago\n",
	     "\"estimates\":\"fresh\",\"estimates_age_seconds\":11.0,"},
	    {"fresh", 9, 0, NULL, "\"estimates\":\"fresh\",\"estimates_age_seconds\":9.0,"}};
	struct report_process p = process;
	struct report one = report;

	(void)state;
	one.processes = &p;
	for (size_t i = 0; i < sizeof(says) / sizeof(*says); i++) {
		char *text, *json;

		p.mode = "sampled";
		p.estimates = says[i].estimates;
		p.inspection_age = says[i].age;
		p.estimates_older = says[i].older;
		text = text_of(&one, &(struct text_style){0});
		json = json_of(&one);
		if (says[i].text)
			assert_non_null(strstr(text, says[i].text));
		else
			assert_null(strstr(text, "estimates are of"));
		assert_non_null(strstr(json, says[i].json));
		free(text);
		free(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_json),    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_narrow),  cmocka_unit_test(test_colour),
	    cmocka_unit_test(test_passive), cmocka_unit_test(test_estimates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
