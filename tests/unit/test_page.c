// SPDX-License-Identifier: GPL-2.0
/* The page of one process on a screen, its keys, the mark; and the copy of a report's process. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "machine_fixture.h"
#include "model/report_copy.h"
#include "screen_golden.h"
#include "tui/page.h"

static const struct report_frame leak_frames[] = {
    {.function = "keep_record", .file = "import.c", .line = 25, .module = "/usr/bin/import"},
    {.function = "work", .file = "import.c", .line = 90, .module = "/usr/bin/import"},
    {.function = "main", .module = "/usr/bin/import", .offset = 0x1234},
};
static const struct report_frame other_frames[] = {
    {.module = "/usr/lib/libz.so.1", .offset = 0xabc},
    {.function = "main", .module = "/usr/bin/import", .offset = 0x1250},
};

/* Its parts are copied from here, so that a test may change them. */
static struct report_site sites[] = {
    {.kind = REPORT_HEAP,
     .stack = 11,
     .bytes = 50 << 20,
     .blocks = 1000,
     .allocated_bytes = 60 << 20,
     .allocated_blocks = 1100,
     .truncated = false,
     .nframes = 3,
     .frames = leak_frames,
     .reason = NULL},
    {.kind = REPORT_MAP,
     .stack = 13,
     .bytes = 8 << 20,
     .blocks = 2,
     .allocated_bytes = 8 << 20,
     .allocated_blocks = 2,
     .truncated = true,
     .nframes = 2,
     .frames = other_frames,
     .reason = "no rule for this code"},
    {.kind = REPORT_HEAP,
     .stack = 13,
     .bytes = 1 << 10,
     .blocks = 7,
     .allocated_bytes = 2 << 10,
     .allocated_blocks = 14,
     .truncated = false,
     .nframes = 2,
     .frames = other_frames,
     .reason = NULL},
};
static const struct report_arena arenas[] = {
    {0x7f0000000c60, true, 1, 73 << 20, 73 << 20, 16 << 20, 57 << 20, 55 << 20, 53 << 20, "exact"},
    {0x7f1000000030, false, 2, 3 << 20, 3 << 20, 2 << 20, 1 << 20, 0, 0, "estimated"},
};
static const struct report_line waterfall[] = {
    {"live blocks seen, by callsite", 50 << 20, "exact"},
    {"free but resident in the allocator", 55 << 20, "exact"},
    {"files and shared memory", 2 << 20, "exact"},
    {"unexplained", -(1 << 10), "estimated"},
};
static const struct report_pinned pinned[] = {
    {2 << 20, 600, NULL, 3, leak_frames},
    {1 << 20, 300, "live blocks of up to 96 B", 0, NULL},
};
static const struct report_advice advice[] = {
    {"malloc_trim(0): 8.86 MiB at the top", 53 << 20, "gdb -p 41 -batch"},
};

static struct report_process process_of(void)
{
	return (struct report_process){
	    .pid = 41,
	    .comm = "import",
	    .exe = "/usr/bin/import",
	    .seen_from = "attach",
	    .user_probes = "session",
	    .kernel_probes = "fentry",
	    .mode = "exact",
	    .rss_bytes = 107 << 20,
	    .outstanding_bytes = (58 << 20) + 1024,
	    .outstanding_blocks = 1009,
	    .allocator = {.name = "glibc",
			  .version = "2.36",
			  .told = true,
			  .confidence = "exact",
			  .system_bytes = 76 << 20,
			  .in_use_bytes = 18 << 20,
			  .free_bytes = 58 << 20,
			  .resident_free_bytes = 55 << 20,
			  .mmapped_blocks = 3,
			  .narenas = 2,
			  .arenas = arenas},
	    .nlines = 4,
	    .waterfall = waterfall,
	    .npinned = 2,
	    .pinned = pinned,
	    .sparse_pages = 682,
	    .sparse_free_bytes = 3 << 20,
	    .nadvice = 1,
	    .advice = advice,
	    .ncuts = 1,
	    .cuts = {{"no rule for this code", 1, 2}},
	    .nsites = 3,
	    .sites = sites,
	    .sites_total = 3,
	};
}

static const struct page_mapping mappings[] = {
    {8 << 20, 2, 2, other_frames},
    {4096, 1, 3, leak_frames},
};

struct bench {
	struct page_state s;
	struct page_view v;
	struct page_data d;
	struct report_process process;
	struct cells *cells;
};

