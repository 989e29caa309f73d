// SPDX-License-Identifier: GPL-2.0
#include "tui/help.h"

#include <stddef.h>

#include "model/machine_columns.h"
#include "tui/cells.h"

static const char *const lines[] = {
    "heapwatch: every process's memory, and what its allocator does with it",
    "",
    "F1 ? h       this help                    Enter      the page of a process",
    "F2 C         choose columns               w          its page, with probes",
    "F3 /         search; F3 again: the next   F5 t       tree of processes",
    "F4 \\         filter: words, | between     F7 g       group by user, by unit",
    "F6 < >       sort by ...                  + -        fold, unfold",
    "I            turn the order around        Space U    tag, untag all",
    "M N H F G    by RSS, pid, heap, free,     u          one user's",
    "             growth                       K          kernel threads too",
    "F8 z         freeze, go on                p          PSS of what is shown",
    "<- ->        scroll the command           F10 q      quit",
    "",
    "On a page: Tab or 1 to 4 the parts, w watch with probes or stop, d mark: the change since,",
    "D no mark, G callsites by growth or by bytes, Esc back, which takes the probes away.",
    "",
    "~ before a figure: estimated, as a rule its upper bound until the heap was walked.  - not",
    "known: another allocator, or it may not be read.  Figures in bytes: K M G are powers of 1024.",
    "",
};

#define LINES ((int)(sizeof(lines) / sizeof(*lines)))

static struct screen_cursor help_draw(const void *state, const void *view, struct cells *c)
{
	const struct help_state *s = state;
	int height = cells__height(c), width = cells__width(c);

	(void)view;
	cells__clear(c);
	for (int y = 0; y < height - 1; y++) {
		int n = s->top + y, column = n - LINES;

		if (n < LINES) {
			cells__put(c, y, 0, width, n ? STYLE_NORMAL : STYLE_BOLD, lines[n]);
		} else if (column < COLUMN_COUNT) {
			const struct machine_column_info *info =
			    machine_column_info((enum machine_column)column);

			cells__put(c, y, 0, 15, STYLE_BOLD, info->title);
			cells__put(c, y, 16, 13, STYLE_DIM, info->name);
			cells__put(c, y, 30, width - 30, STYLE_NORMAL, info->what);
		}
	}
	cells__fill(c, height - 1, 0, width, STYLE_LABEL, " ");
	cells__put(c, height - 1, 0, width, STYLE_LABEL, "Up, Down: scroll   any other key: back");
	return (struct screen_cursor){height - 1, -1};
}

static unsigned int help_key(void *state, const void *view, const struct term_event *e)
{
	struct help_state *s = state;
	int step = e->key == TERM_PAGE_UP || e->key == TERM_PAGE_DOWN ? 10 : 1;

	(void)view;
	if (e->key == TERM_UP || e->key == TERM_PAGE_UP)
		s->top = s->top > step ? s->top - step : 0;
	else if (e->key == TERM_DOWN || e->key == TERM_PAGE_DOWN)
		s->top = s->top + step < LINES + COLUMN_COUNT - 2 ? s->top + step : s->top;
	else
		return EFFECT_BACK | EFFECT_DRAW;
	return EFFECT_DRAW;
}

const struct screen help_screen = {"help", help_draw, help_key};
