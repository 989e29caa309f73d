/* SPDX-License-Identifier: GPL-2.0 */
/* help.h: the screen of keys and columns.  Its state is a struct help_state, its view NULL. */
#ifndef TUI_HELP_H
#define TUI_HELP_H

#include "tui/screen.h"

struct help_state {
	int top;
};

extern const struct screen help_screen;

#endif