static void open_page(struct bench *b, int width, int height)
{
	const struct machine *m = fixture_machine();

	b->process = process_of();
	b->d = (struct page_data){.process = &b->process,
				  .why = "",
				  .watch = PAGE_WATCHING,
				  .elapsed = 17.4,
				  .hits_rate = 84092,
				  .overhead = 11.81,
				  .has_mappings = true,
				  .nmappings = 2,
				  .mappings = mappings};
	b->v = (struct page_view){
	    .machine = m, .process = &m->processes[4], .data = &b->d, .message = ""};
	b->cells = cells__new(width, height, true);
	page_init(&b->s, &m->processes[4], false);
	b->s.width = width;
	b->s.height = height;
}

static void close_page(struct bench *b)
{
	page_free(&b->s);
	cells__free(b->cells);
}

static unsigned int key(struct bench *b, enum term_key k)
{
	struct term_event e = {.key = k};

	return page_screen.key(&b->s, &b->v, &e);
}

static unsigned int type(struct bench *b, char c)
{
	struct term_event e = {.key = TERM_CHAR, .character = c};

	return page_screen.key(&b->s, &b->v, &e);
}

static void looks(struct bench *b, const char *name)
{
	page_screen.draw(&b->s, &b->v, b->cells);
	screen_is(b->cells, name);
}

static void tabs(void **state)
{
	struct bench b;

	(void)state;
	open_page(&b, 110, 30);
	looks(&b, "page_memory");
	key(&b, TERM_TAB);
	assert_int_equal(b.s.tab, PAGE_CALLSITES);
	looks(&b, "page_callsites");
	key(&b, TERM_DOWN);
	looks(&b, "page_callsites_second");
	key(&b, TERM_TAB);
	looks(&b, "page_mappings");
	key(&b, TERM_TAB);
	looks(&b, "page_arenas");
	key(&b, TERM_TAB);
	assert_int_equal(b.s.tab, PAGE_MEMORY);
	key(&b, TERM_BACKTAB);
	assert_int_equal(b.s.tab, PAGE_ARENAS);
	type(&b, '2');
	assert_int_equal(b.s.tab, PAGE_CALLSITES);
	close_page(&b);
	open_page(&b, 80, 24);
	looks(&b, "page_80x24");
	close_page(&b);
}

static void states(void **state)
{
	struct bench b;

	(void)state;
	open_page(&b, 80, 12);
	b.v.data = NULL;
	looks(&b, "page_looking");
	b.v.data = &b.d;
	b.d.process = NULL;
	b.d.watch = PAGE_PASSIVE;
	b.d.why = "its memory may not be read: another user's; root may";
	looks(&b, "page_denied");
	b.d.process = &b.process;
	b.process.nsites = 0;
	b.d.why = "";
	type(&b, '2');
	looks(&b, "page_not_watched");
	b.d.has_mappings = false;
	type(&b, '3');
	looks(&b, "page_no_mappings");
	b.v.ended = true;
	type(&b, '1');
	looks(&b, "page_ended");
	b.process.allocator = (struct report_allocator){
	    .name = "none found", .searched = "/bin/x, /lib/y", .confidence = "unknown"};
	type(&b, '4');
	looks(&b, "page_no_allocator");
	close_page(&b);
}

static void any_size(void **state)
{
	struct bench b;

	(void)state;
	for (int width = 1; width < 130; width += 9)
		for (int height = 1; height < 30; height += 4) {
			open_page(&b, width, height);
			for (char tab = '1'; tab <= '4'; tab++) {
				type(&b, tab);
				page_screen.draw(&b.s, &b.v, b.cells);
				key(&b, TERM_END);
				page_screen.draw(&b.s, &b.v, b.cells);
			}
			close_page(&b);
		}
}

static void mark(void **state)
{
	struct report_site before = sites[0];
	struct page_order order;
	struct bench b;

	(void)state;
	open_page(&b, 110, 30);
	assert_int_equal(type(&b, 'd'), EFFECT_DRAW);
	assert_true(b.s.marked);
	assert_int_equal(b.s.tab, PAGE_CALLSITES);
	sites[0].bytes -= 1009;
	sites[2].bytes += 2003;
	b.process.outstanding_bytes += 994;
	assert_int_equal(page_change(&b.s, &sites[0]), -1009);
	/* Of the two with one stack only the heap's has changed. */
	assert_int_equal(page_change(&b.s, &sites[1]), 0);
	assert_int_equal(page_change(&b.s, &sites[2]), 2003);
	assert_int_equal(page_order_make(&b.s, &b.process, &order), 0);
	assert_int_equal(order.n, 3);
	assert_int_equal(order.v[0], 2);
	assert_int_equal(order.v[1], 1);
	assert_int_equal(order.v[2], 0);
	free(order.v);
	looks(&b, "page_marked");
	type(&b, 'D');
	assert_false(b.s.marked);
	assert_int_equal(page_order_make(&b.s, &b.process, &order), 0);
	assert_int_equal(order.v[0], 0);
	free(order.v);
	sites[0] = before;
	sites[2].bytes -= 2003;
	/* Nothing to mark. */
	b.process.nsites = 0;
	assert_int_equal(type(&b, 'd'), EFFECT_NONE);
	close_page(&b);
}

