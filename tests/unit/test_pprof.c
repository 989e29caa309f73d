// SPDX-License-Identifier: GPL-2.0
/* test_pprof: profiles unpacked again: every sample, its stack by name, mappings, differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "out/pprof.h"
#include "profile.pb-c.h"
#include "two_reports.h"

#define ROOM (1u << 20)

static Pprof__Profile *profile(const struct report *r, const struct report *before)
{
	char *gz = NULL, *raw = malloc(ROOM);
	Pprof__Profile *p;
	z_stream z = {0};
	size_t len;
	FILE *f = open_memstream(&gz, &len);

	assert_non_null(raw);
	assert_int_equal(pprof_write(f, r, before, PPROF_INUSE_SPACE), 0);
	fclose(f);
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = (void *)gz;
	z.avail_in = (uInt)len;
	z.next_out = (void *)raw;
	z.avail_out = ROOM;
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.avail_in, 0);
	p = pprof__profile__unpack(NULL, z.total_out, (void *)raw);
	assert_non_null(p);
	inflateEnd(&z);
	free(raw);
	free(gz);
	return p;
}

static const char *text(const Pprof__Profile *p, int64_t i)
{
	assert_in_range(i, 0, p->n_string_table - 1);
	return p->string_table[i];
}

/* "process/pid/kind: values: leaf < ... < root", as a line to compare. */
static void describe(const Pprof__Profile *p, const Pprof__Sample *s, char *line, size_t size)
{
	int n = snprintf(line, size, "%s/%" PRId64 "/%s", text(p, s->label[0]->str),
			 s->label[1]->num, text(p, s->label[2]->str));

	assert_string_equal(text(p, s->label[0]->key), "process");
	assert_string_equal(text(p, s->label[1]->key), "pid");
	assert_string_equal(text(p, s->label[2]->key), "kind");
	for (size_t i = 0; i < s->n_value; i++)
		n += snprintf(line + n, size - (size_t)n, " %" PRId64, s->value[i]);
	for (size_t i = 0; i < s->n_location_id; i++) {
		const Pprof__Location *l = p->location[s->location_id[i] - 1];
		const Pprof__Function *fn;

		assert_int_equal(l->id, s->location_id[i]);
		if (!l->n_line) {
			n += snprintf(line + n, size - (size_t)n, " < 0x%" PRIx64, l->address);
			continue;
		}
		fn = p->function[l->line[0]->function_id - 1];
		assert_int_equal(fn->id, l->line[0]->function_id);
		n += snprintf(line + n, size - (size_t)n, " < %s", text(p, fn->name));
		if (l->line[0]->line)
			n += snprintf(line + n, size - (size_t)n, " %s:%" PRId64,
				      text(p, fn->filename), l->line[0]->line);
	}
}

static void expect(const Pprof__Profile *p, const char *const *lines, size_t n)
{
	char got[1024];

	assert_int_equal(p->n_sample, n);
	for (size_t i = 0; i < n; i++) {
		describe(p, p->sample[i], got, sizeof(got));
		assert_string_equal(got, lines[i]);
	}
}

#define STACK_A " < read_rows /src/rows.c:41 < main /src/main.c:7"
#define STACK_B                                                                                  \
	" < ns::call<a;b>(char*) < 0x7f0000005abc < </script>?\xef\xbf\xbd /src/main.c:9 < 0x13" \
	" < [stack not followed further]"

static void test_whole(void **state)
{
	static const char *const lines[] = {
	    "app/4711/heap 53 5003 11 1009" STACK_A,
	    "app/4711/heap 2 211 2 211" STACK_B,
	    "app/4711/heap 1 17 1 17 < [unknown callsite]",
	    "gone;x/4713/heap 5 103 3 101" STACK_A,
	};
	Pprof__Profile *p = profile(&report_1, NULL);

	(void)state;
	expect(p, lines, 4);
	assert_string_equal(text(p, 0), "");
	assert_int_equal(p->n_sample_type, 4);
	assert_string_equal(text(p, p->sample_type[0]->type), "alloc_objects");
	assert_string_equal(text(p, p->sample_type[0]->unit), "count");
	assert_string_equal(text(p, p->sample_type[1]->type), "alloc_space");
	assert_string_equal(text(p, p->sample_type[1]->unit), "bytes");
	assert_string_equal(text(p, p->sample_type[2]->type), "inuse_objects");
	assert_string_equal(text(p, p->sample_type[2]->unit), "count");
	assert_string_equal(text(p, p->sample_type[3]->type), "inuse_space");
	assert_string_equal(text(p, p->sample_type[3]->unit), "bytes");
	assert_string_equal(text(p, p->default_sample_type), "inuse_space");
	assert_string_equal(text(p, p->period_type->type), "space");
	assert_string_equal(text(p, p->period_type->unit), "bytes");
	assert_int_equal(p->time_nanos, 1700000000000000001);
	assert_int_equal(p->duration_nanos, 1000000000);
	pprof__profile__free_unpacked(p, NULL);
}

