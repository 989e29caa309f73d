// SPDX-License-Identifier: GPL-2.0
/* page_draw.c: the page on the screen. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/machine_columns.h"
#include "tui/cells.h"
#include "tui/page.h"
#include "tui/page_body.h"
#include "tui/widgets.h"

static int header_lines(int height)
{
	return height >= 20 ? 5 : 3;
}

/* ---- the head ---- */

#define WATCH_TEXT 128

static enum style watch_text(const struct page_view *v, char text[WATCH_TEXT])
{
	static const char *const words[] = {[PAGE_PASSIVE] = "no probes (w: watch)",
					    [PAGE_STARTING] = "attaching ...",
					    [PAGE_REFUSED] = "not watched"};
	const struct page_data *d = v->data;

	if (v->ended) {
		snprintf(text, WATCH_TEXT, "ENDED: its last figures");
		return STYLE_BAD;
	}
	if (d && d->watch == PAGE_WATCHING) {
		snprintf(text, WATCH_TEXT, "watched %.0f s: %.0f hits/s, overhead %.1f%%",
			 d->elapsed, d->hits_rate, d->overhead);
		return STYLE_GOOD;
	}
	snprintf(text, WATCH_TEXT, "%s", d ? words[d->watch] : "looking ...");
	return STYLE_DIM;
}

/* Who it is; how it is watched matters more than where it belongs. */
static void draw_name(const struct page_view *v, struct cells *c)
{
	const struct machine_process *p = v->process;
	char who[512], unit[256], watch[WATCH_TEXT];
	enum style style = watch_text(v, watch);
	int width = cells__width(c), x, taken = cells_width_of(watch);

	snprintf(who, sizeof(who), "%u %s  %s  %s", p->pid, p->comm, p->user, p->allocator);
	snprintf(unit, sizeof(unit), "  %s", p->unit);
	x = cells__put(c, 0, 0, width, STYLE_TITLE, who);
	if (p->unit[0] && x + cells_width_of(unit) + 2 + taken <= width)
		x += cells__put(c, 0, x, width - x, STYLE_TITLE, unit);
	x += cells__put(c, 0, x, width - x, STYLE_TITLE, " ");
	if (x < width)
		cells__put_right(c, 0, x, width - x, style, watch);
}

static void draw_figures(const struct machine_process *p, struct cells *c, int y)
{
	static const enum machine_column shown[] = {
	    COLUMN_RSS,	   COLUMN_PRIVATE, COLUMN_SWAP,	 COLUMN_HEAP,
	    COLUMN_IN_USE, COLUMN_FREE,	   COLUMN_OTHER, COLUMN_GROWTH,
	};
	int x = 0, width = cells__width(c);
	char text[MACHINE_CELL];

	for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++) {
		x += cells__printf(c, y, x, width - x, STYLE_DIM, "%s ",
				   machine_column_info(shown[i])->title);
		x += cells__printf(c, y, x, width - x, STYLE_BOLD, "%s  ",
				   machine_column_text(shown[i], p, text));
	}
}

static void draw_history(const struct page_view *v, struct cells *c, int y, const char *name,
			 const uint64_t *values)
{
	const struct machine *m = v->machine;
	int width = cells__width(c) - 30;
	uint64_t most = 0;
	double seconds;
	char text[MACHINE_CELL];
	size_t n = m->nhistory;

	if (width < 10 || m->focus_pid != v->process->pid || !n)
		return;
	if (width > (int)n)
		width = (int)n;
	for (size_t i = n - (size_t)width; i < n; i++)
		most = values[i] > most ? values[i] : most;
	/* Nothing was ever known of it. */
	if (!most)
		return;
	cells__put(c, y, 0, 5, STYLE_DIM, name);
	widget_sparkline(c, y, 5, width, STYLE_GOOD, values, n);
	seconds = (double)width * (double)m->history_step_ns / 1e9;
	cells__printf(c, y, 6 + width, 24, STYLE_DIM,
		      seconds < 120 ? "%.0f s, up to %s" : "%.0f min, up to %s",
		      seconds < 120 ? seconds : seconds / 60,
		      machine_bytes_text(text, (double)most));
}