static void growth(void **state)
{
	const struct report_growth known = {.known = true, .seconds = 34};
	struct report_site before = sites[2];
	struct page_order order;
	struct bench b;

	(void)state;
	open_page(&b, 110, 30);
	sites[0].growth = sites[1].growth = sites[2].growth = known;
	sites[2].growth = (struct report_growth){true, 5662310, 225280, 34, true, false};
	b.process.heap_growth =
	    (struct report_growth){true, .per_minute = 6 << 20, .error = 4 << 10, .seconds = 34};
	b.process.estimates = "missing";
	/* The fastest is first, and back by bytes. */
	assert_int_equal(type(&b, 'G'), EFFECT_DRAW);
	assert_int_equal(b.s.tab, PAGE_CALLSITES);
	assert_int_equal(page_order_make(&b.s, &b.process, &order), 0);
	assert_true(order.v[0] == 2 && order.v[1] == 0 && order.v[2] == 1);
	free(order.v);
	looks(&b, "page_growth");
	assert_int_equal(type(&b, 'G'), EFFECT_DRAW);
	assert_false(b.s.by_growth);
	sites[0].growth = sites[1].growth = (struct report_growth){0};
	sites[2] = before;
	close_page(&b);
}

static void effects(void **state)
{
	struct bench b;

	(void)state;
	open_page(&b, 80, 24);
	assert_int_equal(type(&b, 'w'), EFFECT_WATCH | EFFECT_DRAW);
	assert_true(b.s.wants_watch);
	assert_int_equal(b.s.tab, PAGE_CALLSITES);
	assert_int_equal(type(&b, 'w'), EFFECT_WATCH | EFFECT_DRAW);
	assert_false(b.s.wants_watch);
	assert_int_equal(type(&b, 'q'), EFFECT_BACK);
	assert_int_equal(key(&b, TERM_ESCAPE), EFFECT_BACK);
	assert_int_equal(type(&b, '?'), EFFECT_HELP);
	assert_int_equal(type(&b, 'z'), EFFECT_FREEZE | EFFECT_DRAW);
	/* The cursor stays within the sites. */
	for (int i = 0; i < 5; i++)
		key(&b, TERM_DOWN);
	assert_int_equal(b.s.cursor, 2);
	key(&b, TERM_PAGE_UP);
	assert_int_equal(b.s.cursor, 0);
	close_page(&b);
	open_page(&b, 80, 24);
	page_init(&b.s, b.v.process, true);
	assert_int_equal(b.s.tab, PAGE_CALLSITES);
	assert_true(b.s.wants_watch);
	close_page(&b);
}

/* A copy outlives what it was made of, and has all of it. */
static void copy(void **state)
{
	struct report_process *from = calloc(1, sizeof(*from)), *to;
	struct arena *a = arena__new();

	(void)state;
	assert_non_null(from);
	*from = process_of();
	from->comm = strdup("import");
	to = report_copy(a, from);
	assert_non_null(to);
	memset((char *)from->comm, 'x', 6);
	assert_string_equal(to->comm, "import");
	assert_string_equal(to->seen_from, "attach");
	assert_ptr_not_equal(to->seen_from, from->seen_from);
	assert_ptr_not_equal(to->sites, sites);
	assert_int_equal(to->nsites, 3);
	assert_string_equal(to->sites[0].frames[0].function, "keep_record");
	assert_null(to->sites[1].frames[0].function);
	assert_string_equal(to->sites[1].reason, "no rule for this code");
	assert_ptr_not_equal(to->sites[1].reason, sites[1].reason);
	assert_ptr_not_equal(to->cuts[0].reason, from->cuts[0].reason);
	assert_string_equal(to->cuts[0].reason, "no rule for this code");
	assert_int_equal(to->allocator.arenas[1].system, 3 << 20);
	assert_ptr_not_equal(to->allocator.arenas[1].confidence, arenas[1].confidence);
	assert_string_equal(to->waterfall[3].what, "unexplained");
	assert_int_equal(to->waterfall[3].bytes, -1024);
	assert_string_equal(to->pinned[1].blocks, "live blocks of up to 96 B");
	assert_string_equal(to->pinned[0].frames[2].module, "/usr/bin/import");
	assert_string_equal(to->advice[0].how, "gdb -p 41 -batch");
	assert_null(to->allocator.searched);
	free((char *)from->comm);
	free(from);
	arena__free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tabs), cmocka_unit_test(states), cmocka_unit_test(any_size),
	    cmocka_unit_test(mark), cmocka_unit_test(growth), cmocka_unit_test(effects),
	    cmocka_unit_test(copy),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
