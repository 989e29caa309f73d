// SPDX-License-Identifier: GPL-2.0
/* list_menu.c: the menus at the left: what to sort by, columns, users. */
#include <stdio.h>
#include <string.h>

#include "tui/list.h"

/* Users that have processes, by name; number 0 is all of them. */
static const char *user_at(const struct machine *m, int number)
{
	const char *last = "";

	for (int k = 1; k <= number; k++) {
		const char *next = NULL;

		for (size_t i = 0; i < m->nprocesses; i++) {
			const char *u = m->processes[i].user;

			if (strcmp(u, last) > 0 && (!next || strcmp(u, next) < 0))
				next = u;
		}
		if (!next)
			return NULL;
		last = next;
	}
	return last;
}

int list_menu_count(const struct list_state *s, const struct list_view *v)
{
	int n = 1;

	if (s->mode != LIST_USERS)
		return COLUMN_COUNT;
	while (user_at(v->machine, n))
		n++;
	return n;
}

static bool has_column(const struct machine_columns *c, enum machine_column id)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i] == id)
			return true;
	return false;
}

const char *list_menu_entry(const struct list_state *s, const struct list_view *v, int i,
			    char buf[LIST_ENTRY])
{
	const struct machine_column_info *info;

	if (s->mode == LIST_USERS)
		return i ? user_at(v->machine, i) : "All users";
	info = machine_column_info((enum machine_column)i);
	if (s->mode == LIST_SORT)
		return info->title;
	snprintf(buf, LIST_ENTRY, "%c %s",
		 has_column(&s->columns, (enum machine_column)i) ? '*' : ' ', info->title);
	return buf;
}

static void toggle_column(struct list_state *s, enum machine_column id)
{
	struct machine_columns *c = &s->columns;

	s->columns_chosen = true;
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i] == id) {
			if (c->n == 1)
				return;
			memmove(&c->v[i], &c->v[i + 1], (--c->n - i) * sizeof(*c->v));
			return;
		}
	/* The command takes what is left: nothing comes behind it. */
	if (c->n && c->v[c->n - 1] == COLUMN_COMMAND) {
		c->v[c->n - 1] = id;
		c->v[c->n++] = COLUMN_COMMAND;
	} else {
		c->v[c->n++] = id;
	}
	s->pss |= id == COLUMN_PSS;
}

static unsigned int choose(struct list_state *s, const struct list_view *v)
{
	const char *user;

	switch (s->mode) {
	case LIST_SORT:
		s->order.sort = (enum machine_column)s->menu;
		s->order.invert = false;
		break;
	case LIST_COLUMNS:
		toggle_column(s, (enum machine_column)s->menu);
		return EFFECT_DRAW;
	default:
		user = s->menu ? user_at(v->machine, s->menu) : NULL;
		s->order.user = user ? s->user : NULL;
		snprintf(s->user, sizeof(s->user), "%s", user ? user : "");
	}
	s->mode = LIST_PLAIN;
	return EFFECT_REMAKE | EFFECT_DRAW;
}

unsigned int list_menu_key(struct list_state *s, const struct list_view *v,
			   const struct term_event *e)
{
	int n = list_menu_count(s, v);

	switch (e->key) {
	case TERM_UP:
		s->menu -= s->menu > 0;
		return EFFECT_DRAW;
	case TERM_DOWN:
		s->menu += s->menu < n - 1;
		return EFFECT_DRAW;
	case TERM_HOME:
		s->menu = 0;
		return EFFECT_DRAW;
	case TERM_END:
		s->menu = n - 1;
		return EFFECT_DRAW;
	case TERM_ENTER:
		return choose(s, v);
	case TERM_CHAR:
		if (e->character == ' ' && s->mode == LIST_COLUMNS)
			return choose(s, v);
		if (e->character != 'q')
			return EFFECT_NONE;
		/* fall through */
	case TERM_ESCAPE:
	case TERM_F10:
	case TERM_F2:
	case TERM_F6:
		s->mode = LIST_PLAIN;
		return EFFECT_DRAW;
	case TERM_CLICK:
	case TERM_DOUBLE_CLICK: {
		int room = list_room(s, s->height), top = s->menu >= room ? s->menu - room + 1 : 0;
		int line = e->y - list_first_line(s->height) + top;

		if (line < 0 || line >= n)
			return EFFECT_NONE;
		s->menu = line;
		return choose(s, v);
	}
	default:
		return EFFECT_NONE;
	}
}

unsigned int list_open_menu(struct list_state *s, const struct list_view *v, enum list_mode mode)
{
	s->mode = mode;
	s->menu = mode == LIST_SORT ? (int)s->order.sort : 0;
	if (mode == LIST_COLUMNS)
		list_columns(s, v->machine, s->width, &s->columns);
	return EFFECT_DRAW;
}
