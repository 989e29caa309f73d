// SPDX-License-Identifier: GPL-2.0
/* test_prom: metrics written as Prometheus's text format and as OpenMetrics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/metrics.h"
#include "out/prom.h"

static char *written(const struct metrics *m, enum prom_format format)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	assert_int_equal(prom_write(f, m, format), 0);
	fclose(f);
	return text;
}

static void same(struct metrics *m, enum prom_format format, const char *want)
{
	char *got = written(m, format);

	assert_string_equal(got, want);
	free(got);
}

static void test_gauge(void **state)
{
	struct metrics *m = metrics__new();

	(void)state;
	/* Families come in the table's order, whatever the order of the samples. */
	metrics__add(m, METRIC_RESIDENT, 104857601, "nginx");
	metrics__add(m, METRIC_PROCESSES, 3, "nginx");
	metrics__add(m, METRIC_PROCESSES, 1, "redis-server");
	assert_int_equal(metrics__error(m), 0);
	assert_int_equal(metrics__count(m, METRIC_PROCESSES), 2);
	assert_string_equal(metrics__label(m, METRIC_PROCESSES, 1, 0), "redis-server");
	same(m, PROM_TEXT,
	     "# HELP heapwatch_group_processes Processes of the group that run now.\n"
	     "# TYPE heapwatch_group_processes gauge\n"
	     "heapwatch_group_processes{group=\"nginx\"} 3\n"
	     "heapwatch_group_processes{group=\"redis-server\"} 1\n"
	     "# HELP heapwatch_group_resident_bytes Resident memory (RSS), summed: a page that "
	     "processes share counts once for each of them.\n"
	     "# TYPE heapwatch_group_resident_bytes gauge\n"
	     "heapwatch_group_resident_bytes{group=\"nginx\"} 104857601\n");
	metrics__free(m);
}

static void test_openmetrics(void **state)
{
	struct metrics *m = metrics__new();

	(void)state;
	metrics__add(m, METRIC_BRK_CALLS, 1009, "a");
	metrics__add(m, METRIC_BUILD, 1, "0.1", "x86_64", "fentry", "multi");
	metrics__add(m, METRIC_LAST_TICK, 1234.5);
	same(m, PROM_TEXT,
	     "# HELP heapwatch_group_brk_calls_total Successful calls of brk.\n"
	     "# TYPE heapwatch_group_brk_calls_total counter\n"
	     "heapwatch_group_brk_calls_total{group=\"a\"} 1009\n"
	     "# HELP heapwatch_build_info The version of heapwatch, and the kinds of probes in "
	     "use: on "
	     "the mapping calls of all processes, and on watched ones.\n"
	     "# TYPE heapwatch_build_info gauge\n"
	     "heapwatch_build_info{version=\"0.1\",machine=\"x86_64\",system_probes=\"fentry\","
	     "user_probes=\"multi\"} 1\n"
	     "# HELP heapwatch_last_tick_timestamp_seconds When these figures were read.\n"
	     "# TYPE heapwatch_last_tick_timestamp_seconds gauge\n"
	     "heapwatch_last_tick_timestamp_seconds 1234.5\n");
	same(m, PROM_OPENMETRICS,
	     "# HELP heapwatch_group_brk_calls Successful calls of brk.\n"
	     "# TYPE heapwatch_group_brk_calls counter\n"
	     "heapwatch_group_brk_calls_total{group=\"a\"} 1009\n"
	     "# HELP heapwatch_build The version of heapwatch, and the kinds of probes in use: on "
	     "the mapping calls of all processes, and on watched ones.\n"
	     "# TYPE heapwatch_build info\n"
	     "heapwatch_build_info{version=\"0.1\",machine=\"x86_64\",system_probes=\"fentry\","
	     "user_probes=\"multi\"} 1\n"
	     "# HELP heapwatch_last_tick_timestamp_seconds When these figures were read.\n"
	     "# TYPE heapwatch_last_tick_timestamp_seconds gauge\n"
	     "# UNIT heapwatch_last_tick_timestamp_seconds seconds\n"
	     "heapwatch_last_tick_timestamp_seconds 1234.5\n"
	     "# EOF\n");
	metrics__free(m);
}

