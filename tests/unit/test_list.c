// SPDX-License-Identifier: GPL-2.0
/* The list's screen at several sizes, and what keys do; no terminal is needed. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "machine_fixture.h"
#include "screen_golden.h"
#include "tui/help.h"
#include "tui/list.h"

struct bench {
	struct list_state s;
	struct list_view v;
	struct machine_rows *rows;
	struct cells *cells;
};

static void open_list(struct bench *b, int width, int height, bool utf8)
{
	list_init(&b->s);
	b->rows = machine_rows__new();
	b->cells = cells__new(width, height, utf8);
	b->v = (struct list_view){.machine = fixture_machine(), .rows = b->rows, .message = ""};
	assert_int_equal(machine_rows__make(b->rows, b->v.machine, &b->s.order, &b->s.folds), 0);
	list_settle(&b->s, &b->v, width, height);
}

static void close_list(struct bench *b)
{
	list_free(&b->s);
	machine_rows__free(b->rows);
	cells__free(b->cells);
}

/* As the loop does it. */
static unsigned int event(struct bench *b, struct term_event e)
{
	unsigned int effects = list_screen.key(&b->s, &b->v, &e);

	if (effects & EFFECT_REMAKE)
		assert_int_equal(
		    machine_rows__make(b->rows, b->v.machine, &b->s.order, &b->s.folds), 0);
	list_settle(&b->s, &b->v, cells__width(b->cells), cells__height(b->cells));
	return effects;
}

static unsigned int key(struct bench *b, enum term_key k)
{
	return event(b, (struct term_event){.key = k});
}

static unsigned int type(struct bench *b, const char *text)
{
	unsigned int effects = 0;

	for (; *text; text++)
		effects = event(b, (struct term_event){.key = TERM_CHAR, .character = *text});
	return effects;
}

static uint32_t selected(struct bench *b)
{
	const struct machine_row *row = list_selected(&b->s, &b->v);

	return row ? row->process->pid : 0;
}

static struct screen_cursor paint(struct bench *b)
{
	return list_screen.draw(&b->s, &b->v, b->cells);
}

static void sizes(void **state)
{
	static const struct {
		int width, height;
		bool utf8;
		const char *name;
	} cases[] = {
	    {80, 24, true, "list_80x24"},   {120, 24, true, "list_120x24"},
	    {230, 24, true, "list_230x24"}, {40, 10, true, "list_40x10"},
	    {80, 14, false, "list_ascii"},
	};
	struct bench b;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		open_list(&b, cases[i].width, cases[i].height, cases[i].utf8);
		assert_int_equal(paint(&b).x, -1);
		screen_is(b.cells, cases[i].name);
		close_list(&b);
	}
}

static void any_size(void **state)
{
	static const char keys[] = "tgg/x\\C<uK";
	struct bench b;

	(void)state;
	for (int width = 1; width < 100; width += 7)
		for (int height = 1; height < 30; height += 3) {
			open_list(&b, width, height, true);
			for (const char *k = keys; *k; k++) {
				event(&b, (struct term_event){.key = TERM_CHAR, .character = *k});
				paint(&b);
				key(&b, TERM_DOWN);
				key(&b, TERM_PAGE_DOWN);
				paint(&b);
				key(&b, TERM_ESCAPE);
			}
			close_list(&b);
		}
}

static void modes(void **state)
{
	struct bench b;

	(void)state;
	open_list(&b, 100, 20, true);
	type(&b, "t");
	paint(&b);
	screen_is(b.cells, "list_tree");
	type(&b, "g");
	key(&b, TERM_DOWN);
	type(&b, "+");
	paint(&b);
	screen_is(b.cells, "list_users");
	type(&b, "gg<");
	paint(&b);
	screen_is(b.cells, "list_sort");
	key(&b, TERM_ESCAPE);
	type(&b, "C");
	paint(&b);
	screen_is(b.cells, "list_columns");
	key(&b, TERM_ESCAPE);
	type(&b, "/work");
	assert_int_equal(paint(&b).x, 12);
	screen_is(b.cells, "list_search");
	close_list(&b);
}

