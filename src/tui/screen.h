/* SPDX-License-Identifier: GPL-2.0 */
/*
 * screen.h: what all screens are: a table of functions over what is to be shown, which none of them
 * changes, and over its own state: where the cursor is.  draw paints cells and nothing else; key
 * changes the state, never draws, and says by flags what the caller is to do.
 */
#ifndef TUI_SCREEN_H
#define TUI_SCREEN_H

#include <stdint.h>

#include "tui/term.h"

struct cells;

enum screen_effect {
	EFFECT_NONE = 0,
	EFFECT_DRAW = 1 << 0,	 /* show it anew */
	EFFECT_REMAKE = 1 << 1,	 /* the order or filter has changed: sort anew */
	EFFECT_QUIT = 1 << 2,	 /* leave the program */
	EFFECT_BACK = 1 << 3,	 /* leave the screen */
	EFFECT_OPEN = 1 << 4,	 /* the page of the process under the cursor */
	EFFECT_HELP = 1 << 5,	 /* the help screen */
	EFFECT_FREEZE = 1 << 6,	 /* stop or go on refreshing */
	EFFECT_WATCH = 1 << 7,	 /* put probes on the page's process, or take them off */
	EFFECT_REFRESH = 1 << 8, /* look at the machine now */
	EFFECT_REDRAW = 1 << 9,	 /* the terminal's picture is spoilt */
};

struct screen_cursor {
	int y, x; /* x below 0: hidden */
};

struct screen {
	const char *name;
	/* view: what is shown; each screen knows its type. */
	struct screen_cursor (*draw)(const void *state, const void *view, struct cells *c);
	unsigned int (*key)(void *state, const void *view, const struct term_event *e);
};

#endif