static void test_mappings(void **state)
{
	Pprof__Profile *p = profile(&report_1, NULL);

	(void)state;
	/* The program and the library of the one process, the program of the other. */
	assert_int_equal(p->n_mapping, 3);
	assert_string_equal(text(p, p->mapping[0]->filename), "/usr/bin/app");
	assert_int_equal(p->mapping[0]->memory_start, 0x400000);
	assert_int_equal(p->mapping[0]->memory_limit, 0x402000);
	assert_int_equal(p->mapping[0]->file_offset, 0x1000);
	assert_true(p->mapping[0]->has_functions);
	assert_true(p->mapping[0]->has_line_numbers);
	assert_string_equal(text(p, p->mapping[1]->filename), "/usr/lib/libx.so");
	assert_int_equal(p->mapping[1]->memory_start, LIBRARY);
	assert_int_equal(p->mapping[1]->memory_limit, LIBRARY + 0x6000);
	assert_int_equal(p->mapping[1]->file_offset, 0);
	assert_false(p->mapping[1]->has_functions);
	assert_false(p->mapping[1]->has_line_numbers);
	assert_string_equal(text(p, p->mapping[2]->filename), "/usr/bin/app");
	for (size_t i = 0; i < p->n_location; i++) {
		uint64_t id = p->location[i]->mapping_id;

		if (id)
			assert_in_range(p->location[i]->address, p->mapping[id - 1]->memory_start,
					p->mapping[id - 1]->memory_limit - 1);
	}
	pprof__profile__free_unpacked(p, NULL);
}

static void test_difference(void **state)
{
	static const char *const lines[] = {
	    "app/4711/map 2 12288 1 8192 < mmap64",
	    "app/4711/heap 30 1998 18 1008" STACK_A,
	    "app/4711/heap -1 -17 -1 -17 < [unknown callsite]",
	    "app/4711/heap 0 0 -1 -200" STACK_B,
	    "new/4713/heap 5 103 3 101" STACK_A,
	    "gone;x/4713/heap -5 -103 -3 -101" STACK_A,
	};
	Pprof__Profile *p = profile(&report_2, &report_1);

	(void)state;
	expect(p, lines, 6);
	assert_int_equal(p->duration_nanos, 2000000002);
	pprof__profile__free_unpacked(p, NULL);
}

static void test_no_change(void **state)
{
	Pprof__Profile *p = profile(&report_1, &report_1);

	(void)state;
	assert_int_equal(p->n_sample, 0);
	pprof__profile__free_unpacked(p, NULL);
}

static void test_many_sites(void **state)
{
	enum { SITES = 4001 };
	struct report_site *sites = calloc(SITES, sizeof(*sites));
	struct report_process process = {.comm = "x", .nsites = SITES, .sites = sites};
	struct report r = {.nprocesses = 1, .processes = &process};
	Pprof__Profile *p;
	int64_t sum = 0;

	(void)state;
	assert_non_null(sites);
	for (size_t i = 0; i < SITES; i++)
		sites[i] = (struct report_site){.stack = i + 1,
						.bytes = i + 1,
						.blocks = 1,
						.nframes = 2,
						.frames = i % 2 ? frames_a : frames_b};
	p = profile(&r, NULL);
	assert_int_equal(p->n_sample, SITES);
	assert_int_equal(p->n_location, 4);
	for (size_t i = 0; i < SITES; i++)
		sum += p->sample[i]->value[3];
	assert_int_equal(sum, (int64_t)SITES * (SITES + 1) / 2);
	pprof__profile__free_unpacked(p, NULL);
	free(sites);
}

static void test_full_disk(void **state)
{
	FILE *f = fopen("/dev/full", "we");

	(void)state;
	assert_non_null(f);
	assert_int_equal(pprof_write(f, &report_1, NULL, PPROF_INUSE_SPACE), -EIO);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whole),      cmocka_unit_test(test_mappings),
	    cmocka_unit_test(test_difference), cmocka_unit_test(test_no_change),
	    cmocka_unit_test(test_many_sites), cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
