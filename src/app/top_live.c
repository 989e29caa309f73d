// SPDX-License-Identifier: GPL-2.0
/* top_live.c: the machine on a terminal: which screen is shown, and what its keys' effects do. */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/machine_source.h"
#include "app/top.h"
#include "app/top_events.h"
#include "app/top_kept.h"
#include "app/top_page.h"
#include "app/top_sampler.h"
#include "base/log.h"
#include "tui/cells.h"
#include "tui/help.h"
#include "tui/list.h"
#include "tui/page.h"
#include "tui/term.h"

#define MILLISECOND 1000000ull

/* Callsites that a page's session tells of. */
#define PAGE_SITES 1000

enum where { ON_LIST, ON_PAGE, ON_HELP };

struct live {
	const struct top_options *options;
	struct top_events *events;
	struct machine_source *source;
	struct top_sampler *sampler;
	struct top_page *pages;
	struct term *term;
	struct cells *cells;
	struct machine_rows *rows;
	const struct machine *machine;
	enum where where, help_from;
	struct list_state list;
	struct page_state page;
	struct help_state help;
	struct page_data *data;
	struct top_kept kept; /* the page's process as it was seen last */
	bool ended;
	bool quit;
};

static struct list_view list_view_of(const struct live *l)
{
	return (struct list_view){
	    .machine = l->machine, .rows = l->rows, .message = top_events__message(l->events)};
}

static struct page_view page_view_of(const struct live *l)
{
	return (struct page_view){.machine = l->machine,
				  .process = &l->kept.process,
				  .ended = l->ended,
				  .data = l->data,
				  .message = top_events__message(l->events)};
}

static void draw(struct live *l)
{
	struct list_view list = list_view_of(l);
	struct page_view page = page_view_of(l);
	struct screen_cursor cursor;

	if (l->where == ON_LIST) {
		list_settle(&l->list, &list, cells__width(l->cells), cells__height(l->cells));
		cursor = list_screen.draw(&l->list, &list, l->cells);
	} else if (l->where == ON_PAGE) {
		l->page.width = cells__width(l->cells);
		l->page.height = cells__height(l->cells);
		cursor = page_screen.draw(&l->page, &page, l->cells);
	} else {
		cursor = help_screen.draw(&l->help, NULL, l->cells);
	}
	term__draw(l->term, l->cells, cursor.y, cursor.x);
}

static void make_rows(struct live *l)
{
	if (l->machine)
		machine_rows__make(l->rows, l->machine, &l->list.order, &l->list.folds);
}

/* Names cost time and memory: only for who sees them. */
static bool shows_callsites(const struct live *l)
{
	struct machine_columns columns;

	list_columns(&l->list, l->machine, cells__width(l->cells), &columns);
	for (size_t i = 0; i < columns.n; i++)
		if (columns.v[i] == COLUMN_CALLSITE)
			return true;
	return false;
}

/* Ask for the next look: what is on the screen is looked at more closely. */
static void request(struct live *l)
{
	int room = list_room(&l->list, cells__height(l->cells)), n = 0;
	uint32_t *pids = calloc((size_t)room + 1, sizeof(*pids));
	struct sampler_shown shown = {
	    .pids = pids, .pss = l->list.pss, .names = shows_callsites(l)};

	if (!pids)
		return;
	for (int i = 0; l->where != ON_PAGE && l->machine && i < room; i++) {
		size_t row = (size_t)(l->list.top + i);

		if (row < machine_rows__count(l->rows) && !machine_rows__at(l->rows, row)->group)
			pids[n++] = machine_rows__at(l->rows, row)->process->pid;
	}
	if (l->page.pid) {
		pids[n++] = l->page.pid;
		shown.focus = l->page.pid;
	}
	shown.n = (size_t)n;
	top_sampler__request(l->sampler, l->machine, &shown);
	free(pids);
}

/* The machine as it was looked at last, also as the page's process sees it. */
static void take_machine(struct live *l)
{
	const struct machine *m = top_sampler__latest(l->sampler);
	const struct machine_process *p = NULL;

	if (!m || m == l->machine)
		return;
	l->machine = m;
	make_rows(l);
	if (!l->page.pid || l->ended)
		return;
	for (size_t i = 0; i < m->nprocesses; i++)
		if (m->processes[i].pid == l->page.pid &&
		    m->processes[i].start_time == l->page.start_time)
			p = &m->processes[i];
	l->ended = !p || p->flags & MACHINE_ZOMBIE;
	if (!l->ended)
		top_kept_set(&l->kept, p);
}

static void take_page(struct live *l)
{
	struct page_data *fresh = top_page__take(l->pages);

	top_sampler__watched(l->sampler, top_page__watched(l->pages));
	if (!fresh)
		return;
	if (fresh->watch == PAGE_REFUSED)
		l->page.wants_watch = false;
	if (!fresh->process && l->data && l->data->process) {
		/* Nothing but how the watching stands: the figures stay until there are new ones.
		 */
		l->data->watch = fresh->watch;
		page_data_free(fresh);
		return;
	}
	page_data_free(l->data);
	l->data = fresh;
}

static void close_page(struct live *l)
{
	top_page__open(l->pages, 0, false);
	page_data_free(l->data);
	l->data = NULL;
	page_free(&l->page);
	l->page = (struct page_state){0};
	l->where = ON_LIST;
	make_rows(l);
}

