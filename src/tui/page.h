/* SPDX-License-Identifier: GPL-2.0 */
/* page.h: the screen of one process: where its memory is, who asked for it. */
#ifndef TUI_PAGE_H
#define TUI_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/machine.h"
#include "model/report.h"
#include "tui/screen.h"

struct arena;

enum page_watch { PAGE_PASSIVE, PAGE_STARTING, PAGE_WATCHING, PAGE_REFUSED };

/* A callsite of the kernel-side probes: since heapwatch was started. */
struct page_mapping {
	uint64_t bytes, maps;
	size_t nframes;
	const struct report_frame *frames;
};

/* What was found out of the process: finished when the page gets it.  All of it is in the arena. */
struct page_data {
	struct arena *arena;
	const struct report_process *process; /* NULL: it ended before it could be looked at */
	const char *why; /* why something is missing, for a line of the page; "" */
	enum page_watch watch;
	double elapsed;	  /* seconds since the attach */
	double hits_rate; /* of probes, a second */
	double overhead;  /* percent of the process's run time that they take, lately */
	bool has_mappings;
	size_t nmappings;
	const struct page_mapping *mappings; /* by bytes, largest first */
};
void page_data_free(struct page_data *d);

enum page_tab { PAGE_MEMORY, PAGE_CALLSITES, PAGE_MAPPINGS, PAGE_ARENAS, PAGE_TABS };

/* What a callsite held when `d` was pressed. */
struct page_mark {
	uint64_t stack, bytes;
};

struct page_state {
	uint32_t pid;
	uint64_t start_time;
	enum page_tab tab;
	int cursor; /* of callsites and mappings; else the first line that is shown */
	int width, height;
	bool wants_watch; /* `w` was pressed: probes are on, or on their way */
	bool by_growth;	  /* callsites: what grows fastest is first */
	bool marked;
	size_t nmarks;
	struct page_mark *marks; /* by stack */
	uint64_t mark_outstanding;
};

struct page_view {
	const struct machine *machine;
	const struct machine_process *process; /* the last that was seen of it */
	bool ended;
	const struct page_data *data; /* NULL: not yet */
	const char *message;
};

extern const struct screen page_screen;

void page_init(struct page_state *s, const struct machine_process *p, bool watch);
void page_free(struct page_state *s);

/* page.c's, for page_draw.c. */
struct page_order {
	size_t n;
	uint32_t *v; /* numbers of sites: by bytes, by growth, or by the change since the mark */
};
/* 0 or -ENOMEM. */
int page_order_make(const struct page_state *s, const struct report_process *p,
		    struct page_order *out);
/* What the site grew by since the mark. */
int64_t page_change(const struct page_state *s, const struct report_site *site);

struct screen_cursor page_draw(const void *state, const void *view, struct cells *c);

#endif
