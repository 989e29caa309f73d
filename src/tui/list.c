// SPDX-License-Identifier: GPL-2.0
/* list.c: the list's state: what keys and the mouse do to it. */
#include "tui/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the key line's entries do, by number. */
static const char bottom_keys[LIST_KEYS + 1] = "?C/\\t<gZ\rq";

void list_init(struct list_state *s)
{
	*s = (struct list_state){.order = {.sort = COLUMN_RSS}, .cursor = 0};
}

void list_free(struct list_state *s)
{
	machine_folds_free(&s->folds);
	machine_folds_free(&s->tags);
}

const struct machine_row *list_selected(const struct list_state *s, const struct list_view *v)
{
	size_t n = v->machine ? machine_rows__count(v->rows) : 0;

	return s->cursor >= 0 && (size_t)s->cursor < n
		   ? machine_rows__at(v->rows, (size_t)s->cursor)
		   : NULL;
}

static void clamp(struct list_state *s, const struct list_view *v)
{
	int n = v->machine ? (int)machine_rows__count(v->rows) : 0;
	int room = list_room(s, s->height);

	if (s->cursor >= n)
		s->cursor = n - 1;
	if (s->cursor < 0)
		s->cursor = 0;
	if (s->top > s->cursor)
		s->top = s->cursor;
	if (room && s->cursor >= s->top + room)
		s->top = s->cursor - room + 1;
	if (s->top > n - room)
		s->top = n > room ? n - room : 0;
	if (s->top < 0)
		s->top = 0;
}

void list_settle(struct list_state *s, const struct list_view *v, int width, int height)
{
	size_t n = v->machine ? machine_rows__count(v->rows) : 0;
	int screen_line = s->cursor - s->top;

	s->width = width;
	s->height = height;
	for (size_t i = 0; s->cursor_key && i < n; i++)
		if (machine_rows__at(v->rows, i)->key == s->cursor_key) {
			/* It keeps its place on the screen while it moves in the order. */
			s->cursor = (int)i;
			s->top = (int)i - screen_line;
			break;
		}
	clamp(s, v);
}

/* The cursor stays with the process that it was put on; at the first line with whoever is first. */
static unsigned int go_to(struct list_state *s, const struct list_view *v, int line)
{
	const struct machine_row *row;

	s->cursor = line;
	clamp(s, v);
	row = list_selected(s, v);
	s->cursor_key = row && s->cursor ? row->key : 0;
	return EFFECT_DRAW;
}

/* ---- what is typed ---- */

/* The next row from `from` on, around the end, that has the word. */
static unsigned int search(struct list_state *s, const struct list_view *v, int from)
{
	int n = (int)machine_rows__count(v->rows);

	for (int i = 0; s->search[0] && i < n; i++) {
		int line = (from + i) % n;

		if (machine_row_matches(machine_rows__at(v->rows, (size_t)line)->process,
					s->search))
			return go_to(s, v, line);
	}
	return EFFECT_DRAW;
}

static unsigned int typed(struct list_state *s, const struct list_view *v,
			  const struct term_event *e)
{
	char *to = s->mode == LIST_SEARCH ? s->search : s->order.filter;
	size_t len = strlen(to);
	unsigned int changed = s->mode == LIST_FILTER ? EFFECT_REMAKE | EFFECT_DRAW : EFFECT_DRAW;

	switch (e->key) {
	case TERM_CHAR:
		if (e->character < ' ' || len + 1 >= MACHINE_FILTER)
			return EFFECT_NONE;
		to[len] = e->character;
		to[len + 1] = 0;
		return s->mode == LIST_SEARCH ? search(s, v, s->cursor) : changed;
	case TERM_BACKSPACE:
		if (len)
			to[len - 1] = 0;
		return changed;
	case TERM_F3: /* the next one */
		return s->mode == LIST_SEARCH ? search(s, v, s->cursor + 1) : EFFECT_NONE;
	case TERM_ESCAPE:
		to[0] = 0;
		/* fall through */
	case TERM_ENTER:
		s->mode = LIST_PLAIN;
		return changed;
	default:
		return EFFECT_NONE;
	}
}

/* ---- plain keys ---- */

static unsigned int sort_by(struct list_state *s, enum machine_column c)
{
	s->order.invert = s->order.sort == c && !s->order.invert;
	s->order.sort = c;
	return EFFECT_REMAKE | EFFECT_DRAW;
}

static unsigned int toggle_fold(struct list_state *s, const struct list_view *v)
{
	const struct machine_row *row = list_selected(s, v);

	if (!row)
		return EFFECT_NONE;
	s->cursor_key = row->key;
	return machine_folds_toggle(&s->folds, row->key) ? EFFECT_NONE
							 : EFFECT_REMAKE | EFFECT_DRAW;
}

static unsigned int tag(struct list_state *s, const struct list_view *v)
{
	const struct machine_row *row = list_selected(s, v);

	if (!row || row->group || machine_folds_toggle(&s->tags, row->key))
		return EFFECT_NONE;
	return go_to(s, v, s->cursor + 1);
}

static unsigned int open_page(struct list_state *s, const struct list_view *v, bool watch)
{
	const struct machine_row *row = list_selected(s, v);

	if (!row)
		return EFFECT_NONE;
	if (row->group)
		return toggle_fold(s, v);
	s->wants_watch = watch;
	return EFFECT_OPEN;
}

