// SPDX-License-Identifier: GPL-2.0
/*
 * Growth in simulated time: programs of busy callsites, of which one may leak, seen in windows of
 * one percent of the calls, through ledger, looks and estimates to what is told.  Seeds and shapes
 * are others than those that constants were chosen by (seeds 1 to 100, a steady leak).
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "model/cohort.h"
#include "model/growth.h"
#include "model/growth_note.h"
#include "replay_score.h"

#define BASE	      0x7f0000000000ull
#define SECOND	      1000000000ull
#define SEEDS	      40
#define FEW_SEEDS     10
#define FIRST_SEED    1001
#define SITES	      12
#define MOST_OF(site) (20 + 25 * (site))
#define MOST	      MOST_OF(SITES)
#define CLASSES	      8
#define LARGE	      7 /* of classes: blocks of 3,000 bytes */
#define LARGE_HAS     3000u
#define TOOTH	      1000
#define LEAK	      99u
#define TOOTH_SITE    98u
#define LEAK_HAS      57u /* bytes: three of the busy callsites ask for as much */

/* What the busy callsites come to hold is there after a few seconds, if nothing keeps them. */
struct plan {
	uint64_t calls, seen;	/* a second, and of these in a window */
	uint64_t seconds, from; /* until then; points are from this second on */
	unsigned int leaks;	/* of a thousand turns, so many leak a block */
	unsigned int slow;  /* of as many turns of a busy callsite one counts, while it fills up */
	unsigned int burst; /* so many blocks are lost at once, as seldom */
	uint64_t tooth;	    /* in so many seconds a cache fills up, and is emptied */
	bool reads;	    /* samples are looked at again */
	bool large_leak, not_large; /* large blocks leak; they are seen in windows alone */
};

/* A program with its seed; addresses of each class that are free, the last freed is used first. */
struct program {
	struct replay r;
	struct growth *growth;
	struct cohort *cohort;
	struct blocks *contents; /* size: what a block begins with, a number that no other has */
	uint64_t random, fresh, leaked, leaked_before, first, last, number, ntooth;
	uint64_t tooth[TOOTH];
	unsigned int held[SITES], nfree[CLASSES];
	uint64_t block[SITES][MOST], freed[CLASSES][SITES * MOST + TOOTH];
};

static uint64_t random_below(struct program *p, uint64_t n)
{
	p->random ^= p->random << 13;
	p->random ^= p->random >> 7;
	p->random ^= p->random << 17;
	return (p->random >> 16) % n;
}

static unsigned int class_of(unsigned int site)
{
	return site < 3 ? 0 : (site + 1) / 2;
}

/* It begins with something new. */
static void fill(struct program *p, uint64_t addr)
{
	const struct block b = {.addr = addr, .size = ++p->number};

	assert_true(blocks__put(p->contents, &b, NULL) >= 0);
}

static uint64_t allocate(struct program *p, unsigned int class, uint32_t site)
{
	struct trace_record c = {.size = class == LARGE ? LARGE_HAS : LEAK_HAS + 16 * class,
				 .site = site};

	c.addr = p->nfree[class] ? p->freed[class][--p->nfree[class]] : BASE + p->fresh++ * 4096;
	replay_call(&p->r, &c, 0);
	fill(p, c.addr);
	return c.addr;
}

static void give_back(struct program *p, unsigned int class, uint64_t addr)
{
	const struct trace_record c = {.addr = addr};

	replay_call(&p->r, &c, 0);
	fill(p, addr);
	p->freed[class][p->nfree[class]++] = addr;
}

static void release(struct program *p, unsigned int site, unsigned int k)
{
	give_back(p, class_of(site), p->block[site][k]);
	p->block[site][k] = p->block[site][--p->held[site]];
}

static void lose(struct program *p, const struct plan *plan)
{
	unsigned int burst = plan->burst ? plan->burst : 1;

	if (random_below(p, 1000 * burst) >= plan->leaks)
		return;
	for (unsigned int i = 0; i < burst; i++)
		allocate(p, plan->large_leak ? LARGE : 0, LEAK);
	p->leaked += burst;
}

/* A cache of the leak's size, of TOOTH blocks when it is full. */
static void saw(struct program *p, const struct plan *plan)
{
	uint64_t at = p->r.calls % (plan->tooth * plan->calls);

	if (p->ntooth < TOOTH && p->ntooth * plan->tooth * plan->calls < at * TOOTH)
		p->tooth[p->ntooth++] = allocate(p, 0, TOOTH_SITE);
	if (at < plan->calls / 10)
		while (p->ntooth)
			give_back(p, 0, p->tooth[--p->ntooth]);
}

