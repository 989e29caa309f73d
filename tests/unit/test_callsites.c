// SPDX-License-Identifier: GPL-2.0
/* test_callsites: the largest callsites of a group as metrics; a report kept; the exporter's pages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/groups.h"
#include "model/machine.h"
#include "model/metrics.h"
#include "model/report.h"
#include "model/report_kept.h"
#include "out/callsites.h"
#include "out/index_page.h"
#include "out/json_groups.h"

static struct report_frame frame(const char *function, uint64_t pc)
{
	return (struct report_frame){
	    .function = function, .module = "/usr/bin/x", .offset = 16, .pc = pc};
}

static struct report_site site(enum report_kind kind, uint64_t bytes,
			       const struct report_frame *frames, size_t n)
{
	return (struct report_site){
	    .kind = kind, .bytes = bytes, .blocks = bytes / 2, .frames = frames, .nframes = n};
}

static void test_id(void **state)
{
	struct report_frame a[] = {frame("keep", 1), frame("main", 2)};
	struct report_frame b[] = {frame("keep", 91), frame("main", 92)};
	struct report_frame c[] = {frame("keep", 1), frame("other", 2)};
	struct report_frame d[] = {{.module = "/lib/x", .offset = 5}, {.pc = 7}};
	struct report_site x = site(REPORT_HEAP, 1, a, 2), y = site(REPORT_HEAP, 2, b, 2);
	char name[64], small[8];

	(void)state;
	/* Where it was loaded does not matter; who called and what kind it is does. */
	assert_true(callsite_id(&x) == callsite_id(&y));
	/* Dashboards and alerts refer to it: it must not change from release to release. */
	assert_true(callsite_id(&x) == 0xb0f8fafef7f7c539u);
	y = site(REPORT_HEAP, 1, c, 2);
	assert_true(callsite_id(&x) != callsite_id(&y));
	y = site(REPORT_MAP, 1, a, 2);
	assert_true(callsite_id(&x) != callsite_id(&y));
	assert_string_equal(callsite_name(name, sizeof(name), &x), "keep < main");
	y = site(REPORT_HEAP, 1, d, 2);
	assert_string_equal(callsite_name(name, sizeof(name), &y), "x+0x5 < 0x7");
	assert_string_equal(callsite_name(small, sizeof(small), &x), "keep < ");
	y = site(REPORT_HEAP, 1, NULL, 0);
	assert_string_equal(callsite_name(name, sizeof(name), &y), "[unknown callsite]");
}

static const char *const names[] = {"f0", "f1", "f2", "f3", "f4", "f5", "f6"};

/* One process whose function names[i] holds bytes[i]. */
static struct metrics *finish(struct callsites *c, const uint64_t *bytes, size_t n, int times)
{
	struct report_frame frames[7];
	struct report_site sites[7];
	const struct report_process p = {.sites = sites, .nsites = n};
	struct metrics *m = metrics__new();

	for (size_t i = 0; i < n; i++) {
		frames[i] = frame(names[i], 100 + i);
		sites[i] = site(REPORT_HEAP, bytes[i], &frames[i], 1);
	}
	for (int i = 0; i < times; i++)
		assert_int_equal(callsites__add(c, "g", &p), 0);
	assert_int_equal(callsites__finish(c, m), 0);
	return m;
}

static void expect(struct metrics *m, size_t i, const char *function, double bytes)
{
	const char *id = metrics__label(m, METRIC_CALLSITE_BYTES, i, 2);

	assert_string_equal(metrics__label(m, METRIC_CALLSITE_BYTES, i, 0), "g");
	assert_string_equal(metrics__label(m, METRIC_CALLSITE_BYTES, i, 1), "heap");
	assert_string_equal(metrics__label(m, METRIC_CALLSITE_BYTES, i, 3), function);
	if (*function)
		assert_int_equal(strlen(id), 16);
	else
		assert_string_equal(id, "other");
	assert_true(metrics__value(m, METRIC_CALLSITE_BYTES, i) == bytes);
	assert_true(metrics__value(m, METRIC_CALLSITE_BLOCKS, i) == bytes / 2);
}

static void test_top(void **state)
{
	static const uint64_t first[] = {2, 64, 32, 16, 8, 4}, second[] = {40, 64, 20, 16, 8, 4},
			      third[] = {40, 64, 20, 30, 22, 24};
	struct callsites *c = callsites__new(2);
	struct metrics *m = finish(c, first, 6, 2);

	(void)state;
	/* Of two equal processes. */
	assert_int_equal(metrics__count(m, METRIC_CALLSITE_BYTES), 3);
	expect(m, 0, "f1", 128);
	expect(m, 1, "f2", 64);
	expect(m, 2, "", 60);
	metrics__free(m);
	/* f2 is third now, and stays. */
	m = finish(c, second, 6, 1);
	assert_int_equal(metrics__count(m, METRIC_CALLSITE_BYTES), 4);
	expect(m, 0, "f1", 64);
	expect(m, 1, "f0", 40);
	expect(m, 2, "f2", 20);
	expect(m, 3, "", 28);
	metrics__free(m);
	/* Sixth: it goes. */
	m = finish(c, third, 6, 1);
	assert_int_equal(metrics__count(m, METRIC_CALLSITE_BYTES), 3);
	expect(m, 2, "", 96);
	metrics__free(m);
	m = finish(c, NULL, 0, 1);
	assert_int_equal(metrics__count(m, METRIC_CALLSITE_BYTES), 0);
	metrics__free(m);
	callsites__free(c);
}

