/* SPDX-License-Identifier: GPL-2.0 */
/*
 * term.h: the terminal: the only file that knows curses.  It is given back as it was when
 * term__close is called, when the program exits, and as far as possible when it crashes.
 */
#ifndef TUI_TERM_H
#define TUI_TERM_H

#include <stdbool.h>

struct cells;
struct term;

enum term_key {
	TERM_NONE,
	TERM_CHAR, /* event.character */
	TERM_ENTER,
	TERM_ESCAPE,
	TERM_BACKSPACE,
	TERM_TAB,
	TERM_BACKTAB,
	TERM_UP,
	TERM_DOWN,
	TERM_LEFT,
	TERM_RIGHT,
	TERM_PAGE_UP,
	TERM_PAGE_DOWN,
	TERM_HOME,
	TERM_END,
	TERM_F1,
	TERM_F2,
	TERM_F3,
	TERM_F4,
	TERM_F5,
	TERM_F6,
	TERM_F7,
	TERM_F8,
	TERM_F9,
	TERM_F10,
	TERM_CLICK, /* event.x, event.y */
	TERM_DOUBLE_CLICK,
	TERM_GONE, /* there is no terminal any more */
};

struct term_event {
	enum term_key key;
	char character; /* ASCII, printable */
	int x, y;
};

/* Take the terminal over.   0; -ENOTTY; -EINVAL (TERM is
 * not known, or cannot move its cursor). */
int term__open(struct term **out);
void term__close(struct term *t);

/* Ask for the size anew, after a SIGWINCH. */
void term__resize(struct term *t, int *width, int *height);
/* Show it: only what has changed goes out.  cursor_x below 0: no cursor. */
void term__draw(struct term *t, const struct cells *c, int cursor_y, int cursor_x);
/* Draw everything anew next time: something else wrote on the screen. */
void term__redraw(struct term *t);
/* The next event that is there; TERM_NONE: none.  Never waits. */
struct term_event term__event(struct term *t);

#endif