/* A third of the busy callsites frees its newest block first, the others any. */
static void turn(struct program *p, const struct plan *plan)
{
	unsigned int s = (unsigned int)random_below(p, SITES), most = MOST_OF(s);

	if (p->held[s] == most || (p->held[s] > most / 2 && random_below(p, 2)))
		release(p, s, s % 3 ? (unsigned int)random_below(p, p->held[s]) : p->held[s] - 1);
	if (p->held[s] < most && (!plan->slow || !random_below(p, plan->slow))) {
		uint64_t at = allocate(p, class_of(s), s + 1);

		p->block[s][p->held[s]++] = at;
	}
	lose(p, plan);
	if (plan->tooth)
		saw(p, plan);
}

static int add_chunk(void *arg, const struct block *b)
{
	uint64_t *bytes = arg;

	*bytes += replay_chunk(b->size);
	return 0;
}

static int add_block(void *arg, const struct block *b)
{
	return cohort__add(arg, b);
}

/* As cohorts.c does it, but that nothing is read between looks. */
static void read_samples(struct program *p, uint64_t second)
{
	struct blocks *blocks = ledger__blocks(p->r.ledger);
	struct seen_span *spans;
	size_t n;
	bool partly;

	assert_non_null(blocks);
	assert_int_equal(ledger__spans(p->r.ledger, &spans, &n, &partly), 0);
	cohort__begin(p->cohort, second * SECOND, true, spans, n);
	assert_int_equal(blocks__each(blocks, add_block, p->cohort), 0);
	n = cohort__to_read(p->cohort);
	for (size_t i = 0; i < n; i++) {
		uint64_t words[SIGNATURE_WORDS] = {0};
		struct block b;

		assert_true(blocks__find(p->contents, cohort__block(p->cohort, i)->addr, &b));
		words[0] = b.size;
		cohort__tell(p->cohort, i, words);
	}
	assert_int_equal(cohort__finish(p->cohort), 0);
	blocks__free(blocks);
	free(spans);
}

/* As session_report.c does it. */
static void note(struct program *p, uint64_t second)
{
	struct growth_look look = {.time_ns = second * SECOND,
				   .sampling = &p->r.sampling,
				   .cohort = p->cohort,
				   .has_heap = true};
	struct snapshot *s;

	replay_look(&p->r);
	if (p->cohort)
		read_samples(p, second);
	s = ledger__snapshot(p->r.ledger, 0, 0);
	assert_non_null(s);
	estimates_apply(&p->r.sampling.estimates, s, 0, 0);
	blocks__each(p->r.live, add_chunk, &look.heap_bytes);
	look.snapshot = s;
	assert_int_equal(growth__note(p->growth, &look), 0);
	snapshot__free(s);
	if (!p->first) {
		p->first = second;
		p->leaked_before = p->leaked;
	}
	p->last = second;
}

static void run(struct program *p, const struct plan *plan, uint64_t seed)
{
	const struct replay_plan windows = {
	    .seen = plan->seen, .every = plan->calls, .large = !plan->not_large, .seed = seed};
	uint64_t second = 0;

	memset(p, 0, sizeof(*p));
	p->random = seed * 0x9e3779b97f4a7c15ull;
	p->growth = growth__new();
	p->contents = blocks__new();
	p->cohort = plan->reads ? cohort__new() : NULL;
	assert_true(p->growth && p->contents && (p->cohort || !plan->reads));
	replay_start(&p->r, &windows);
	while (second < plan->seconds) {
		turn(p, plan);
		if (p->r.calls / plan->calls == second)
			continue;
		second = p->r.calls / plan->calls;
		if (second >= plan->from)
			note(p, second);
	}
}

static void end(struct program *p)
{
	replay_end(&p->r);
	growth__free(p->growth);
	cohort__free(p->cohort);
	blocks__free(p->contents);
}

static bool rate_of(struct program *p, uint32_t stack, struct growth_rate *rate)
{
	struct snapshot *s = ledger__snapshot(p->r.ledger, 0, 0);
	const struct snapshot_site *site;
	bool told;

	assert_non_null(s);
	site = replay_told(s, stack);
	told = site && growth__of(p->growth, growth_key(site->site, false), rate);
	snapshot__free(s);
	return told;
}

/* Which callsite is told first of those that grow; 0: none does. */
static uint32_t first_of(struct program *p)
{
	double most = 0;
	uint32_t first = 0;

	for (uint32_t i = 1; i <= SITES + 2; i++) {
		uint32_t stack = i > SITES ? LEAK + SITES + 1 - i : i;
		struct growth_rate rate;

		if (!rate_of(p, stack, &rate) || !rate.growing || rate.per_minute <= most)
			continue;
		most = rate.per_minute;
		first = stack;
	}
	return first;
}