/* Of those that grow the fastest, at most as many as of the largest; added up over processes, where
 * errors are independent. */
static void test_growing(void **state)
{
	static const double per_minute[] = {600, 0, 1200, 6000};
	struct report_frame frames[4];
	struct report_site sites[4];
	const struct report_process p = {.sites = sites, .nsites = 4};
	struct callsites *c = callsites__new(2);
	struct metrics *m = metrics__new();

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		frames[i] = frame(names[i], 100 + i);
		sites[i] = site(REPORT_HEAP, 8 >> i, &frames[i], 1);
		sites[i].growth = (struct report_growth){.known = true,
							 .growing = i != 1,
							 .per_minute = per_minute[i],
							 .error = per_minute[i] / 4};
	}
	assert_int_equal(callsites__add(c, "g", &p), 0);
	sites[3].growth.growing = false;
	assert_int_equal(callsites__add(c, "g", &p), 0);
	assert_int_equal(callsites__finish(c, m), 0);
	assert_int_equal(metrics__count(m, METRIC_CALLSITE_GROWTH), 2);
	assert_int_equal(metrics__count(m, METRIC_CALLSITE_GROWTH_ERROR), 2);
	assert_string_equal(metrics__label(m, METRIC_CALLSITE_GROWTH, 0, 3), "f3");
	assert_float_equal(metrics__value(m, METRIC_CALLSITE_GROWTH, 0), 100, 0);
	assert_float_equal(metrics__value(m, METRIC_CALLSITE_GROWTH_ERROR, 0), 25, 0);
	assert_string_equal(metrics__label(m, METRIC_CALLSITE_GROWTH, 1, 3), "f2");
	assert_string_equal(metrics__label(m, METRIC_CALLSITE_GROWTH, 1, 1), "heap");
	assert_float_equal(metrics__value(m, METRIC_CALLSITE_GROWTH, 1), 40, 0);
	assert_float_equal(metrics__value(m, METRIC_CALLSITE_GROWTH_ERROR, 1), 5 * sqrt(2), 1e-9);
	metrics__free(m);
	callsites__free(c);
}

static void test_kept(void **state)
{
	char function[] = "keep", module[] = "/usr/bin/x", comm[] = "fix";
	struct report_frame frames[] = {{.function = function, .module = module, .line = 17},
					{.function = function, .pc = 3}};
	struct report_site sites[] = {site(REPORT_HEAP, 1009, frames, 2)};
	struct report_process p = {.pid = 7, .comm = comm, .nsites = 1, .sites = sites};
	const struct report r = {.time_ns = 11, .nprocesses = 1, .processes = &p};
	struct report_kept *k = report_kept__new(&r);
	const struct report_process *got;

	(void)state;
	assert_non_null(k);
	memset(function, 'x', 4);
	memset(module, 'x', 10);
	memset(comm, 'x', 3);
	memset(frames, 0xff, sizeof(frames));
	memset(sites, 0xff, sizeof(sites));
	got = report_kept__report(k)->processes;
	assert_int_equal(report_kept__report(k)->time_ns, 11);
	assert_int_equal(got->pid, 7);
	assert_string_equal(got->comm, "fix");
	assert_null(got->exe);
	assert_int_equal(got->sites[0].bytes, 1009);
	assert_string_equal(got->sites[0].frames[0].function, "keep");
	assert_string_equal(got->sites[0].frames[0].module, "/usr/bin/x");
	assert_int_equal(got->sites[0].frames[0].line, 17);
	assert_ptr_equal(got->sites[0].frames[0].function, got->sites[0].frames[1].function);
	assert_null(got->sites[0].frames[1].module);
	report_kept__free(k);
	report_kept__free(NULL);
}

/* A name is whatever its owner likes: on a page it must stay a name. */
static void test_pages(void **state)
{
	struct machine_process all[] = {{.pid = 2,
					 .start_time = 1,
					 .comm = "<b>&\"'",
					 .user = "",
					 .exe = "",
					 .cmdline = "",
					 .cgroup = "",
					 .unit = "",
					 .rss = 1048576}};
	struct machine m = {.processes = all, .nprocesses = 1, .now_ns = 1, .events = ""};
	struct groups *g = groups__new(&(struct groups_config){.limit = 5, .expire_ns = 1});
	char *text;
	size_t len;
	FILE *f;

	(void)state;
	assert_int_equal(groups__tick(g, &m, NULL), 0);
	groups__of(g, 2, 1)->watched = 1;
	f = open_memstream(&text, &len);
	assert_int_equal(index_page_write(f, "0", g, &m, NULL), 0);
	fclose(f);
	assert_null(strstr(text, "<b>"));
	assert_non_null(strstr(text, "<td>&lt;b&gt;&amp;&quot;&#39;</td><td>1</td>"
				     "<td>1.00 MiB</td>"));
	assert_non_null(strstr(text, "\"/group/%3Cb%3E%26%22%27/debug/pprof/heap\""));
	free(text);
	f = open_memstream(&text, &len);
	assert_int_equal(json_groups_write(f, g, &m, NULL), 0);
	fclose(f);
	assert_non_null(strstr(text, "\"groups\":[{\"name\":\"<b>&\\\"'\",\"processes\":1,"
				     "\"rss_bytes\":1048576,"));
	assert_null(strstr(text, "allocator_system_bytes"));
	free(text);
	groups__free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_id),	    cmocka_unit_test(test_top),
	    cmocka_unit_test(test_growing), cmocka_unit_test(test_kept),
	    cmocka_unit_test(test_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
