// SPDX-License-Identifier: GPL-2.0
/* page_sites.c: the page's tabs of callsites, the stack under the cursor unfolded. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/machine_columns.h"
#include "tui/page_body.h"

int page_next_line(struct page_body *b)
{
	int y = b->line++ - b->top;

	return y >= 0 && y < b->room ? b->first + y : -1;
}

/* How much of text, bytes, goes on a line of this width: up to a blank where there is one. */
static size_t line_of(const char *text, int width)
{
	size_t fits = 0, blank = 0;
	char cut[1024];

	snprintf(cut, sizeof(cut), "%s", text);
	for (size_t i = strlen(cut); i > 0; i--) {
		if ((cut[i] & 0xc0) == 0x80)
			continue;
		cut[i] = 0;
		if (cells_width_of(cut) <= width) {
			fits = i;
			break;
		}
	}
	for (size_t i = fits; text[fits] && i > 0 && !blank; i--)
		if (text[i] == ' ')
			blank = i;
	return blank ? blank : fits;
}

void page_say(struct page_body *b, int x, enum style style, const char *text)
{
	int width = cells__width(b->c) - x;

	do {
		size_t n = line_of(text, width);
		int y = page_next_line(b);

		if (y >= 0)
			cells__printf(b->c, y, x, width, style, "%.*s", (int)n, text);
		text += n;
		text += *text == ' ';
		/* A width that takes nothing would never end. */
		if (!n)
			return;
	} while (*text);
}

/* "function < caller < ...", as much as there is room for. */
void page_chain(char *buf, size_t len, const struct report_frame *frames, size_t n)
{
	size_t used = 0;

	buf[0] = 0;
	for (size_t i = 0; i < n && used < len; i++) {
		const struct report_frame *f = &frames[i];
		const char *module = f->module ? strrchr(f->module, '/') : NULL;

		module = module ? module + 1 : f->module ? f->module : "?";
		used += (size_t)(f->function ? snprintf(buf + used, len - used, "%s%s",
							i ? " < " : "", f->function)
					     : snprintf(buf + used, len - used, "%s%s+0x%" PRIx64,
							i ? " < " : "", module, f->offset));
	}
	if (!n)
		snprintf(buf, len, "stack unknown");
}

static void draw_stack(struct page_body *b, const struct report_frame *frames, size_t n,
		       const char *reason)
{
	char line[512];

	for (size_t i = 0; i < n; i++) {
		const struct report_frame *f = &frames[i];
		const char *name = f->function ? f->function : "?";

		if (f->file && f->line)
			snprintf(line, sizeof(line), "%s  %s:%u", name, f->file, f->line);
		else
			snprintf(line, sizeof(line), "%s  %s+0x%" PRIx64, name,
				 f->module ? f->module : "?", f->offset);
		page_say(b, 24, STYLE_DIM, line);
	}
	if (reason)
		page_say(b, 24, STYLE_WARN, reason);
}

/* One line of a table with a callsite behind its figures. */
static void draw_site(struct page_body *b, const char *figures, const struct report_frame *frames,
		      size_t n, bool selected)
{
	int y = page_next_line(b), width = cells__width(b->c), x;
	char names[1024];

	if (y < 0)
		return;
	x = cells__put(b->c, y, 0, width, STYLE_NORMAL, figures);
	page_chain(names, sizeof(names), frames, n);
	cells__put(b->c, y, x, width - x, STYLE_NORMAL, names);
	if (selected)
		cells__paint(b->c, y, 0, width, STYLE_SELECTED);
}

/* The cursor's line and the stack below it are on the screen, as far as it has room. */
static void scroll(struct page_body *b, int above, int stack)
{
	int want = above + 1 + stack - b->room;

	b->top = want > above ? above : want > 0 ? want : 0;
}

/* A figure of growth a minute, where it is for sure; "-": it is not; "": nothing is known yet. */
static void draw_growth(char *buf, size_t len, const struct report_growth *g)
{
	char by[MACHINE_CELL + 1], error[MACHINE_CELL];

	if (!g->growing) {
		snprintf(buf, len, "%7s %6s", g->known ? "-" : "", "");
		return;
	}
	machine_bytes_text(by + 1, g->per_minute);
	by[0] = '+';
	snprintf(buf, len, "%7.17s %6.16s", by, machine_bytes_text(error, g->error));
}

/* How many callsites grow, and the heap; nothing where that is not known. */
static void say_growth(struct page_body *b, const struct report_process *p)
{
	const struct report_growth *heap = &p->heap_growth;
	char line[160], by[MACHINE_CELL], error[MACHINE_CELL];
	double seconds = report_growth_seconds(p);
	int n = 0, used;

	for (size_t i = 0; i < p->nsites; i++)
		n += p->sites[i].growth.growing;
	if (seconds <= 0)
		return;
	used = snprintf(line, sizeof(line), "growing, by the last %.0f s: ", seconds);
	used += snprintf(line + used, sizeof(line) - (size_t)used,
			 n == 1 ? "%d callsite"
			 : n	? "%d callsites"
				: "no callsite for sure",
			 n);
	if (heap->known)
		snprintf(line + used, sizeof(line) - (size_t)used,
			 "; all blocks by %s%.16s +- %.16s a minute",
			 heap->per_minute > 0 ? "+" : "", machine_bytes_text(by, heap->per_minute),
			 machine_bytes_text(error, heap->error));
	page_say(b, 1, n ? STYLE_WARN : STYLE_NORMAL, line);
}