static unsigned int regroup(struct list_state *s)
{
	s->order.groups = s->order.groups == GROUP_CGROUP ? GROUP_NONE : s->order.groups + 1;
	s->order.tree = false;
	s->cursor_key = 0;
	s->cursor = 0;
	return EFFECT_REMAKE | EFFECT_DRAW;
}

static unsigned int character(struct list_state *s, const struct list_view *v, char c)
{
	switch (c) {
	case 'q':
		return EFFECT_QUIT;
	case '?':
	case 'h':
		return EFFECT_HELP;
	case '\r':
		return open_page(s, v, false);
	case 'w':
		return open_page(s, v, true);
	case '/':
		s->mode = LIST_SEARCH;
		s->search[0] = 0;
		return EFFECT_DRAW;
	case '\\':
		s->mode = LIST_FILTER;
		return EFFECT_DRAW;
	case 't':
		s->order.tree = !s->order.tree;
		s->order.groups = GROUP_NONE;
		return EFFECT_REMAKE | EFFECT_DRAW;
	case '<':
	case '>':
	case '.':
	case ',':
		return list_open_menu(s, v, LIST_SORT);
	case 'C':
	case 'S':
		return list_open_menu(s, v, LIST_COLUMNS);
	case 'u':
		return list_open_menu(s, v, LIST_USERS);
	case 'I':
		s->order.invert = !s->order.invert;
		return EFFECT_REMAKE | EFFECT_DRAW;
	case 'M':
		return sort_by(s, COLUMN_RSS);
	case 'N':
		return sort_by(s, COLUMN_PID);
	case 'H':
		return sort_by(s, COLUMN_HEAP);
	case 'F':
		return sort_by(s, COLUMN_FREE);
	case 'G':
		return sort_by(s, COLUMN_GROWTH);
	case 'K':
		s->order.kernel_threads = !s->order.kernel_threads;
		return EFFECT_REMAKE | EFFECT_DRAW;
	case 'p':
		s->pss = !s->pss;
		return EFFECT_REFRESH | EFFECT_DRAW;
	case 'g':
		return regroup(s);
	case '+':
	case '-':
	case '*':
		return toggle_fold(s, v);
	case ' ':
		return tag(s, v);
	case 'U':
		s->tags.n = 0;
		return EFFECT_DRAW;
	case 'z':
	case 'Z':
		s->frozen = !s->frozen;
		return EFFECT_FREEZE | EFFECT_DRAW;
	case 12:
		return EFFECT_REDRAW | EFFECT_DRAW;
	default:
		return EFFECT_NONE;
	}
}

static unsigned int click(struct list_state *s, const struct list_view *v,
			  const struct term_event *e)
{
	int first = list_first_line(s->height), x = 0;
	struct machine_columns columns;

	if (e->y == s->height - 1) {
		int i = widget_key_at(list_keys, LIST_KEYS, e->x);

		return i < 0 ? EFFECT_NONE : character(s, v, bottom_keys[i]);
	}
	if (e->y >= first) {
		unsigned int effects;

		if ((size_t)(s->top + e->y - first) >= machine_rows__count(v->rows))
			return EFFECT_NONE;
		effects = go_to(s, v, s->top + e->y - first);
		return e->key == TERM_DOUBLE_CLICK ? open_page(s, v, false) : effects;
	}
	if (e->y != first - 1)
		return EFFECT_NONE;
	list_columns(s, v->machine, s->width, &columns);
	for (size_t i = 0; i < columns.n; i++) {
		int width = machine_column_info(columns.v[i])->width;

		x += width ? width + 1 : s->width;
		if (e->x < x)
			return sort_by(s, columns.v[i]);
	}
	return EFFECT_NONE;
}

static unsigned int plain_key(struct list_state *s, const struct list_view *v,
			      const struct term_event *e)
{
	int page = list_room(s, s->height);

	switch (e->key) {
	case TERM_CHAR:
		return character(s, v, e->character);
	case TERM_ENTER:
		return open_page(s, v, false);
	case TERM_UP:
		return go_to(s, v, s->cursor - 1);
	case TERM_DOWN:
		return go_to(s, v, s->cursor + 1);
	case TERM_PAGE_UP:
		return go_to(s, v, s->cursor - page);
	case TERM_PAGE_DOWN:
		return go_to(s, v, s->cursor + page);
	case TERM_HOME:
		return go_to(s, v, 0);
	case TERM_END:
		return go_to(s, v, (int)machine_rows__count(v->rows) - 1);
	case TERM_LEFT:
		s->left = s->left > 8 ? s->left - 8 : 0;
		return EFFECT_DRAW;
	case TERM_RIGHT:
		s->left += s->left < 4096 ? 8 : 0;
		return EFFECT_DRAW;
	case TERM_CLICK:
	case TERM_DOUBLE_CLICK:
		return click(s, v, e);
	default:
		if (e->key >= TERM_F1 && e->key <= TERM_F10)
			return character(s, v, "?C/\\t<gZ?q"[e->key - TERM_F1]);
		return EFFECT_NONE;
	}
}

static unsigned int list_key(void *state, const void *view, const struct term_event *e)
{
	struct list_state *s = state;
	const struct list_view *v = view;

	if (!v->machine)
		return e->key == TERM_CHAR && e->character == 'q' ? EFFECT_QUIT : EFFECT_NONE;
	if (s->mode == LIST_SEARCH || s->mode == LIST_FILTER)
		return typed(s, v, e);
	return s->mode == LIST_PLAIN ? plain_key(s, v, e) : list_menu_key(s, v, e);
}

const struct screen list_screen = {"list", list_draw, list_key};