static void moving(void **state)
{
	struct bench b;

	(void)state;
	open_list(&b, 80, 9, true);
	/* One line of totals, one of titles, one of keys: room for six. */
	assert_int_equal(list_room(&b.s, 9), 6);
	assert_int_equal(selected(&b), 50);
	key(&b, TERM_DOWN);
	assert_int_equal(selected(&b), 41);
	key(&b, TERM_END);
	assert_int_equal(selected(&b), 61);
	key(&b, TERM_DOWN);
	assert_int_equal(selected(&b), 61);
	key(&b, TERM_HOME);
	key(&b, TERM_UP);
	assert_int_equal(selected(&b), 50);
	/* The cursor stays with its process when the order changes. */
	key(&b, TERM_DOWN);
	type(&b, "N");
	assert_int_equal(selected(&b), 41);
	assert_int_equal(b.s.cursor, 2);
	type(&b, "I");
	assert_int_equal(selected(&b), 41);
	/* At the first line it stays there. */
	key(&b, TERM_HOME);
	assert_int_equal(selected(&b), 61);
	type(&b, "I");
	assert_int_equal(selected(&b), 1);
	close_list(&b);
	/* It scrolls. */
	open_list(&b, 80, 5, true);
	assert_int_equal(list_room(&b.s, 5), 2);
	key(&b, TERM_END);
	assert_int_equal(b.s.top, 4);
	key(&b, TERM_PAGE_UP);
	assert_int_equal(b.s.cursor, 3);
	assert_int_equal(b.s.top, 3);
	close_list(&b);
}

static void sorting(void **state)
{
	struct bench b;

	(void)state;
	open_list(&b, 80, 24, true);
	type(&b, "F");
	assert_int_equal(b.s.order.sort, COLUMN_FREE);
	assert_false(b.s.order.invert);
	type(&b, "F");
	assert_true(b.s.order.invert);
	type(&b, "H");
	assert_int_equal(b.s.order.sort, COLUMN_HEAP);
	assert_false(b.s.order.invert);
	/* By the menu: two lines above HEAP is SWAP... */
	key(&b, TERM_F6);
	key(&b, TERM_UP);
	assert_int_equal(key(&b, TERM_ENTER), EFFECT_REMAKE | EFFECT_DRAW);
	assert_int_equal(b.s.order.sort, COLUMN_SWAP);
	assert_int_equal(b.s.mode, LIST_PLAIN);
	/* A click on a title: RSS begins at column 19. */
	event(&b, (struct term_event){.key = TERM_CLICK, .x = 20, .y = 4});
	assert_int_equal(b.s.order.sort, COLUMN_RSS);
	close_list(&b);
}

static void searching(void **state)
{
	struct bench b;

	(void)state;
	open_list(&b, 80, 24, true);
	key(&b, TERM_F3);
	type(&b, "worker");
	assert_int_equal(selected(&b), 41);
	key(&b, TERM_F3);
	assert_int_equal(selected(&b), 42);
	key(&b, TERM_F3);
	assert_int_equal(selected(&b), 41);
	key(&b, TERM_ENTER);
	assert_int_equal(b.s.mode, LIST_PLAIN);
	/* In a search letters are no keys. */
	type(&b, "/q");
	assert_int_equal(b.s.mode, LIST_SEARCH);
	key(&b, TERM_ESCAPE);
	key(&b, TERM_F4);
	type(&b, "nginxx");
	assert_int_equal(machine_rows__count(b.rows), 0);
	assert_int_equal(selected(&b), 0);
	key(&b, TERM_ENTER);
	assert_int_equal(key(&b, TERM_ENTER), EFFECT_NONE);
	key(&b, TERM_F4);
	key(&b, TERM_BACKSPACE);
	assert_int_equal(machine_rows__count(b.rows), 3);
	key(&b, TERM_ESCAPE);
	assert_int_equal(machine_rows__count(b.rows), 6);
	for (int i = 0; i < 2 * MACHINE_FILTER; i++)
		type(&b, i ? "x" : "\\");
	assert_int_equal(strlen(b.s.order.filter), MACHINE_FILTER - 1);
	close_list(&b);
}

static void effects(void **state)
{
	struct bench b;

	(void)state;
	open_list(&b, 80, 24, true);
	assert_int_equal(type(&b, "q"), EFFECT_QUIT);
	assert_int_equal(key(&b, TERM_F10), EFFECT_QUIT);
	assert_int_equal(type(&b, "?"), EFFECT_HELP);
	assert_int_equal(key(&b, TERM_ENTER), EFFECT_OPEN);
	assert_false(b.s.wants_watch);
	assert_int_equal(type(&b, "w"), EFFECT_OPEN);
	assert_true(b.s.wants_watch);
	assert_int_equal(type(&b, "z"), EFFECT_FREEZE | EFFECT_DRAW);
	assert_true(b.s.frozen);
	assert_int_equal(key(&b, TERM_F8), EFFECT_FREEZE | EFFECT_DRAW);
	assert_false(b.s.frozen);
	assert_int_equal(type(&b, "p"), EFFECT_REFRESH | EFFECT_DRAW);
	assert_true(b.s.pss);
	assert_int_equal(type(&b, "\x01"), EFFECT_NONE);
	/* Tags go with the process, and the cursor goes on. */
	type(&b, "  ");
	assert_int_equal(b.s.tags.n, 2);
	assert_int_equal(b.s.cursor, 2);
	paint(&b);
	screen_is(b.cells, "list_tagged");
	type(&b, "U");
	assert_int_equal(b.s.tags.n, 0);
	close_list(&b);
}

