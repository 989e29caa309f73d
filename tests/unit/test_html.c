// SPDX-License-Identifier: GPL-2.0
/* test_html: the data of a page, unpacked: every instant's callsites add up to the report's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "evolving_report.h"
#include "out/html.h"

#define TICKS 70
#define ROOM  (16u << 20)

static int value_of(char c)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = strchr(digits, c);

	return c && at ? (int)(at - digits) : -1;
}

/* The JSON between the tags; the rest of the page is not touched. */
static json_t *data_of(const char *page)
{
	static const char tag[] = "<script type=\"text/plain\" id=\"data\">";
	const char *s = strstr(page, tag);
	unsigned char *packed = malloc(strlen(page));
	char *raw = malloc(ROOM);
	uLongf len = ROOM;
	size_t n = 0;
	json_error_t why;
	json_t *j;

	assert_non_null(s);
	assert_non_null(packed);
	assert_non_null(raw);
	for (s += sizeof(tag) - 1; *s != '<'; s += 4) {
		int a = value_of(s[0]), b = value_of(s[1]), c = value_of(s[2]), d = value_of(s[3]);

		assert_true(a >= 0 && b >= 0);
		assert_true((c >= 0 || s[2] == '=') && (d >= 0 || s[3] == '='));
		packed[n++] = (unsigned char)(a << 2 | b >> 4);
		if (c >= 0)
			packed[n++] = (unsigned char)(b << 4 | c >> 2);
		if (d >= 0)
			packed[n++] = (unsigned char)(c << 6 | d);
	}
	assert_int_equal(uncompress((Bytef *)raw, &len, packed, n), Z_OK);
	j = json_loadb(raw, len, 0, &why);
	if (!j)
		print_message("%s at %d\n", why.text, why.position);
	assert_non_null(j);
	free(packed);
	free(raw);
	return j;
}

static char *page_of(uint64_t *sums, const char *title)
{
	struct evolving *e = malloc(sizeof(*e));
	struct html *h = html__new();
	char *page = NULL;
	size_t len;
	FILE *f = open_memstream(&page, &len);

	assert_non_null(e);
	assert_non_null(h);
	ev_init(e, 11);
	for (int t = 0; t < TICKS; t++) {
		const struct report *r = ev_next(e);

		assert_int_equal(html__add(h, r), 0);
		for (size_t p = 0; p < r->nprocesses; p++)
			for (size_t s = 0; s < r->processes[p].nsites; s++)
				sums[t] += r->processes[p].sites[s].bytes;
	}
	assert_int_equal(html__mark(h, 5000000000, 0, "a \"mark\"\\ </script>\n"), 0);
	assert_int_equal(html__mark(h, 6000000000, 7, "/bin/x"), 0);
	assert_int_equal(html__note(h, "host", "vm"), 0);
	assert_int_equal(html__write(h, title, f), 0);
	fclose(f);
	html__free(h);
	free(e);
	return page;
}

static void test_instants(void **state)
{
	uint64_t sums[TICKS] = {0};
	char *page = page_of(sums, "x");
	json_t *j = data_of(page), *instants = json_object_get(j, "instants");
	size_t nsites = json_array_size(json_object_get(j, "sites"));
	int64_t *bytes = calloc(nsites, sizeof(*bytes));

	(void)state;
	assert_int_equal(json_array_size(instants), TICKS);
	assert_int_equal(json_array_size(json_object_get(j, "processes")), EV_PROCESSES);
	for (size_t t = 0; t < TICKS; t++) {
		json_t *changes = json_array_get(json_array_get(instants, t), 2);
		uint64_t sum = 0;

		assert_int_equal(json_integer_value(json_array_get(json_array_get(instants, t), 0)),
				 t * 100000007ull / 1000000);
		assert_int_equal(json_array_size(changes) % 5, 1);
		for (size_t i = 1; i < json_array_size(changes); i += 5) {
			size_t site = (size_t)json_integer_value(json_array_get(changes, i));

			assert_in_range(site, 0, nsites - 1);
			bytes[site] += json_integer_value(json_array_get(changes, i + 1));
		}
		for (size_t i = 0; i < nsites; i++) {
			assert_true(bytes[i] >= 0);
			sum += (uint64_t)bytes[i];
		}
		assert_int_equal(sum, sums[t]);
	}
	free(bytes);
	json_decref(j);
	free(page);
}

static void test_text(void **state)
{
	uint64_t sums[TICKS] = {0};
	char *page = page_of(sums, "<b>&\"title\"");
	json_t *j = data_of(page), *marks = json_object_get(j, "marks");
	json_t *texts = json_object_get(j, "texts"), *mark = json_array_get(marks, 0);
	size_t text = (size_t)json_integer_value(json_array_get(mark, 2));

	(void)state;
	assert_non_null(strstr(page, "<h1>&#60;b&#62;&#38;&#34;title&#34;</h1>"));
	assert_null(strstr(page, "<b>"));
	assert_int_equal(json_array_size(marks), 2);
	assert_string_equal(json_string_value(json_array_get(texts, text)),
			    "a \"mark\"\\ </script>?");
	assert_int_equal(json_integer_value(json_array_get(json_array_get(marks, 1), 1)), 7);
	json_decref(j);
	free(page);
}

static void test_empty(void **state)
{
	const struct report nobody = {.elapsed_ns = 1};
	struct html *h = html__new();
	char *page = NULL;
	size_t len;
	FILE *f = open_memstream(&page, &len);

	(void)state;
	assert_int_equal(html__add(h, &nobody), 0);
	assert_int_equal(html__write(h, "x", f), 0);
	fclose(f);
	json_decref(data_of(page));
	html__free(h);
	free(page);
}

static void test_full_disk(void **state)
{
	const struct report nobody = {.elapsed_ns = 1};
	struct html *h = html__new();
	FILE *f = fopen("/dev/full", "we");

	(void)state;
	assert_non_null(f);
	assert_int_equal(html__add(h, &nobody), 0);
	assert_int_equal(html__write(h, "x", f), -EIO);
	fclose(f);
	html__free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_instants),
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
