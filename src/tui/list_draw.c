// SPDX-License-Identifier: GPL-2.0
/* list_draw.c: the list on the screen: totals, headings, rows, keys. */
#include <stdio.h>
#include <string.h>

#include "tui/cells.h"
#include "tui/list.h"
#include "tui/widgets.h"

#define MENU_WIDTH 26

const struct widget_key list_keys[LIST_KEYS] = {
    {"F1", "Help"}, {"F2", "Cols"},  {"F3", "Search"}, {"F4", "Filter"},  {"F5", "Tree"},
    {"F6", "Sort"}, {"F7", "Group"}, {"F8", "Freeze"}, {"Enter", "Page"}, {"F10", "Quit"},
};

static int header_lines(int height)
{
	return height >= 20 ? 4 : height >= 12 ? 2 : 1;
}

int list_first_line(int height)
{
	return header_lines(height) + 1;
}

int list_room(const struct list_state *s, int height)
{
	int room = height - list_first_line(height) - 1;

	(void)s;
	return room > 0 ? room : 0;
}

void list_columns(const struct list_state *s, const struct machine *m, int width,
		  struct machine_columns *out)
{
	if (s->columns_chosen)
		*out = s->columns;
	else
		machine_columns_fit(width, m && m->events[0], out);
	/* Asked for by key: it is shown where it was not. */
	if (s->pss && !s->columns_chosen) {
		size_t at = 0;

		while (at < out->n && out->v[at] != COLUMN_RSS)
			at++;
		memmove(&out->v[at + 2], &out->v[at + 1], (out->n - at - 1) * sizeof(*out->v));
		out->v[at + 1] = COLUMN_PSS;
		out->n++;
	}
}

static void draw_tasks(const struct machine *m, struct cells *c, int y, int x)
{
	int width = cells__width(c) - x;
	size_t users = m->nprocesses - m->kernel_threads;

	cells__printf(c, y, x, width, STYLE_NORMAL, "Tasks: %zu, %u thr, %u kthr; %u running",
		      users, m->threads > m->kernel_threads ? m->threads - m->kernel_threads : 0,
		      m->kernel_threads, m->running);
}

static void draw_load(const struct machine *m, struct cells *c, int y, int x)
{
	unsigned long up = (unsigned long)m->uptime;

	cells__printf(c, y, x, cells__width(c) - x, STYLE_NORMAL,
		      "Load: %.2f %.2f %.2f  Up: %lud %02lu:%02lu:%02lu", m->load[0], m->load[1],
		      m->load[2], up / 86400, up / 3600 % 24, up / 60 % 60, up % 60);
}

static void draw_meters(const struct machine *m, struct cells *c, int lines)
{
	const struct machine_memory *mem = &m->memory;
	int width = cells__width(c), meter = width < 80 ? width / 2 : width < 120 ? 40 : 50;
	uint64_t cache = mem->cached > mem->shmem ? mem->cached - mem->shmem : 0;
	uint64_t rest = mem->free + mem->buffers + cache;
	struct meter_part memory[] = {
	    {mem->total > rest ? mem->total - rest : 0, STYLE_BAR_1},
	    {mem->buffers, STYLE_BAR_2},
	    {cache, STYLE_BAR_3},
	};
	struct meter_part swap[] = {{mem->swap_total - mem->swap_free, STYLE_BAD}};

	widget_meter(c, 0, 0, meter, "Mem", memory, 3, mem->total);
	draw_tasks(m, c, 0, meter + 2);
	if (lines < 2)
		return;
	widget_meter(c, 1, 0, meter, "Swp", swap, 1, mem->swap_total);
	draw_load(m, c, 1, meter + 2);
}

/* What the processes hold, each page once; what malloc has of it. */
static void draw_sums(const struct machine *m, struct cells *c, int y)
{
	char held[MACHINE_CELL], rss[MACHINE_CELL], heap[MACHINE_CELL], used[MACHINE_CELL];
	int width = cells__width(c);
	int x = cells__printf(
	    c, y, 0, width, STYLE_NORMAL, "Held: %s, each page once (RSS sum %s)  ",
	    machine_bytes_text(held, (double)m->held), machine_bytes_text(rss, (double)m->rss_sum));

	x += cells__printf(c, y, x, width - x, STYLE_NORMAL, "malloc: %s, %s in use",
			   machine_bytes_text(heap, (double)m->heap_system_sum),
			   machine_bytes_text(used, (double)m->heap_in_use_sum));
	if (m->heaps_pending)
		x += cells__printf(c, y, x, width - x, STYLE_DIM, ", %u not looked at yet",
				   m->heaps_pending);
	if (m->heaps_denied)
		cells__printf(c, y, x, width - x, STYLE_WARN, ", %u may not be read",
			      m->heaps_denied);
}

