/* SPDX-License-Identifier: GPL-2.0 */
/* page_body.h: the lines of a page's tab.  Private to page_*.c. */
#ifndef TUI_PAGE_BODY_H
#define TUI_PAGE_BODY_H

#include "tui/cells.h"
#include "tui/page.h"

/* The lines of a tab, of which those from `top` on are on the screen. */
struct page_body {
	struct cells *c;
	int first, room, top, line;
};

/* Where the next line goes; below 0: it is not on the screen. */
int page_next_line(struct page_body *b);
void page_say(struct page_body *b, int x, enum style style, const char *text);

/* "function < caller < ...", as much as there is room for. */
void page_chain(char *buf, size_t len, const struct report_frame *frames, size_t n);

/* The tabs. */
void page_callsites(struct page_body *b, const struct page_state *s, const struct page_view *v);
void page_mappings(struct page_body *b, const struct page_state *s, const struct page_data *d);

#endif
