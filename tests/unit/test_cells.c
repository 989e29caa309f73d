// SPDX-License-Identifier: GPL-2.0
/* Cells: what is drawn, by columns of the screen; and the widgets made of it. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tui/cells.h"
#include "tui/widgets.h"

static char line[512];

static const char *at(const struct cells *c, int y)
{
	return cells__line(c, y, line, sizeof(line));
}

static void text(void **state)
{
	struct cells *c = cells__new(10, 3, true);

	(void)state;
	assert_int_equal(cells__put(c, 0, 0, 10, STYLE_NORMAL, "abc"), 3);
	assert_string_equal(at(c, 0), "abc");
	/* Wide characters take two columns, and half of one is not drawn. */
	assert_int_equal(cells__put(c, 0, 0, 10, STYLE_NORMAL, "日本語"), 6);
	assert_int_equal(cells__put(c, 1, 0, 5, STYLE_NORMAL, "日本語"), 4);
	assert_string_equal(at(c, 1), "日本");
	/* Marks combine with what is before them. */
	assert_int_equal(cells__put(c, 2, 0, 10, STYLE_NORMAL, "e\xcc\x81x"), 2);
	assert_string_equal(at(c, 2), "e\xcc\x81x");
	assert_int_equal(cells_width_of("e\xcc\x81日"), 3);
	/* Outside: cut off. */
	assert_int_equal(cells__put(c, 0, 8, 10, STYLE_NORMAL, "xyz"), 2);
	cells__put(c, 7, 0, 10, STYLE_NORMAL, "xyz");
	cells__put(c, -1, -5, 10, STYLE_NORMAL, "xyz");
	cells__paint(c, 0, 8, 100, STYLE_BAD);
	assert_int_equal(cells__at(c, 0, 9)->style, STYLE_BAD);
	cells__put_right(c, 1, 0, 10, STYLE_BOLD, "12");
	assert_string_equal(at(c, 1), "        12");
	assert_int_equal(cells__printf(c, 2, 0, 4, STYLE_NORMAL, "%d", 123456), 4);
	assert_string_equal(at(c, 2), "1234");
	assert_int_equal(cells__resize(c, 0, -3), 0);
	assert_int_equal(cells__width(c), 1);
	cells__free(c);
}

static void without_utf8(void **state)
{
	struct cells *c = cells__new(20, 1, false);

	(void)state;
	cells__put(c, 0, 0, 20, STYLE_NORMAL, "├─é日▃");
	assert_string_equal(at(c, 0), "|-???.");
	cells__free(c);
}

static void widgets(void **state)
{
	static const uint64_t values[] = {0, 1, 2, 3, 4, 5, 6, 7};
	const struct meter_part parts[] = {{25, STYLE_BAR_1}, {50, STYLE_BAR_2}};
	struct cells *c = cells__new(26, 4, true);

	(void)state;
	widget_meter(c, 0, 0, 26, "Mem", parts, 2, 100);
	assert_string_equal(at(c, 0), "Mem[|||||||||||||25B/100B]");
	cells__resize(c, 26, 4);
	widget_sparkline(c, 1, 0, 20, STYLE_NORMAL, values, 8);
	assert_string_equal(at(c, 1), "▁▂▃▄▅▆▇█");
	/* The newest are kept. */
	widget_sparkline(c, 2, 0, 3, STYLE_NORMAL, values, 8);
	assert_string_equal(at(c, 2), "▆▇█");
	widget_bar(c, 3, 0, 8, STYLE_NORMAL, 33, 64);
	assert_string_equal(at(c, 3), "████▏");
	widget_bar(c, 0, 0, 8, STYLE_NORMAL, 5, 1);
	assert_string_equal(at(c, 0), "████████");
	widget_bar(c, 2, 0, 8, STYLE_NORMAL, -5, 1);
	widget_bar(c, 2, 0, 8, STYLE_NORMAL, 5, 0);
	assert_string_equal(at(c, 2), "▆▇█");
	cells__free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text),
	    cmocka_unit_test(without_utf8),
	    cmocka_unit_test(widgets),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