static void draw_tagged(const struct list_state *s, const struct list_view *v, struct cells *c,
			int y, int x)
{
	double rss = 0, heap = 0;
	char a[MACHINE_CELL], b[MACHINE_CELL];
	unsigned int n = 0;

	for (size_t i = 0; s->tags.n && i < v->machine->nprocesses; i++) {
		const struct machine_process *p = &v->machine->processes[i];

		if (!machine_folds_has(&s->tags, machine_row_key(p)))
			continue;
		n++;
		rss += machine_column_value(COLUMN_PRIVATE, p).number;
		heap += machine_column_value(COLUMN_HEAP, p).number;
	}
	if (n)
		cells__printf(c, y, x, cells__width(c) - x, STYLE_TAGGED,
			      "  %u tagged: %s private, %s heap", n, machine_bytes_text(a, rss),
			      machine_bytes_text(b, heap));
}

static void draw_self(const struct list_state *s, const struct list_view *v, struct cells *c, int y)
{
	const struct machine *m = v->machine;
	char rss[MACHINE_CELL];
	int width = cells__width(c);
	int x = cells__printf(c, y, 0, width, STYLE_NORMAL, "heapwatch: %.1f%% CPU, %s  ",
			      100 * m->self.cpu, machine_bytes_text(rss, (double)m->self.rss));

	if (m->events[0])
		x += cells__printf(c, y, x, width - x, STYLE_NORMAL, "kernel side: %s", m->events);
	else
		x += cells__printf(c, y, x, width - x, STYLE_DIM, "kernel side: none%s%s",
				   m->events_reason[0] ? ", " : "", m->events_reason);
	if (m->hidden)
		x += cells__put(c, y, x, width - x, STYLE_WARN, "  others' processes are hidden");
	if (s->order.filter[0])
		x += cells__printf(c, y, x, width - x, STYLE_WARN, "  filter: %s", s->order.filter);
	if (s->order.user)
		x += cells__printf(c, y, x, width - x, STYLE_WARN, "  user: %s", s->order.user);
	if (s->frozen)
		x += cells__put(c, y, x, width - x, STYLE_BAD, "  FROZEN");
	draw_tagged(s, v, c, y, x);
}

static void draw_titles(const struct list_state *s, const struct machine_columns *columns,
			struct cells *c, int y)
{
	int x = 0, width = cells__width(c);

	cells__fill(c, y, 0, width, STYLE_TITLE, " ");
	for (size_t i = 0; i < columns->n && x < width; i++) {
		const struct machine_column_info *info = machine_column_info(columns->v[i]);
		int room = info->width ? info->width : width - x;
		enum style style = columns->v[i] == s->order.sort ? STYLE_SORTED : STYLE_TITLE;

		if (info->kind == COLUMN_IS_TEXT) {
			int used = cells__put(c, y, x, room, style, info->title);

			if (style == STYLE_SORTED && used < room)
				cells__put(c, y, x + used, 1, style,
					   info->up != s->order.invert ? "▲" : "▼");
		} else {
			cells__put_right(c, y, x, room, style, info->title);
		}
		x += room + 1;
	}
}

static int draw_branches(const struct machine_row *row, struct cells *c, int y, int x, int width)
{
	int at = 0;

	for (uint32_t d = 1; d < row->depth && at + 2 < width; d++) {
		cells__put(c, y, x + at, 2, STYLE_DIM, row->branches >> d & 1 ? "│" : " ");
		at += 2;
	}
	if (row->depth && at + 3 < width) {
		cells__put(c, y, x + at, 3, STYLE_DIM, row->last ? "└─" : "├─");
		at += 3;
	}
	return at;
}

static void draw_command(const struct list_state *s, const struct machine_row *row, struct cells *c,
			 int y, int x, int width, enum style style)
{
	const struct machine_process *p = row->process;
	const char *text = p->cmdline;
	int at = 0;

	if (row->group)
		at += cells__put(c, y, x, width, style, row->folded ? "+ " : "- ");
	else
		at += draw_branches(row, c, y, x, width);
	if (!row->group && row->folded)
		at += cells__put(c, y, x + at, width - at, style, "+ ");
	if (row->group) {
		cells__printf(c, y, x + at, width - at, style, "%s (%u)", text, row->members);
		return;
	}
	if (!text[0]) {
		at += cells__printf(c, y, x + at, width - at, style, "[%s]", p->comm);
	} else {
		for (int i = 0; i < s->left && *text; i++)
			do
				text++;
			while ((*text & 0xc0) == 0x80);
		at += cells__put(c, y, x + at, width - at, style, text);
	}
	if (row->folded)
		cells__printf(c, y, x + at, width - at, STYLE_DIM, " +%u", row->members);
}

/* What stands out: much free memory, fast growth. */
static enum style value_style(enum machine_column c, const struct machine_process *p)
{
	struct machine_value v = machine_column_value(c, p);

	if (v.quality == MACHINE_UNKNOWN)
		return STYLE_DIM;
	if (c == COLUMN_FREE_PERCENT && v.number >= 50 && p->heap.free_resident >= 8 << 20)
		return STYLE_WARN;
	if (c == COLUMN_GROWTH && v.number >= 64 << 20)
		return STYLE_BAD;
	if (c == COLUMN_GROWTH && v.number >= 1 << 20)
		return STYLE_WARN;
	if (c == COLUMN_WATCHED)
		return p->flags & MACHINE_WATCHED ? STYLE_GOOD : STYLE_DIM;
	return STYLE_NORMAL;
}

