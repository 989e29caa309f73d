// SPDX-License-Identifier: GPL-2.0
#include "inspect/account.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

/* Advice for less than this, or for less than a twentieth of RSS, is noise. */
#define WORTH_IT (1u << 20)

/* mallopt(3): DEFAULT_MMAP_THRESHOLD, DEFAULT_TRIM_THRESHOLD */
#define DEFAULT_THRESHOLD (128u << 10)

const char *account_confidence(enum glibc_confidence c)
{
	return c == GLIBC_EXACT ? "exact" : c == GLIBC_ESTIMATED ? "estimated" : "unknown";
}

static void line(struct account *a, const char *what, uint64_t bytes, const char *quality)
{
	if (bytes)
		a->lines[a->nlines++] = (struct report_line){what, (int64_t)bytes, quality};
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t malloc_resident(const struct explain *e)
{
	return e->census.kind[CENSUS_HEAP].resident + e->census.kind[CENSUS_MMAPPED].resident;
}

/* Of the arenas that were counted; those that could not be have a line of their own. */
static enum glibc_confidence counted(const struct explain *e, size_t *unknown, size_t *unwalked)
{
	enum glibc_confidence worst = GLIBC_EXACT;

	*unknown = *unwalked = 0;
	for (size_t i = 0; i < e->state.narenas; i++) {
		const struct glibc_arena *a = &e->state.arenas[i];

		if (!a->system)
			continue;
		*unknown += a->confidence == GLIBC_UNKNOWN;
		*unwalked += !a->walked;
		if (a->confidence == GLIBC_ESTIMATED)
			worst = a->confidence;
	}
	return worst;
}

/* malloc's own memory, split by the walk. */
static void heap_lines(const struct account_input *in, struct account *a)
{
	const struct explain *e = in->explain;
	const struct pins_totals *t = &e->totals;
	uint64_t held = malloc_resident(e), told = t->seen + t->older + t->overhead + t->free, rest;
	size_t unknown, unwalked;
	const char *walk = account_confidence(counted(e, &unknown, &unwalked));

	if (told > held) {
		/* The heap shrank between the walk and the census. */
		line(a, "malloc's heaps, in use or free", held, "degraded");
		return;
	}
	rest = held - told;
	line(a, "live blocks seen, by callsite", t->seen, in->degraded ? "degraded" : walk);
	line(a,
	     in->partly	  ? "live blocks not seen"
	     : in->probes ? "live blocks from before the attach"
			  : "live blocks",
	     t->older, in->degraded ? "degraded" : walk);
	line(a, "allocator overhead", t->overhead + (unwalked ? 0 : rest), walk);
	line(a, "free but resident in the allocator", t->free, walk);
	if (unwalked)
		line(a,
		     unknown == unwalked ? "malloc's heaps, in use or free"
					 : "malloc's heaps, where no walk went",
		     rest, "degraded");
}

static void named_line(struct account *a, unsigned int i, const char *fmt, const char *name,
		       uint64_t bytes, const char *quality)
{
	snprintf(a->named[i], sizeof(a->named[i]), fmt, name);
	line(a, a->named[i], bytes, quality);
}

/*
 * Of another allocator: its memory is known to the page, its blocks by its counters and the ledger
 * alone.  Which of its pages hold them is not: blocks count as resident, as far as there is room.
 */
static void own_lines(const struct account_input *in, struct account *a)
{
	const struct explain *e = in->explain;
	uint64_t held = e->census.kind[CENSUS_OWN].resident, seen = 0, used;
	const char *name = e->own_name;

	if (!e->has_own) {
		named_line(a, 0, "%s's memory, in use or free", name, held, "degraded");
		return;
	}
	used = e->own.in_use < held ? e->own.in_use : held;
	if (in->probes) {
		/* What glibc's walk found of the ledger's blocks is not this one's. */
		seen = less(in->outstanding, e->totals.seen);
		seen = seen < used ? seen : used;
		named_line(a, 0, "live blocks seen, in %s", name, seen,
			   in->degraded ? "degraded" : "estimated");
		named_line(a, 1,
			   in->partly ? "blocks not seen, rounding, in %s"
				      : "older blocks, rounding, in %s",
			   name, used - seen, in->degraded ? "degraded" : "estimated");
	} else {
		named_line(a, 0, "live blocks, in %s", name, used, "estimated");
	}
	named_line(a, 2, "free or overhead, in %s", name, held - used, "estimated");
}

static void other_lines(const struct account_input *in, struct account *a)
{
	static const enum census_kind kinds[] = {CENSUS_PYTHON, CENSUS_JIT, CENSUS_STACK,
						 CENSUS_THREAD_STACK, CENSUS_DATA};
	const struct explain *e = in->explain;
	uint64_t anon = e->census.kind[CENSUS_ANON].resident, seen = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		line(a, census_name(kinds[i]), e->census.kind[kinds[i]].resident, "exact");
	if (e->own_ranges)
		own_lines(in, a);
	if (e->own_ranges || in->is_glibc) {
		line(a, census_name(CENSUS_ANON), anon, "exact");
	} else if (in->probes) {
		/* Of an allocator whose memory is not told from other mappings. */
		seen = in->outstanding < anon ? in->outstanding : anon;
		line(a, "live blocks of other allocators", seen, "estimated");
		line(a, "other anonymous memory, the allocator's free memory in it", anon - seen,
		     "estimated");
	} else {
		line(a, "anonymous memory, the allocator's in it", anon, "exact");
	}
	line(a, census_name(CENSUS_FILE), e->census.kind[CENSUS_FILE].resident, "exact");
}

static void unexplained(const struct account_input *in, struct account *a)
{
	uint64_t rss = in->rss ? in->rss : in->explain->rss;
	int64_t rest = (int64_t)rss, change = (int64_t)(rss - in->explain->rss);

	if (change)
		a->lines[a->nlines++] =
		    (struct report_line){"changed since this was looked at", change, "degraded"};

	for (size_t i = 0; i < a->nlines; i++)
		rest -= a->lines[i].bytes;
	a->lines[a->nlines++] = (struct report_line){"unexplained", rest, "exact"};
}

static void advise(struct account *a, uint64_t bytes, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void advise(struct account *a, uint64_t bytes, const char *what, const char *fmt, ...)
{
	size_t i = a->nadvice;
	va_list ap;

	if (i == ACCOUNT_ADVICE)
		return;
	va_start(ap, fmt);
	vsnprintf(a->how[i], sizeof(a->how[i]), fmt, ap);
	va_end(ap);
	snprintf(a->what[i], sizeof(a->what[i]), "%s", what);
	a->advice[i] = (struct report_advice){a->what[i], bytes, a->how[i]};
	a->nadvice++;
}

static bool worth_it(const struct explain *e, uint64_t bytes)
{
	return bytes >= WORTH_IT && bytes >= e->rss / 20;
}

static void advise_trim(const struct account_input *in, struct account *a)
{
	const struct explain *e = in->explain;
	char what[256], top[SIZE_TEXT], inside[SIZE_TEXT];
	uint64_t at_top = 0;

	if (!worth_it(e, e->state.sum.trimmable))
		return;
	if (e->state.narenas)
		at_top = e->state.arenas[0].top_bytes;
	if (at_top > e->state.sum.trimmable)
		at_top = e->state.sum.trimmable;
	snprintf(what, sizeof(what), "malloc_trim(0): %s at the top of the heap, %s within",
		 size_format(top, at_top), size_format(inside, e->state.sum.trimmable - at_top));
	advise(a, e->state.sum.trimmable, what,
	       "once, in the running process, which stops for the call: gdb -p %u -batch -ex 'call "
	       "(int)malloc_trim(0)'; or call it in the program after a phase that frees much",
	       in->pid);
}

static void advise_arenas(const struct explain *e, struct account *a)
{
	uint64_t elsewhere = 0;
	char what[256], size[SIZE_TEXT];
	size_t used = 0;

	for (size_t i = 0; i < e->state.narenas; i++) {
		if (!e->state.arenas[i].system)
			continue;
		/* The main one and the first other would stay. */
		if (++used > 2)
			elsewhere += e->state.arenas[i].free_resident;
	}
	if (used <= 2 || !worth_it(e, elsewhere))
		return;
	snprintf(what, sizeof(what),
		 "MALLOC_ARENA_MAX: free memory is spread over %zu arenas, %s of it "
		 "in the third and later",
		 used, size_format(size, elsewhere));
	advise(
	    a, elsewhere, what,
	    "restart with MALLOC_ARENA_MAX=2 in the environment (threads then wait for each other "
	    "more)");
}

static void advise_thresholds(const struct explain *e, struct account *a)
{
	uint64_t top = e->state.narenas ? e->state.arenas[0].top_bytes : 0;
	char what[256], size[SIZE_TEXT];

	/* The first mmapped block that is freed raises both thresholds, for ever. */
	if (e->mmap_threshold > DEFAULT_THRESHOLD && worth_it(e, e->totals.large_free)) {
		snprintf(
		    what, sizeof(what),
		    "MALLOC_MMAP_THRESHOLD_: it grew to %s, so blocks of 128 KiB and more leave "
		    "holes in the heap",
		    size_format(size, e->mmap_threshold));
		advise(
		    a, e->totals.large_free, what,
		    "restart with MALLOC_MMAP_THRESHOLD_=131072, which also keeps it from growing");
	}
	if (e->trim_threshold > DEFAULT_THRESHOLD && worth_it(e, less(top, DEFAULT_THRESHOLD))) {
		snprintf(what, sizeof(what),
			 "MALLOC_TRIM_THRESHOLD_: the heap's top is given back only from %s on",
			 size_format(size, e->trim_threshold));
		advise(a, less(top, DEFAULT_THRESHOLD), what,
		       "restart with MALLOC_TRIM_THRESHOLD_=131072");
	}
}

static void advise_allocator(const struct explain *e, struct account *a)
{
	/* Free memory that no trim reaches, since live blocks stand on each of its pages. */
	uint64_t stuck = less(e->totals.free, e->state.sum.trimmable);

	if (stuck < e->rss / 4 || !worth_it(e, stuck) || stuck < e->totals.sparse_free)
		return;
	advise(a, e->totals.sparse_free,
	       "another allocator: small live blocks keep free pages resident",
	       "try LD_PRELOAD=libjemalloc.so.2 (package libjemalloc2), which keeps sizes apart; "
	       "measure: what it saves depends on the program");
}

void account_make(const struct account_input *in, struct account *out)
{
	const struct explain *e = in->explain;

	out->nlines = out->nadvice = 0;
	if (e->has_glibc)
		heap_lines(in, out);
	other_lines(in, out);
	unexplained(in, out);
	if (!e->has_glibc || e->state.confidence == GLIBC_UNKNOWN)
		return;
	advise_trim(in, out);
	advise_arenas(e, out);
	advise_thresholds(e, out);
	advise_allocator(e, out);
}