static struct program *new_program(void)
{
	struct program *p = malloc(sizeof(*p));

	assert_non_null(p);
	return p;
}

/* Of how many runs the leak was told first, nothing was, and the truth was in the bar. */
struct outcome {
	int first, none, inside;
};

static struct outcome runs(const struct plan *plan, uint64_t seeds, const char *what)
{
	struct program *p = new_program();
	struct outcome o = {0};

	for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + seeds; seed++) {
		const uint32_t size = plan->large_leak ? LARGE_HAS : LEAK_HAS;
		struct growth_rate rate = {0};
		uint32_t first;
		double truth;

		run(p, plan, seed);
		truth = (double)(p->leaked - p->leaked_before) * size * 60 /
			(double)(p->last - p->first);
		first = first_of(p);
		o.first += first == LEAK;
		o.none += !first;
		o.inside += rate_of(p, LEAK, &rate) && fabs(rate.per_minute - truth) <= rate.error;
		end(p);
	}
	printf("%s: leak first %d, nothing told %d, in the bar %d of %d\n", what, o.first, o.none,
	       o.inside, (int)seeds);
	free(p);
	return o;
}

static void test_leak(void **state)
{
	struct plan plan = {.calls = 2500, .seen = 25, .seconds = 75, .from = 15, .leaks = 40};
	struct outcome o = runs(&plan, SEEDS, "steady");

	(void)state;
	assert_true(o.first >= 34 && o.inside >= 34);
	plan.reads = true;
	o = runs(&plan, SEEDS, "steady, samples looked at again");
	assert_true(o.first >= 28 && o.first + o.none == SEEDS && o.inside >= 34);
}

/* Ten blocks at once; blocks of 3,000 bytes; a fifth as much. */
static void test_shapes(void **state)
{
	const struct plan plan = {
	    .calls = 2500, .seen = 25, .seconds = 75, .from = 15, .leaks = 40, .reads = true};
	struct plan burst = plan, large = plan, slow = plan;
	struct outcome o;

	(void)state;
	burst.burst = 10;
	o = runs(&burst, FEW_SEEDS, "in bursts");
	assert_true(o.first + o.none == FEW_SEEDS && o.inside >= 9);
	large.large_leak = large.not_large = true;
	o = runs(&large, FEW_SEEDS, "large");
	assert_true(o.first >= 7 && o.first + o.none == FEW_SEEDS && o.inside >= 9);
	slow.leaks = 8;
	o = runs(&slow, FEW_SEEDS, "slow");
	assert_true(o.first + o.none == FEW_SEEDS && o.inside >= 9);
}

static void test_churn(void **state)
{
	struct plan plan = {.calls = 2500, .seen = 25, .seconds = 75, .from = 15};

	(void)state;
	assert_true(runs(&plan, SEEDS, "no leak").none >= 38);
	plan.reads = true;
	assert_true(runs(&plan, FEW_SEEDS, "no leak, samples looked at again").none >= 9);
	plan.tooth = 13;
	assert_true(runs(&plan, FEW_SEEDS, "a cache that is emptied").none >= 9);
}

/* A program that fills up, of which the points begin before it does, and that is steady then. */
static void test_fill(void **state)
{
	const struct plan plan = {.calls = 2500, .seen = 25, .seconds = 180, .from = 1, .slow = 20};

	(void)state;
	assert_true(runs(&plan, FEW_SEEDS, "filled up").none >= 9);
}

/* Where all is seen the line is one through what is so, and nothing is unsure but where the points
 * are off it. */
static void test_all_seen(void **state)
{
	const struct plan plan = {
	    .calls = 2500, .seen = 2500, .seconds = 75, .from = 15, .leaks = 40};
	struct program *p = new_program();

	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct growth_rate rate;
		double truth;

		run(p, &plan, seed);
		truth = (double)(p->leaked - p->leaked_before) * LEAK_HAS * 60 /
			(double)(p->last - p->first);
		assert_int_equal(first_of(p), LEAK);
		assert_true(rate_of(p, LEAK, &rate));
		assert_true(fabs(rate.per_minute - truth) <= 0.01 * truth);
		assert_true(rate.error <= 0.05 * truth);
		end(p);
	}
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_leak), cmocka_unit_test(test_shapes),
	    cmocka_unit_test(test_churn), cmocka_unit_test(test_fill),
	    cmocka_unit_test(test_all_seen)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