static void draw_head(const struct page_state *s, const struct page_view *v, struct cells *c)
{
	static const char *const tabs[] = {"1 Memory", "2 Callsites", "3 Mappings", "4 Arenas"};
	const struct machine_process *p = v->process;
	int width = cells__width(c), height = cells__height(c), x, y = 0;

	draw_name(v, c);
	draw_figures(p, c, ++y);
	if (height >= 20) {
		draw_history(v, c, ++y, "RSS", v->machine->rss_history);
		draw_history(v, c, ++y, "heap", v->machine->heap_history);
	}
	y++;
	x = 0;
	for (int i = 0; i < PAGE_TABS; i++)
		x += cells__printf(c, y, x, width - x,
				   i == (int)s->tab ? STYLE_SORTED : STYLE_TITLE, " %s ", tabs[i]);
	if (x < width)
		cells__fill(c, y, x, width - x, STYLE_TITLE, " ");
}

/* ---- memory ---- */

static enum style quality_style(const char *quality)
{
	return !strcmp(quality, "exact") ? STYLE_NORMAL : STYLE_WARN;
}

static void draw_waterfall(struct page_body *b, const struct report_process *p)
{
	int width = cells__width(b->c), bar = width - 66 > 40 ? 40 : width - 66;
	char size[MACHINE_CELL];

	for (size_t i = 0; i < p->nlines; i++) {
		const struct report_line *l = &p->waterfall[i];
		int y = page_next_line(b);

		if (y < 0)
			continue;
		cells__put(b->c, y, 1, 40, STYLE_NORMAL, l->what);
		cells__put_right(b->c, y, 41, 7, STYLE_BOLD,
				 machine_bytes_text(size, (double)l->bytes));
		cells__printf(b->c, y, 49, 7, STYLE_NORMAL, "%5.1f%%",
			      p->rss_bytes ? 100.0 * (double)l->bytes / (double)p->rss_bytes : 0);
		cells__put(b->c, y, 56, 10, quality_style(l->quality), l->quality);
		if (bar > 4)
			widget_bar(b->c, y, 66, bar, STYLE_BAR_1, (double)l->bytes,
				   (double)p->rss_bytes);
	}
}

static void draw_allocator(struct page_body *b, const struct report_allocator *a)
{
	char held[MACHINE_CELL], used[MACHINE_CELL], resident[MACHINE_CELL], text[256];

	if (!a->told) {
		snprintf(text, sizeof(text), "allocator: %s%s%.150s; its own figures are not known",
			 a->name, a->searched ? " in " : "", a->searched ? a->searched : "");
		page_say(b, 1, STYLE_DIM, text);
		return;
	}
	snprintf(text, sizeof(text),
		 "glibc's malloc holds %s in %zu arena%s: %s in use, %s free and resident (%s); "
		 "%" PRIu64 " blocks have a mapping each",
		 machine_bytes_text(held, (double)a->system_bytes), a->narenas,
		 a->narenas == 1 ? "" : "s", machine_bytes_text(used, (double)a->in_use_bytes),
		 machine_bytes_text(resident, (double)a->resident_free_bytes), a->confidence,
		 a->mmapped_blocks);
	page_say(b, 1, STYLE_NORMAL, text);
}

static void draw_pinned(struct page_body *b, const struct report_process *p)
{
	char line[512], names[400], size[MACHINE_CELL];

	if (!p->npinned)
		return;
	page_say(b, 0, STYLE_NORMAL, "");
	snprintf(line, sizeof(line),
		 "%" PRIu64 " pages are at least half free and keep %s resident, by whose live "
		 "blocks stand there:",
		 p->sparse_pages, machine_bytes_text(size, (double)p->sparse_free_bytes));
	page_say(b, 1, STYLE_NORMAL, line);
	for (size_t i = 0; i < p->npinned; i++) {
		const struct report_pinned *pin = &p->pinned[i];

		if (pin->blocks)
			snprintf(names, sizeof(names), "%s", pin->blocks);
		else
			page_chain(names, sizeof(names), pin->frames, pin->nframes);
		snprintf(line, sizeof(line), "%7s  %s",
			 machine_bytes_text(size, (double)pin->bytes), names);
		page_say(b, 1, STYLE_NORMAL, line);
	}
}

