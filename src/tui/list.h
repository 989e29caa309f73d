/* SPDX-License-Identifier: GPL-2.0 */
/* list.h: the screen of all processes. */
#ifndef TUI_LIST_H
#define TUI_LIST_H

#include <stdbool.h>

#include "model/machine.h"
#include "model/machine_columns.h"
#include "model/machine_rows.h"
#include "tui/screen.h"
#include "tui/widgets.h"

/* What is typed at the bottom line, or chosen from a menu. */
enum list_mode {
	LIST_PLAIN,
	LIST_SEARCH,
	LIST_FILTER,
	LIST_SORT,    /* the menu of columns to sort by */
	LIST_COLUMNS, /* ... to show */
	LIST_USERS,   /* the menu of users */
};

struct list_state {
	struct machine_order order;
	struct machine_folds folds, tags;
	bool columns_chosen; /* by the user; else what fits */
	struct machine_columns columns;
	bool frozen, pss;
	char user[33]; /* order.user points here, or is NULL */

	enum list_mode mode;
	char search[MACHINE_FILTER];
	int menu; /* line of the menu under its cursor */

	uint64_t cursor_key; /* of the row; 0: the first one, whichever it is */
	int cursor, top;     /* its number; the first that is on the screen */
	int left;	     /* characters of the command that are scrolled away */
	int width, height;   /* of the screen, as it was drawn last */
	bool wants_watch;    /* the page that is opened is to start watching */
};

struct list_view {
	const struct machine *machine; /* NULL: nothing was looked at yet */
	const struct machine_rows *rows;
	const char *message; /* a line for the user, or "" */
};

extern const struct screen list_screen;

void list_init(struct list_state *s);
void list_free(struct list_state *s);

/* After the rows were made or the screen's size has changed: find the cursor's row again, keep it
 * on the screen. */
void list_settle(struct list_state *s, const struct list_view *v, int width, int height);

/* The row under the cursor, or NULL. */
const struct machine_row *list_selected(const struct list_state *s, const struct list_view *v);
/* The columns that are shown. */
void list_columns(const struct list_state *s, const struct machine *m, int width,
		  struct machine_columns *out);
/* How many rows of processes there is room for. */
int list_room(const struct list_state *s, int height);

/* The part of list.c that draws. */
struct screen_cursor list_draw(const void *state, const void *view, struct cells *c);

/* Where the table begins. */
int list_first_line(int height);
/* list_menu.c.  Entries: how many, and the text of one, which may be put to buf. */
#define LIST_ENTRY 32
int list_menu_count(const struct list_state *s, const struct list_view *v);
const char *list_menu_entry(const struct list_state *s, const struct list_view *v, int i,
			    char buf[LIST_ENTRY]);
unsigned int list_open_menu(struct list_state *s, const struct list_view *v, enum list_mode mode);
unsigned int list_menu_key(struct list_state *s, const struct list_view *v,
			   const struct term_event *e);

/* The keys that the last line names. */
#define LIST_KEYS 10
extern const struct widget_key list_keys[LIST_KEYS];

#endif
