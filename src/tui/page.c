// SPDX-License-Identifier: GPL-2.0
/* page.c: the page's state: what keys do to it, and the mark. */
#include "tui/page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

void page_data_free(struct page_data *d)
{
	if (d)
		arena__free(d->arena);
}

void page_init(struct page_state *s, const struct machine_process *p, bool watch)
{
	*s = (struct page_state){.pid = p->pid,
				 .start_time = p->start_time,
				 .tab = watch ? PAGE_CALLSITES : PAGE_MEMORY,
				 .wants_watch = watch};
}

void page_free(struct page_state *s)
{
	free(s->marks);
	s->marks = NULL;
}

static int by_stack(const void *a, const void *b)
{
	const struct page_mark *x = a, *y = b;

	return (x->stack > y->stack) - (x->stack < y->stack);
}

/* A heap callsite and a mapping one may have the same stack. */
static uint64_t mark_key(const struct report_site *s)
{
	return s->stack ^ (uint64_t)s->kind << 63;
}

static void set_mark(struct page_state *s, const struct report_process *p)
{
	struct page_mark *marks = calloc(p->nsites + 1, sizeof(*marks));

	if (!marks)
		return;
	for (size_t i = 0; i < p->nsites; i++)
		marks[i] = (struct page_mark){mark_key(&p->sites[i]), p->sites[i].bytes};
	if (p->nsites)
		qsort(marks, p->nsites, sizeof(*marks), by_stack);
	free(s->marks);
	s->marks = marks;
	s->nmarks = p->nsites;
	s->mark_outstanding = p->outstanding_bytes;
	s->marked = true;
	s->cursor = 0;
}

int64_t page_change(const struct page_state *s, const struct report_site *site)
{
	const struct page_mark key = {.stack = mark_key(site)}, *found;

	found = s->nmarks ? bsearch(&key, s->marks, s->nmarks, sizeof(key), by_stack) : NULL;
	return (int64_t)site->bytes - (int64_t)(found ? found->bytes : 0);
}

struct ordering {
	const struct page_state *state;
	const struct report_process *process;
};

static int by_change(const void *a, const void *b, void *arg)
{
	const struct ordering *o = arg;
	const uint32_t *x = a, *y = b;
	int64_t p = page_change(o->state, &o->process->sites[*x]),
		q = page_change(o->state, &o->process->sites[*y]);

	return p == q ? (*x > *y) - (*x < *y) : p < q ? 1 : -1;
}

/* What it grows by at least; those that do not for sure are last, by bytes. */
static double surely(const struct report_site *s)
{
	return s->growth.growing ? s->growth.per_minute - s->growth.error : 0;
}

static int by_growth(const void *a, const void *b, void *arg)
{
	const struct ordering *o = arg;
	const uint32_t *x = a, *y = b;
	double p = surely(&o->process->sites[*x]), q = surely(&o->process->sites[*y]);

	return p == q ? (*x > *y) - (*x < *y) : p < q ? 1 : -1;
}

int page_order_make(const struct page_state *s, const struct report_process *p,
		    struct page_order *out)
{
	struct ordering o = {s, p};

	out->n = p->nsites;
	out->v = calloc(p->nsites + 1, sizeof(*out->v));
	if (!out->v)
		return -ENOMEM;
	for (size_t i = 0; i < p->nsites; i++)
		out->v[i] = (uint32_t)i;
	if ((s->marked || s->by_growth) && p->nsites)
		qsort_r(out->v, p->nsites, sizeof(*out->v), s->by_growth ? by_growth : by_change,
			&o);
	return 0;
}

static unsigned int move_to(struct page_state *s, int cursor)
{
	s->cursor = cursor < 0 ? 0 : cursor;
	return EFFECT_DRAW;
}

static unsigned int open_tab(struct page_state *s, int tab)
{
	s->tab = (enum page_tab)((tab + PAGE_TABS) % PAGE_TABS);
	return move_to(s, 0);
}

/* How far the cursor goes; the other tabs are scrolled, and drawing stops at their end. */
static int last_line(const struct page_state *s, const struct page_view *v)
{
	const struct page_data *d = v->data;

	if (s->tab == PAGE_CALLSITES)
		return d && d->process && d->process->nsites ? (int)d->process->nsites - 1 : 0;
	if (s->tab == PAGE_MAPPINGS)
		return d && d->nmappings ? (int)d->nmappings - 1 : 0;
	if (s->tab == PAGE_ARENAS)
		return d && d->process ? (int)d->process->allocator.narenas : 0;
	return 40;
}

static unsigned int character(struct page_state *s, const struct page_view *v, char c)
{
	switch (c) {
	case 'q':
	case 8:
		return EFFECT_BACK;
	case '?':
	case 'h':
		return EFFECT_HELP;
	case 'w':
		s->wants_watch = !s->wants_watch;
		return (s->wants_watch ? open_tab(s, PAGE_CALLSITES) : EFFECT_DRAW) | EFFECT_WATCH;
	case 'd':
		if (!v->data || !v->data->process || !v->data->process->nsites)
			return EFFECT_NONE;
		set_mark(s, v->data->process);
		return open_tab(s, PAGE_CALLSITES);
	case 'G':
		s->by_growth = !s->by_growth;
		return open_tab(s, PAGE_CALLSITES);
	case 'D':
		s->marked = false;
		return move_to(s, 0);
	case '1':
	case '2':
	case '3':
	case '4':
		return open_tab(s, c - '1');
	case 'z':
	case 'Z':
		return EFFECT_FREEZE | EFFECT_DRAW;
	case 12:
		return EFFECT_REDRAW | EFFECT_DRAW;
	default:
		return EFFECT_NONE;
	}
}

static unsigned int page_key(void *state, const void *view, const struct term_event *e)
{
	struct page_state *s = state;
	const struct page_view *v = view;
	int last = last_line(s, v), step = s->height > 12 ? s->height - 10 : 1;

	switch (e->key) {
	case TERM_CHAR:
		return character(s, v, e->character);
	case TERM_ESCAPE:
	case TERM_BACKSPACE:
	case TERM_F10:
		return EFFECT_BACK;
	case TERM_F1:
		return EFFECT_HELP;
	case TERM_F8:
		return EFFECT_FREEZE | EFFECT_DRAW;
	case TERM_TAB:
	case TERM_RIGHT:
		return open_tab(s, s->tab + 1);
	case TERM_BACKTAB:
	case TERM_LEFT:
		return open_tab(s, (int)s->tab - 1);
	case TERM_UP:
		return move_to(s, s->cursor - 1);
	case TERM_DOWN:
		return move_to(s, s->cursor < last ? s->cursor + 1 : last);
	case TERM_PAGE_UP:
		return move_to(s, s->cursor - step);
	case TERM_PAGE_DOWN:
		return move_to(s, s->cursor + step < last ? s->cursor + step : last);
	case TERM_HOME:
		return move_to(s, 0);
	case TERM_END:
		return move_to(s, last);
	default:
		return EFFECT_NONE;
	}
}

const struct screen page_screen = {"page", page_draw, page_key};