static void clicks(void **state)
{
	struct bench b;

	(void)state;
	open_list(&b, 80, 24, true);
	event(&b, (struct term_event){.key = TERM_CLICK, .x = 3, .y = 7});
	assert_int_equal(selected(&b), 42);
	assert_int_equal(event(&b, (struct term_event){.key = TERM_CLICK, .x = 3, .y = 15}),
			 EFFECT_NONE);
	assert_int_equal(event(&b, (struct term_event){.key = TERM_DOUBLE_CLICK, .x = 3, .y = 6}),
			 EFFECT_OPEN);
	assert_int_equal(selected(&b), 41);
	/* F5 at the bottom: behind F1Help, F2Cols, F3Search and F4Filter. */
	event(&b, (struct term_event){.key = TERM_CLICK, .x = 31, .y = 23});
	assert_true(b.s.order.tree);
	assert_int_equal(event(&b, (struct term_event){.key = TERM_CLICK, .x = 70, .y = 23}),
			 EFFECT_QUIT);
	close_list(&b);
}

static void menus(void **state)
{
	struct machine_columns columns;
	struct bench b;

	(void)state;
	open_list(&b, 80, 24, true);
	type(&b, "u");
	assert_int_equal(list_menu_count(&b.s, &b.v), 5);
	key(&b, TERM_END);
	key(&b, TERM_ENTER);
	assert_string_equal(b.s.order.user, "www-data");
	assert_int_equal(machine_rows__count(b.rows), 2);
	type(&b, "u");
	key(&b, TERM_ENTER);
	assert_null(b.s.order.user);
	/* A column off, another on: before the command. */
	type(&b, "C");
	key(&b, TERM_DOWN);
	type(&b, " ");
	key(&b, TERM_DOWN);
	type(&b, " ");
	key(&b, TERM_ESCAPE);
	list_columns(&b.s, b.v.machine, 80, &columns);
	assert_int_equal(columns.v[0], COLUMN_PID);
	assert_int_equal(columns.v[1], COLUMN_RSS);
	assert_int_equal(columns.v[columns.n - 2], COLUMN_PPID);
	assert_int_equal(columns.v[columns.n - 1], COLUMN_COMMAND);
	close_list(&b);
}

/* The process under the cursor ends, another machine comes. */
static void processes_end(void **state)
{
	struct machine m = *fixture_machine();
	struct bench b;

	(void)state;
	open_list(&b, 80, 24, true);
	key(&b, TERM_END);
	assert_int_equal(selected(&b), 61);
	m.nprocesses--;
	b.v.machine = &m;
	assert_int_equal(machine_rows__make(b.rows, &m, &b.s.order, &b.s.folds), 0);
	list_settle(&b.s, &b.v, 80, 24);
	assert_int_equal(selected(&b), 40);
	m.nprocesses = 0;
	assert_int_equal(machine_rows__make(b.rows, &m, &b.s.order, &b.s.folds), 0);
	list_settle(&b.s, &b.v, 80, 24);
	assert_int_equal(selected(&b), 0);
	paint(&b);
	key(&b, TERM_DOWN);
	key(&b, TERM_ENTER);
	close_list(&b);
}

static void help(void **state)
{
	struct help_state s = {0};
	struct term_event down = {.key = TERM_DOWN}, other = {.key = TERM_CHAR, .character = 'x'};
	struct cells *c = cells__new(100, 46, true);

	(void)state;
	help_screen.draw(&s, NULL, c);
	screen_is(c, "help");
	assert_int_equal(help_screen.key(&s, NULL, &down), EFFECT_DRAW);
	assert_int_equal(s.top, 1);
	assert_int_equal(help_screen.key(&s, NULL, &other), EFFECT_BACK | EFFECT_DRAW);
	cells__free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sizes),   cmocka_unit_test(any_size),
	    cmocka_unit_test(modes),   cmocka_unit_test(moving),
	    cmocka_unit_test(sorting), cmocka_unit_test(searching),
	    cmocka_unit_test(effects), cmocka_unit_test(clicks),
	    cmocka_unit_test(menus),   cmocka_unit_test(processes_end),
	    cmocka_unit_test(help),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