static void test_escaping(void **state)
{
	struct metrics *m = metrics__new();
	char *got;

	(void)state;
	metrics__add(m, METRIC_PROCESSES, 1, "a\"b\\c");
	metrics__add(m, METRIC_PROCESSES, 2, "bell\a\nline");
	metrics__add(m, METRIC_PROCESSES, 3, "not\xffutf8 \xc3\xa9");
	metrics__add(m, METRIC_PROCESSES, 4, "");
	got = written(m, PROM_TEXT);
	assert_non_null(strstr(got, "{group=\"a\\\"b\\\\c\"} 1\n"));
	assert_non_null(strstr(got, "{group=\"bell??line\"} 2\n"));
	assert_non_null(strstr(got, "{group=\"not\xef\xbf\xbdutf8 \xc3\xa9\"} 3\n"));
	assert_non_null(strstr(got, "{group=\"\"} 4\n"));
	free(got);
	/* HELP with a quotation mark: only OpenMetrics escapes it. */
	metrics__add(m, METRIC_GROUPS_FOLDED, 5);
	got = written(m, PROM_TEXT);
	assert_non_null(strstr(got, "the group \"other\" for"));
	free(got);
	got = written(m, PROM_OPENMETRICS);
	assert_non_null(strstr(got, "the group \\\"other\\\" for"));
	free(got);
	metrics__free(m);
}

static void test_values(void **state)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
	    {0, " 0\n"},
	    {-17, " -17\n"},
	    {9007199254740992.0, " 9007199254740992\n"},
	    {0.1, " 0.1\n"},
	    {0.1 + 0.2, " 0.30000000000000004\n"},
	    {1795623378.363, " 1795623378.363\n"},
	    {1e300, " 1e+300\n"},
	    {INFINITY, " +Inf\n"},
	    {-INFINITY, " -Inf\n"},
	    {NAN, " NaN\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct metrics *m = metrics__new();
		char *got;

		metrics__add(m, METRIC_GROWTH, cases[i].value, "x");
		got = written(m, PROM_TEXT);
		assert_non_null(strstr(got, cases[i].text));
		free(got);
		metrics__free(m);
	}
}

static void test_accept(void **state)
{
	static const struct {
		const char *accept;
		enum prom_format format;
	} cases[] = {
	    {NULL, PROM_TEXT},
	    {"", PROM_TEXT},
	    {"*/*", PROM_TEXT},
	    {"text/html", PROM_TEXT},
	    {"application/openmetrics-text", PROM_OPENMETRICS},
	    /* Prometheus 2.42 */
	    {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0."
	     "1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	     PROM_OPENMETRICS},
	    {"text/plain;version=0.0.4;q=0.5, application/openmetrics-text; q=0.4", PROM_TEXT},
	    {"text/plain; q=0.30,application/openmetrics-text; version=1.0.0; q=0.31",
	     PROM_OPENMETRICS},
	    {"application/openmetrics-text;q=0", PROM_TEXT},
	    {"application/openmetrics-text;q=", PROM_OPENMETRICS},
	    {",,;;q=1,;", PROM_TEXT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(prom_negotiate(cases[i].accept), cases[i].format);
}

/* What the conventions ask of every family. */
static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < METRIC_COUNT; i++) {
		const struct metric_family *f = metric_family(i);
		size_t len = strlen(f->name), unit = strlen(f->unit);

		assert_non_null(f->help);
		assert_true(f->help[0] && !strchr(f->help, '\n'));
		assert_int_equal(f->help[strlen(f->help) - 1], '.');
		assert_true(!unit || !strcmp(f->name + len - unit, f->unit));
		assert_null(strstr(f->name, "_total"));
		for (size_t k = 0; k < METRIC_LABELS && f->labels[k]; k++)
			assert_string_not_equal(f->labels[k], "pid");
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(metric_family(k)->name, f->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_gauge),    cmocka_unit_test(test_openmetrics),
	    cmocka_unit_test(test_escaping), cmocka_unit_test(test_values),
	    cmocka_unit_test(test_accept),   cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