static void open_page(struct live *l)
{
	const struct list_view v = list_view_of(l);
	const struct machine_row *row = list_selected(&l->list, &v);

	if (!row || row->group)
		return;
	page_init(&l->page, row->process, l->list.wants_watch);
	top_kept_set(&l->kept, row->process);
	l->ended = false;
	l->where = ON_PAGE;
	top_page__open(l->pages, l->page.pid, l->page.wants_watch);
}

static void act(struct live *l, unsigned int effects)
{
	if (effects & EFFECT_QUIT)
		l->quit = true;
	if (effects & EFFECT_REMAKE)
		make_rows(l);
	if (effects & EFFECT_REDRAW)
		term__redraw(l->term);
	if (effects & EFFECT_OPEN)
		open_page(l);
	if (effects & EFFECT_WATCH)
		top_page__open(l->pages, l->ended ? 0 : l->page.pid, l->page.wants_watch);
	if (effects & EFFECT_FREEZE && l->where == ON_PAGE)
		l->list.frozen = !l->list.frozen;
	if (effects & EFFECT_HELP) {
		l->help_from = l->where;
		l->where = ON_HELP;
		l->help.top = 0;
	} else if (effects & EFFECT_BACK && l->where == ON_HELP) {
		l->where = l->help_from;
	} else if (effects & EFFECT_BACK) {
		close_page(l);
	}
	if (effects & (EFFECT_OPEN | EFFECT_REFRESH | EFFECT_BACK) && !l->list.frozen) {
		take_machine(l);
		request(l);
	}
}

/* All keys that are there, then one picture. */
static void keys(struct live *l)
{
	struct term_event e;

	while (!l->quit && (e = term__event(l->term)).key != TERM_NONE) {
		const struct list_view list = list_view_of(l);
		const struct page_view page = page_view_of(l);

		if (e.key == TERM_GONE)
			l->quit = true;
		else if (l->where == ON_LIST)
			act(l, list_screen.key(&l->list, &list, &e));
		else if (l->where == ON_PAGE)
			act(l, page_screen.key(&l->page, &page, &e));
		else
			act(l, help_screen.key(&l->help, NULL, &e));
		top_events__seen(l->events);
	}
}

static void resize(struct live *l)
{
	int width, height;

	term__resize(l->term, &width, &height);
	cells__resize(l->cells, width, height);
}

static void loop(struct live *l)
{
	request(l);
	draw(l);
	while (!l->quit) {
		unsigned int what = top_events__wait(l->events);

		if (what & TOP_STOP)
			break;
		if (what & TOP_RESIZED)
			resize(l);
		if (what & TOP_KEYS)
			keys(l);
		if (what & TOP_NEWS) {
			if (!l->list.frozen || !l->machine)
				take_machine(l);
			take_page(l);
		}
		if (what & TOP_TICK && !l->list.frozen) {
			/* Two looks are kept: the one that is shown must be the newest. */
			take_machine(l);
			request(l);
		}
		if (!l->quit)
			draw(l);
	}
}

static bool locale_is_utf8(void)
{
	setlocale(LC_CTYPE, "");
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

static int open_all(struct live *l)
{
	struct sampler_options options = {0};
	const struct session_config session = {.probes = {.user = USER_AUTO,
							  .kernel = l->options->kernel,
							  .ring_bytes = 8 << 20,
							  .rings = 1,
							  .threads = 16384,
							  .processes = 64},
					       .share = l->options->share,
					       .top = PAGE_SITES,
					       .quiet = true};
	int err = top_events__new(l->options->interval_ns, &l->events), width, height;

	if (err)
		return err;
	l->source = machine_source__new();
	l->rows = machine_rows__new();
	l->cells = cells__new(80, 24, locale_is_utf8());
	if (!l->source || !l->rows || !l->cells)
		return -ENOMEM;
	options.source = machine_source__sampler(l->source);
	err = top_sampler__new(&options, l->source, l->options->kernel,
			       top_events__news_fd(l->events), &l->sampler);
	if (!err)
		err = top_page__new(&session, l->source, top_events__news_fd(l->events), &l->pages);
	if (!err)
		err = term__open(&l->term);
	if (err == -EINVAL)
		log_error("the terminal '%s' is not known or cannot be drawn on; --batch prints",
			  getenv("TERM") ? getenv("TERM") : "");
	if (err)
		return err;
	top_events__capture(l->events);
	term__resize(l->term, &width, &height);
	return cells__resize(l->cells, width, height);
}

int top_live(const struct top_options *o)
{
	struct live l = {.options = o};
	int err = open_all(&l);

	list_init(&l.list);
	l.list.order = o->order;
	if (o->order.user)
		strncpy(l.list.user, o->order.user, sizeof(l.list.user) - 1);
	l.list.order.user = o->order.user ? l.list.user : NULL;
	l.list.columns = o->columns;
	l.list.columns_chosen = o->columns_chosen;
	for (size_t i = 0; i < o->columns.n; i++)
		l.list.pss |= o->columns.v[i] == COLUMN_PSS;
	if (!err)
		loop(&l);
	/* The terminal first: detaching may take a moment. */
	term__close(l.term);
	top_events__release(l.events);
	if (!top_page__free(l.pages))
		_exit(err ? 1 : 0); /* the kernel detaches what is attached */
	top_sampler__free(l.sampler);
	machine_source__free(l.source);
	page_data_free(l.data);
	page_free(&l.page);
	list_free(&l.list);
	machine_rows__free(l.rows);
	cells__free(l.cells);
	top_events__free(l.events);
	return err;
}