static void draw_memory(struct page_body *b, const struct report_process *p)
{
	char line[600], size[MACHINE_CELL];

	draw_waterfall(b, p);
	page_say(b, 0, STYLE_NORMAL, "");
	draw_allocator(b, &p->allocator);
	for (size_t i = 0; i < p->nadvice; i++) {
		snprintf(line, sizeof(line), "advice: up to %s by %s",
			 machine_bytes_text(size, (double)p->advice[i].gives_back_bytes),
			 p->advice[i].what);
		page_say(b, 1, STYLE_WARN, line);
		page_say(b, 5, STYLE_DIM, p->advice[i].how);
	}
	draw_pinned(b, p);
}

static void draw_arenas(struct page_body *b, const struct report_allocator *a)
{
	char system[MACHINE_CELL], used[MACHINE_CELL], free_[MACHINE_CELL], resident[MACHINE_CELL];
	char line[256];

	if (!a->narenas) {
		draw_allocator(b, a);
		return;
	}
	page_say(b, 0, STYLE_BOLD,
		 "ARENA             THREADS   SYSTEM   IN USE     FREE RESIDENT  CONFIDENCE");
	for (size_t i = 0; i < a->narenas; i++) {
		const struct report_arena *r = &a->arenas[i];

		snprintf(line, sizeof(line), "%#-14" PRIx64 " %s %8" PRIu64 " %8s %8s %8s %8s  %s",
			 r->address, r->main ? "main" : "    ", r->threads,
			 machine_bytes_text(system, (double)r->system),
			 machine_bytes_text(used, (double)r->in_use),
			 machine_bytes_text(free_, (double)r->free),
			 machine_bytes_text(resident, (double)r->resident_free), r->confidence);
		page_say(b, 0, STYLE_NORMAL, line);
	}
}

struct screen_cursor page_draw(const void *state, const void *view, struct cells *c)
{
	static const struct widget_key keys[] = {
	    {"Tab", " Next "}, {"w", " Watch "}, {"d", " Mark "},   {"G", " Growth "},
	    {"z", " Freeze "}, {"?", " Help "},	 {"Esc", " Back "},
	};
	const struct page_state *s = state;
	const struct page_view *v = view;
	int height = cells__height(c), first = header_lines(height);
	struct page_body b = {.c = c, .first = first, .room = height - first - 1};
	const struct page_data *d = v->data;

	cells__clear(c);
	draw_head(s, v, c);
	if (s->tab == PAGE_MEMORY || s->tab == PAGE_ARENAS)
		b.top = s->cursor;
	if (d && d->why[0])
		page_say(&b, 1, STYLE_WARN, d->why);
	if (!d)
		page_say(&b, 1, STYLE_DIM, "looking at its memory ...");
	else if (s->tab == PAGE_MAPPINGS)
		page_mappings(&b, s, d);
	else if (!d->process)
		page_say(&b, 1, STYLE_DIM, "nothing is known of its memory");
	else if (s->tab == PAGE_MEMORY)
		draw_memory(&b, d->process);
	else if (s->tab == PAGE_CALLSITES)
		page_callsites(&b, s, v);
	else
		draw_arenas(&b, &d->process->allocator);
	if (v->message[0])
		cells__put(c, height - 1, 0, cells__width(c), STYLE_WARN, v->message);
	else
		widget_keys(c, height - 1, keys, sizeof(keys) / sizeof(*keys));
	return (struct screen_cursor){height - 1, -1};
}
