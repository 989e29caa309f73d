// SPDX-License-Identifier: GPL-2.0
/*
 * Growth in simulated time: programs of busy callsites, of which one may leak, seen in windows of
 * one percent of the calls, through ledger, looks and estimates to what is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "model/growth.h"
#include "model/growth_note.h"
#include "replay_score.h"

#define BASE	      0x7f0000000000ull
#define SECOND	      1000000000ull
#define SEEDS	      100
#define FEW_SEEDS     20
#define SITES	      12
#define MOST_OF(site) (20 + 25 * (site))
#define MOST	      MOST_OF(SITES)
#define CLASSES	      7
#define LEAK	      99u
#define LEAK_HAS      57u /* bytes: three of the busy callsites ask for as much */

/* What the busy callsites come to hold is there after a few seconds, if nothing keeps them. */
struct plan {
	uint64_t calls, seen;	/* a second, and of these in a window */
	uint64_t seconds, from; /* until then; points are from this second on */
	unsigned int leaks;	/* of a thousand turns, so many leak a block */
	unsigned int slow; /* of as many turns of a busy callsite one counts, while it fills up */
};

/* A program with its seed; addresses of each class that are free, the last freed is used first. */
struct program {
	struct replay r;
	struct growth *growth;
	uint64_t random, fresh, leaked, leaked_before, first, last;
	unsigned int held[SITES], nfree[CLASSES];
	uint64_t block[SITES][MOST], freed[CLASSES][SITES * MOST];
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

static uint64_t allocate(struct program *p, unsigned int class, uint32_t site)
{
	struct trace_record c = {.size = LEAK_HAS + 16 * class, .site = site};

	c.addr = p->nfree[class] ? p->freed[class][--p->nfree[class]] : BASE + p->fresh++ * 4096;
	replay_call(&p->r, &c, 0);
	return c.addr;
}

static void release(struct program *p, unsigned int site, unsigned int k)
{
	unsigned int class = class_of(site);
	const struct trace_record c = {.addr = p->block[site][k]};

	replay_call(&p->r, &c, 0);
	p->block[site][k] = p->block[site][--p->held[site]];
	p->freed[class][p->nfree[class]++] = c.addr;
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
	if (random_below(p, 1000) < plan->leaks) {
		allocate(p, 0, LEAK);
		p->leaked++;
	}
}

static int add_chunk(void *arg, const struct block *b)
{
	uint64_t *bytes = arg;

	*bytes += replay_chunk(b->size);
	return 0;
}

/* As session_report.c does it. */
static void note(struct program *p, uint64_t second)
{
	struct growth_look look = {
	    .time_ns = second * SECOND, .sampling = &p->r.sampling, .has_heap = true};
	struct snapshot *s;

	replay_look(&p->r);
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
	    .seen = plan->seen, .every = plan->calls, .large = true, .seed = seed};
	uint64_t second = 0;

	memset(p, 0, sizeof(*p));
	p->random = seed * 0x9e3779b97f4a7c15ull;
	p->growth = growth__new();
	assert_non_null(p->growth);
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

	for (uint32_t i = 1; i <= SITES + 1; i++) {
		uint32_t stack = i > SITES ? LEAK : i;
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

static void test_leak(void **state)
{
	const struct plan plan = {
	    .calls = 2500, .seen = 25, .seconds = 75, .from = 15, .leaks = 40};
	struct program *p = new_program();
	int first = 0, inside = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct growth_rate rate;
		double truth;

		run(p, &plan, seed);
		truth = (double)(p->leaked - p->leaked_before) * LEAK_HAS * 60 /
			(double)(p->last - p->first);
		first += first_of(p) == LEAK;
		inside += rate_of(p, LEAK, &rate) && fabs(rate.per_minute - truth) <= rate.error;
		end(p);
	}
	printf("leak first %d, in the bar %d of %d\n", first, inside, SEEDS);
	assert_true(first >= 85);
	assert_true(inside >= 85);
	free(p);
}

static void test_churn(void **state)
{
	const struct plan plan = {.calls = 2500, .seen = 25, .seconds = 75, .from = 15};
	struct program *p = new_program();
	int none = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		run(p, &plan, seed);
		none += !first_of(p);
		end(p);
	}
	printf("no callsite said to grow: %d of %d\n", none, SEEDS);
	assert_true(none >= 90);
	free(p);
}

/* A program that fills up, of which the points begin before it does, and that is steady then. */
static void test_fill(void **state)
{
	const struct plan plan = {.calls = 2500, .seen = 25, .seconds = 180, .from = 1, .slow = 20};
	struct program *p = new_program();
	int none = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= FEW_SEEDS; seed++) {
		run(p, &plan, seed);
		for (unsigned int s = 0; s < SITES; s++)
			assert_true(p->held[s] >= MOST_OF(s) / 2);
		none += !first_of(p);
		end(p);
	}
	printf("no callsite said to grow: %d of %d\n", none, FEW_SEEDS);
	assert_true(none >= 18);
	free(p);
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
	    cmocka_unit_test(test_leak), cmocka_unit_test(test_churn), cmocka_unit_test(test_fill),
	    cmocka_unit_test(test_all_seen)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