static void draw_row(const struct list_state *s, const struct machine_row *row,
		     const struct machine_columns *columns, struct cells *c, int y, bool selected)
{
	bool tagged = machine_folds_has(&s->tags, row->key);
	int x = 0, width = cells__width(c);
	char text[MACHINE_CELL];

	for (size_t i = 0; i < columns->n && x < width; i++) {
		enum machine_column id = columns->v[i];
		const struct machine_column_info *info = machine_column_info(id);
		int room = info->width ? info->width : width - x;
		enum style style = tagged ? STYLE_TAGGED : value_style(id, row->process);

		if (id == COLUMN_COMMAND)
			draw_command(s, row, c, y, x, room, tagged ? STYLE_TAGGED : STYLE_NORMAL);
		else if (row->group && (id == COLUMN_PID || id == COLUMN_PPID))
			cells__put_right(c, y, x, room, style, "");
		else if (info->kind == COLUMN_IS_TEXT)
			cells__put(c, y, x, room, style,
				   machine_column_text(id, row->process, text));
		else
			cells__put_right(c, y, x, room, style,
					 machine_column_text(id, row->process, text));
		x += room + 1;
	}
	if (selected)
		cells__paint(c, y, 0, width, STYLE_SELECTED);
}

static void draw_menu(const struct list_state *s, const struct list_view *v, struct cells *c)
{
	static const char *const titles[] = {[LIST_SORT] = "Sort by",
					     [LIST_COLUMNS] = "Columns (Space)",
					     [LIST_USERS] = "Show user"};
	int first = list_first_line(cells__height(c)), room = list_room(s, cells__height(c));
	int top = s->menu >= room ? s->menu - room + 1 : 0;
	char text[LIST_ENTRY];

	cells__fill(c, first - 1, 0, MENU_WIDTH, STYLE_TITLE, " ");
	cells__put(c, first - 1, 0, MENU_WIDTH, STYLE_TITLE, titles[s->mode]);
	for (int i = 0; i < room; i++) {
		int entry = top + i;
		enum style style = entry == s->menu ? STYLE_SELECTED : STYLE_NORMAL;

		cells__fill(c, first + i, 0, MENU_WIDTH, style, " ");
		cells__put(c, first + i, MENU_WIDTH, 1, STYLE_DIM, "│");
		if (entry < list_menu_count(s, v))
			cells__put(c, first + i, 1, MENU_WIDTH - 2, style,
				   list_menu_entry(s, v, entry, text));
	}
}

static struct screen_cursor draw_bottom(const struct list_state *s, const struct list_view *v,
					struct cells *c)
{
	static const struct widget_key menu[] = {{"Enter", "Choose"}, {"Esc", "Back"}};
	int y = cells__height(c) - 1, width = cells__width(c), x;

	if (s->mode == LIST_SEARCH || s->mode == LIST_FILTER) {
		const char *typed = s->mode == LIST_SEARCH ? s->search : s->order.filter;

		x = cells__printf(c, y, 0, width, STYLE_LABEL, "%s: %s",
				  s->mode == LIST_SEARCH ? "Search" : "Filter", typed);
		if (x < width)
			cells__fill(c, y, x, width - x, STYLE_LABEL, " ");
		return (struct screen_cursor){y, x < width ? x : width - 1};
	}
	if (s->mode != LIST_PLAIN)
		widget_keys(c, y, menu, 2);
	else if (v->message[0])
		cells__put(c, y, 0, width, STYLE_WARN, v->message);
	else
		widget_keys(c, y, list_keys, LIST_KEYS);
	return (struct screen_cursor){y, -1};
}

struct screen_cursor list_draw(const void *state, const void *view, struct cells *c)
{
	const struct list_state *s = state;
	const struct list_view *v = view;
	int height = cells__height(c), lines = header_lines(height),
	    first = list_first_line(height);
	struct machine_columns columns;

	cells__clear(c);
	if (!v->machine) {
		cells__put(c, 0, 0, cells__width(c), STYLE_NORMAL, "Looking at the machine ...");
		return (struct screen_cursor){0, -1};
	}
	draw_meters(v->machine, c, lines);
	if (lines == 4) {
		draw_sums(v->machine, c, 2);
		draw_self(s, v, c, 3);
	}
	list_columns(s, v->machine, cells__width(c), &columns);
	draw_titles(s, &columns, c, first - 1);
	for (int i = 0; i < list_room(s, height); i++) {
		size_t n = (size_t)(s->top + i);

		if (n < machine_rows__count(v->rows))
			draw_row(s, machine_rows__at(v->rows, n), &columns, c, first + i,
				 (int)n == s->cursor);
	}
	if (s->mode >= LIST_SORT)
		draw_menu(s, v, c);
	return draw_bottom(s, v, c);
}