void page_callsites(struct page_body *b, const struct page_state *s, const struct page_view *v)
{
	const struct report_process *p = v->data->process;
	char line[256], held[MACHINE_CELL], size[MACHINE_CELL], change[MACHINE_CELL];
	struct page_order order;
	char growth[48], look[160];
	bool warn;
	int cursor;

	if (!p->nsites && v->data->watch != PAGE_WATCHING) {
		page_say(b, 1, STYLE_NORMAL, "");
		page_say(b, 1, STYLE_NORMAL,
			 "Press w to put probes on its allocator: then this is the memory that is");
		page_say(b, 1, STYLE_NORMAL,
			 "outstanding, by callsite, live.  It costs about a microsecond a call of "
			 "malloc");
		page_say(b, 1, STYLE_NORMAL,
			 "and free, until w is pressed again or the page is left.");
		return;
	}
	if (page_order_make(s, p, &order))
		return;
	cursor = s->cursor < (int)order.n ? s->cursor : (int)order.n - 1;
	warn = report_estimates(p, look, sizeof(look));
	if (cursor >= 0)
		scroll(b, cursor + 2 + !!*look + (report_growth_seconds(p) > 0),
		       (int)p->sites[order.v[cursor]].nframes + 1);
	snprintf(line, sizeof(line),
		 "outstanding since the attach: %s in %" PRIu64 " blocks%s%s  %s",
		 machine_bytes_text(held, (double)p->outstanding_bytes), p->outstanding_blocks,
		 s->marked ? ", since the mark: " : "",
		 s->marked ? machine_bytes_text(change, (double)p->outstanding_bytes -
							    (double)s->mark_outstanding)
			   : "",
		 p->mode);
	page_say(b, 1, STYLE_NORMAL, line);
	if (*look)
		page_say(b, 1, warn ? STYLE_WARN : STYLE_NORMAL, look);
	say_growth(b, p);
	page_say(b, 0, STYLE_BOLD,
		 s->marked
		     ? "  CHANGE    BYTES  GROW/m     +-     BLOCKS  CALLSITE, INNERMOST FIRST"
		     : "   BYTES  GROW/m     +-     BLOCKS  KIND  CALLSITE, INNERMOST FIRST");
	for (size_t i = 0; i < order.n; i++) {
		const struct report_site *site = &p->sites[order.v[i]];
		int64_t by = page_change(s, site);

		snprintf(size, sizeof(size), "%s%.16s", site->estimated ? "~" : "",
			 machine_bytes_text(held, (double)site->bytes));
		snprintf(change, sizeof(change), "%s%.16s", by > 0 ? "+" : "",
			 machine_bytes_text(held, (double)by));
		draw_growth(growth, sizeof(growth), &site->growth);
		if (s->marked)
			snprintf(line, sizeof(line), "%8s %8s %s %10" PRIu64 "  ", change, size,
				 growth, site->blocks);
		else
			snprintf(line, sizeof(line), "%8s %s %10" PRIu64 "  %s  ", size, growth,
				 site->blocks, site->kind == REPORT_MAP ? "map " : "heap");
		draw_site(b, line, site->frames, site->nframes, (int)i == cursor);
		if ((int)i == cursor)
			draw_stack(b, site->frames, site->nframes, site->reason);
	}
	free(order.v);
}

void page_mappings(struct page_body *b, const struct page_state *s, const struct page_data *d)
{
	char line[128], size[MACHINE_CELL];
	int cursor = s->cursor < (int)d->nmappings ? s->cursor : (int)d->nmappings - 1;

	if (!d->has_mappings) {
		page_say(b, 1, STYLE_NORMAL, "");
		page_say(b, 1, STYLE_NORMAL,
			 "Who maps memory is not known: there are no kernel-side "
			 "probes (see the list's fourth line).");
		return;
	}
	if (cursor >= 0)
		scroll(b, cursor + 2, (int)d->mappings[cursor].nframes);
	page_say(b, 1, STYLE_NORMAL,
		 d->nmappings
		     ? "anonymous memory mapped since heapwatch was started, and not unmapped"
		     : "it has not mapped any memory since heapwatch was started");
	page_say(b, 0, STYLE_BOLD, "   BYTES      CALLS  CALLSITE, INNERMOST FIRST");
	for (size_t i = 0; i < d->nmappings; i++) {
		const struct page_mapping *m = &d->mappings[i];

		snprintf(line, sizeof(line), "%8s %10" PRIu64 "  ",
			 machine_bytes_text(size, (double)m->bytes), m->maps);
		draw_site(b, line, m->frames, m->nframes, (int)i == cursor);
		if ((int)i == cursor)
			draw_stack(b, m->frames, m->nframes, NULL);
	}
}
